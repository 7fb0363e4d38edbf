import { reasonText } from '../api/contract/reasons.ts'
import type { Logger } from '../logger.ts'
import type { ScrapydClock } from './scrapyd-clock.ts'
import { ScrapydLogEnds, type ScrapydLogEnd } from './scrapyd-log-end.ts'
import { type MirrorChanges, type MirroredJob, mirrorChanges, type MirrorUpsert } from './scrapyd-mirror.ts'
import type { ScrapydListing, ScrapydNode } from './scrapyd-node.ts'
import type { ScrapydJobs } from './scrapyd-replies.ts'

/** A change of a job of a stock Scrapyd, its times in UTC. */
export interface MirrorRow extends MirrorUpsert {
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** Of a job whose end was just seen; null when its log does not tell. */
  readonly log: ScrapydLogEnd | null
}

/** The ledger as the follower of one stock Scrapyd sees it. */
export interface MirrorPort {
  /** The node's jobs that have not ended; and of those with these ids also the ones that have (their `run` above all). */
  known(ids: ReadonlySet<string>): readonly MirroredJob[]
  /** Takes all over in one transaction, in this order. */
  apply(rows: readonly MirrorRow[]): Promise<void>
  /** The node does not know these jobs any more. */
  lose(keys: readonly string[], reason: string): Promise<void>
}

export interface ScrapydFollowerParts {
  readonly node: ScrapydNode
  readonly port: MirrorPort
  readonly clock: ScrapydClock
  readonly intervalMs: number
  /** Ended jobs that the ledger does not know are taken over when they ended less than so long ago. */
  readonly keepMs: number
  /** After each poll; null: the ledger is in step with the node. */
  readonly polled: (error: unknown) => void
  readonly log: Logger
}

/** A job that is in no list of two polls, one after the other, is lost. */
const POLLS_UNTIL_LOST = 2
const LOGS_PER_POLL = 20
const LOGS_AT_ONCE = 4

/** Follows a stock Scrapyd, which has no events, by asking for its jobs again and again. */
export class ScrapydFollower {
  readonly #parts: ScrapydFollowerParts
  readonly #stop = new AbortController()
  readonly #logs: ScrapydLogEnds
  readonly #missed = new Map<string, { polls: number; reason: string }>()
  #timer: NodeJS.Timeout | null = null
  #polling: Promise<boolean> | null = null
  #next: Promise<boolean> | null = null
  #last: ScrapydListing | null = null

  constructor(parts: ScrapydFollowerParts) {
    this.#parts = parts
    this.#logs = new ScrapydLogEnds(parts.node, this.#stop.signal, parts.log)
  }

  start(): void {
    void this.poll()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#next
    await this.#polling
  }

