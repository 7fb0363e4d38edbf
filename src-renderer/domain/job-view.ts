import type { Job, JobOutcome, JobState } from '../../src-daemon/api/contract/values.ts'

/** State and outcome in one word, as badge and glyph show it. */
export type JobStatus = 'pending' | 'starting' | 'running' | 'finished' | 'failed' | 'cancelled' | 'lost'

export function jobStatus(job: { readonly state: JobState; readonly outcome: JobOutcome | null }): JobStatus {
  switch (job.state) {
    case 'pending':
    case 'running':
      return job.state
    case 'assigned':
    case 'starting':
      return 'starting'
    case 'finished':
      return job.outcome ?? 'finished'
  }
}

export function isActive(job: Pick<Job, 'state'>): boolean {
  return job.state !== 'finished'
}

/** Somebody asked for its end and it has not ended yet. */
export function isCancelling(job: Pick<Job, 'state' | 'cancel_requested_at'>): boolean {
  return isActive(job) && job.cancel_requested_at !== null
}

/** Whether the reason is one that somebody may have to act on (coloured in lists). */
export function needsAction(job: Pick<Job, 'state' | 'outcome'>): boolean {
  return job.outcome === 'failed' || job.outcome === 'lost'
}

/** Seconds it ran, or runs until `now` (milliseconds); null before it started. */
export function jobSeconds(job: Pick<Job, 'started_at' | 'ended_at'>, now: number): number | null {
  if (job.started_at === null) return null
  const end = job.ended_at === null ? now : Date.parse(job.ended_at)
  return Math.max(0, (end - Date.parse(job.started_at)) / 1_000)
}

const STATE_ORDER: Record<JobState, number> = { pending: 0, assigned: 1, starting: 1, running: 2, finished: 3 }

/** Pending, starting, running, then newest end: the order of every list that is not sorted otherwise. */
export function compareJobs(a: Job, b: Job): number {
  const byState = STATE_ORDER[a.state] - STATE_ORDER[b.state]
  if (byState !== 0) return byState
  if (a.state === 'finished') return compareText(b.ended_at ?? '', a.ended_at ?? '') || compareText(b.key, a.key)
  if (a.state === 'pending') return b.priority - a.priority || compareText(a.key, b.key)
  return compareText(b.started_at ?? b.created_at, a.started_at ?? a.created_at) || compareText(b.key, a.key)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** First 7 characters, as git prints a commit. */
export function shortCommit(commit: string): string {
  return /^[0-9a-f]{12,}$/.test(commit) ? commit.slice(0, 7) : commit
}
