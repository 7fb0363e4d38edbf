import type { ScrapydFinished, ScrapydJobs, ScrapydPending, ScrapydRunning } from './scrapyd-replies.ts'

/** A job of a stock Scrapyd as the master's ledger has it. */
export interface MirroredJob {
  readonly key: string
  readonly project: string
  readonly id: string
  readonly state: 'pending' | 'running' | 'finished'
  /** Its start as the node writes it, which tells the runs of one id apart; null before it has started. */
  readonly run: string | null
  /** The node said that it has the job, or has shown it. */
  readonly isConfirmed: boolean
  /** It was given up, because the node did not know it, or was removed; the node's word counts more. */
  readonly isLost?: boolean
  /** That was a moment ago, so that what appears under its id may be it. */
  readonly mayBeLate?: boolean
}

/** What the ledger must take over. Only what has changed comes. */
export interface MirrorUpsert {
  /** null: the job was scheduled there by somebody else, and is new here. */
  readonly key: string | null
  readonly project: string
  readonly spider: string
  readonly id: string
  readonly state: 'pending' | 'running' | 'finished'
  /** To be stored with the row, and given back as `MirroredJob.run`. */
  readonly run: string | null
  readonly pid: number | null
  /** As the node writes it, in its local time. */
  readonly start: string | null
  readonly end: string | null
  readonly args: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
  readonly version: string | null
  /** The node says that there is a log. */
  readonly hasLog: boolean
}

export interface MirrorChanges {
  readonly upserts: readonly MirrorUpsert[]
  /** Jobs that have not ended and that the listing does not have. */
  readonly missing: readonly MirroredJob[]
}

type Started = (ScrapydRunning | ScrapydFinished) & { readonly state: 'running' | 'finished' }

/**
 * Compares what a stock Scrapyd lists with what the ledger has of it. Pure. A run is known by its start. One that is not
 * known, or waits in the queue, is the oldest job of that id that has not started, or that was given up before it was seen;
 * else somebody else scheduled it there.
 * @param known the node's jobs that have not ended, and of the listed ids also those that have
 */
export function mirrorChanges(listed: ScrapydJobs, known: readonly MirroredJob[]): MirrorChanges {
  const rows = Map.groupBy(known, nameOf)
  const started = Map.groupBy(startedOf(listed), nameOf)
  const waiting = Map.groupBy(listed.pending, nameOf)
  const upserts: MirrorUpsert[] = []
  const missing: MirroredJob[] = []
  for (const name of new Set([...rows.keys(), ...started.keys(), ...waiting.keys()])) {
    const changes = changesOfId(started.get(name) ?? [], waiting.get(name) ?? [], rows.get(name) ?? [])
    upserts.push(...changes.upserts)
    missing.push(...changes.missing)
  }
  return { upserts, missing }
}

/** All jobs of one project with one id. */
function changesOfId(
  started: readonly Started[],
  waiting: readonly ScrapydPending[],
  rows: readonly MirroredJob[],
): MirrorChanges {
  const upserts: MirrorUpsert[] = []
  const byRun = new Map(rows.filter(({ run }) => run !== null).map((row) => [row.run, row]))
  const left = new Set(rows.filter(({ state }) => state !== 'finished'))
  const unseen = rows.filter(({ run }) => run === null)
  const unstarted = [
    ...unseen.filter(({ state }) => state !== 'finished'),
    ...unseen.filter(({ isLost, mayBeLate }) => isLost === true && mayBeLate === true),
  ]
  for (const run of started.toSorted((a, b) => (a.start_time < b.start_time ? -1 : 1))) {
    const row = byRun.get(run.start_time) ?? unstarted.shift()
    if (row !== undefined) left.delete(row)
    const isOver = row?.state === 'finished' && row.isLost !== true
    if (row === undefined || row.run === null || row.isLost === true || (row.state !== run.state && !isOver)) {
      upserts.push(startedUpsert(row?.key ?? null, run))
    }
  }
  for (const entry of waiting) {
    const row = unstarted.shift()
    if (row !== undefined) left.delete(row)
    if (row?.isConfirmed !== true || row.isLost === true) upserts.push(waitingUpsert(row?.key ?? null, entry))
  }
  return { upserts, missing: [...left] }
}

function startedOf({ running, finished }: ScrapydJobs): Started[] {
  return [
    ...finished.map((job) => ({ ...job, state: 'finished' as const })),
    ...running.map((job) => ({ ...job, state: 'running' as const })),
  ]
}

function nameOf({ project, id }: { readonly project: string; readonly id: string }): string {
  return `${project}\n${id}`
}

function startedUpsert(key: string | null, job: Started): MirrorUpsert {
  return {
    key,
    project: job.project,
    spider: job.spider,
    id: job.id,
    state: job.state,
    run: job.start_time,
    pid: 'pid' in job ? (job.pid ?? null) : null,
    start: job.start_time,
    end: 'end_time' in job ? job.end_time : null,
    args: {},
    settings: {},
    version: null,
    hasLog: job.log_url !== null,
  }
}

function waitingUpsert(key: string | null, job: ScrapydPending): MirrorUpsert {
  const { project, spider, id, args, settings, version } = job
  const unstarted = { state: 'pending', run: null, pid: null, start: null, end: null, hasLog: false } as const
  return { key, project, spider, id, args, settings, version, ...unstarted }
}