  /** Asks now; what is asked already may be too old, then once more after that. Resolves to whether it was answered. */
  poll(): Promise<boolean> {
    if (this.#polling === null) {
      this.#polling = this.#pollOnce().finally(() => {
        this.#polling = null
      })
      return this.#polling
    }
    this.#next ??= this.#polling.then(() => {
      this.#next = null
      return this.#stop.signal.aborted ? false : this.poll()
    })
    return this.#next
  }

  async #pollOnce(): Promise<boolean> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const { node, polled, log, intervalMs } = this.#parts
    let failure: unknown = null
    try {
      await this.#mirror(await node.listJobs(this.#stop.signal))
    } catch (error) {
      failure = error ?? new Error('unknown')
      log.debug(`the jobs of ${node.target.name} could not be listed: ${String(error)}`)
    }
    if (this.#stop.signal.aborted) return false
    this.#timer = setTimeout(() => void this.poll(), intervalMs)
    this.#timer.unref()
    polled(failure)
    return failure === null
  }

  async #mirror(listing: ScrapydListing): Promise<void> {
    const { port } = this.#parts
    await this.#learnZone(listing)
    // Asked after the listing was made: a job that was given to the node meanwhile is missing in it once, and not twice.
    const changes = mirrorChanges(listing.jobs, port.known(idsOf(listing.jobs)))
    const rows = await this.#rowsOf(changes)
    if (rows.length > 0) await port.apply(rows)
    await this.#lose(changes.missing, listing.jobs)
    this.#last = listing
  }

  async #rowsOf({ upserts }: MirrorChanges): Promise<MirrorRow[]> {
    const { clock, keepMs } = this.#parts
    const oldest = Date.now() - keepMs
    const rows = upserts
      .map((upsert) => ({
        ...upsert,
        startedAt: upsert.start === null ? null : clock.toUtc(upsert.start),
        endedAt: upsert.end === null ? null : clock.toUtc(upsert.end),
        log: null as ScrapydLogEnd | null,
      }))
      .filter(({ key, endedAt }) => key !== null || endedAt === null || endedAt >= oldest)
    // What ended before we looked for the first time is history: its logs are not read for that.
    const ended = rows.filter(
      ({ key, state, hasLog }) => state === 'finished' && hasLog && (key !== null || this.#last),
    )
    const queue = ended.slice(0, LOGS_PER_POLL)
    const read = async () => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) row.log = await this.#logs.end(row)
    }
    await Promise.all(Array.from({ length: LOGS_AT_ONCE }, read))
    return rows
  }

  async #lose(missing: readonly MirroredJob[], listed: ScrapydJobs): Promise<void> {
    // A job that was sent and not answered is the dispatcher's question, not a loss.
    const gone = missing.filter(({ isConfirmed }) => isConfirmed)
    const keys = new Set(gone.map(({ key }) => key))
    for (const key of this.#missed.keys()) if (!keys.has(key)) this.#missed.delete(key)
    const reason = this.#whyMissing(listed)
    const lost = new Map<string, string[]>()
    for (const { key } of gone) {
      const miss = this.#missed.get(key) ?? { polls: 0, reason }
      miss.polls++
      this.#missed.set(key, miss)
      if (miss.polls >= POLLS_UNTIL_LOST) lost.set(miss.reason, [...(lost.get(miss.reason) ?? []), key])
    }
    for (const [why, some] of lost) await this.#parts.port.lose(some, why)
  }

  #whyMissing({ finished, running }: ScrapydJobs): string {
    const { name } = this.#parts.node.target
    const before = this.#last?.jobs
    const runs = new Set([...finished, ...running].map(runOf))
    const hadRuns = before !== undefined && before.finished.length + before.running.length > 0
    if (hadRuns && ![...before.finished, ...before.running].some((job) => runs.has(runOf(job)))) {
      return reasonText('stockRestarted', { node: name })
    }
    return reasonText('stockForgot', { node: name })
  }

  /** Two moments of its clock and a job that started between them show the zone; at first, the log of an ended job. */
  async #learnZone({ jobs, clock: now }: ScrapydListing): Promise<void> {
    const { clock } = this.#parts
    const last = this.#last
    if (last !== null && last.clock !== null && now !== null) {
      const seen = new Set([...last.jobs.running, ...last.jobs.finished].map(runOf))
      for (const job of [...jobs.running, ...jobs.finished]) {
        if (!seen.has(runOf(job))) clock.learnBetween(job.start_time, last.clock, now)
      }
    }
    const ended = jobs.finished.find(({ log_url }) => log_url !== null)
    if (clock.isKnown || ended === undefined) return
    const moment = await this.#logs.lastChange(ended)
    if (moment !== null) clock.learnNear(ended.end_time, moment)
  }
}

function runOf({ project, id, start_time }: { project: string; id: string; start_time: string }): string {
  return `${project}\n${id}\n${start_time}`
}

function idsOf({ pending, running, finished }: ScrapydJobs): ReadonlySet<string> {
  return new Set([...pending, ...running, ...finished].map(({ id }) => id))
}
