import type { Job } from '../../src-daemon/api/contract/values.ts'

/** Where a spider went from good to bad. */
export interface FirstBad {
  /** The last run that finished. */
  readonly good: Job
  /** The first of the failures that followed. */
  readonly bad: Job
  /** Failures in a row up to the job that is looked at. */
  readonly failures: number
}

/** Finds it for a failed job among the runs of its spider (any order); null: no good run is known before it. */
export function firstBad(job: Job, runs: readonly Job[]): FirstBad | null {
  const before = runs
    .filter((run) => run.key !== job.key && run.outcome !== null && run.created_at <= job.created_at)
    .toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1))
  let bad = job
  let failures = 1
  for (const run of before) {
    if (run.outcome === 'finished') return { good: run, bad, failures }
    if (run.outcome !== 'failed') continue
    bad = run
    failures += 1
  }
  return null
}

/** One thing that happened to a job, in order. */
export interface JobMoment {
  readonly kind: 'scheduled' | 'waited' | 'sent' | 'running' | 'cancel' | 'ended'
  readonly at: string
}

/** Seconds of waiting that are worth a line. */
const WAIT = 3

/** What happened to a job, as far as its times tell. */
export function jobMoments(job: Job): JobMoment[] {
  const moments: JobMoment[] = [{ kind: 'scheduled', at: job.created_at }]
  if (job.started_at !== null) {
    const waited = (Date.parse(job.started_at) - Date.parse(job.created_at)) / 1_000
    if (waited >= WAIT) moments.push({ kind: 'waited', at: job.created_at })
    if (job.node !== null) moments.push({ kind: 'sent', at: job.started_at })
    if (job.pid !== null) moments.push({ kind: 'running', at: job.started_at })
  }
  if (job.cancel_requested_at !== null) moments.push({ kind: 'cancel', at: job.cancel_requested_at })
  if (job.ended_at !== null) moments.push({ kind: 'ended', at: job.ended_at })
  return moments
}

/** Answers by status code, most frequent first, out of Scrapy's stats. */
export function responseCodes(stats: Readonly<Record<string, unknown>> | null): { code: string; count: number }[] {
  return Object.entries(stats ?? {})
    .flatMap(([name, value]) => {
      const code = /^downloader\/response_status_count\/(\d+)$/.exec(name)?.[1]
      return code === undefined || typeof value !== 'number' ? [] : [{ code, count: value }]
    })
    .toSorted((a, b) => b.count - a.count)
}

/** Newest first. */
export function compareCreated(a: Job, b: Job): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1
  return a.key < b.key ? 1 : -1
}
