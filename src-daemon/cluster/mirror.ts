import type { Job } from '../api/contract/values.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { JobPatch, JobRow, JobStore } from '../storage/jobs.ts'

/** The node whose jobs are mirrored. */
export interface MirroredNode {
  readonly id: string
  readonly name: string
}

/**
 * Puts what a node says of its jobs into the master's ledger. Everything here runs inside a transaction of the caller
 * (with the cursor), so that a crash neither loses nor repeats anything.
 */
export class Mirror {
  readonly #ledger: Ledger
  readonly #jobs: JobStore

  constructor(ledger: Ledger, jobs: JobStore) {
    this.#ledger = ledger
    this.#jobs = jobs
  }

  /** Applies the state of one job as its node has it. Returns the key when this ended the job here. */
  apply(node: MirroredNode, job: Job): string | null {
    const row = this.#jobs.get(job.key)
    if (row === null) {
      this.#ledger.applyAdd({
        ...copied(node, job, null),
        key: job.key,
        id: job.id,
        project: job.project,
        spider: job.spider,
        state: job.state,
        priority: job.priority,
        args: JSON.stringify(job.args),
        settings: JSON.stringify(job.settings),
        created_at: Date.parse(job.created_at),
      })
      return job.state === 'finished' ? job.key : null
    }
    if (!isBelieved(node, row, job)) return null
    const patch = copied(node, job, row)
    if (isSame(row, patch)) return null
    this.#ledger.applyChange(
      job.key,
      () => true,
      () => patch,
    )
    return job.state === 'finished' ? job.key : null
  }

  /** Ends jobs that their node does not know any more. Returns the keys. */
  lose(rows: readonly JobRow[], reason: string, now: number): readonly string[] {
    return rows.flatMap((row) => {
      const ended = this.#ledger.applyChange(
        row.key,
        (current) => current.state !== 'finished',
        (current) => ({
          state: 'finished',
          outcome: current.cancel_requested_at === null ? 'lost' : 'cancelled',
          reason,
          ended_at: now,
        }),
      )
      return ended === null ? [] : [row.key]
    })
  }
}

/**
 * Whether the node's word counts. A job never leaves its end, except when it was given up here and somebody knows better:
 * also a node that was removed and is back, perhaps under another address.
 */
function isBelieved(node: MirroredNode, row: JobRow, job: Job): boolean {
  if (row.state === 'finished') return row.outcome === 'lost' && job.outcome !== 'lost'
  return row.node_id === null || row.node_id === node.id
}

/** The columns that the node decides. */
function copied(node: MirroredNode, job: Job, row: JobRow | null): JobPatch {
  return {
    state: job.state,
    outcome: job.outcome,
    reason: job.reason,
    node_id: node.id,
    node: node.name,
    version: job.version,
    // The ledger takes no run without a start and no end without a time: one odd row must not stop the whole feed.
    started_at: ms(job.started_at) ?? (job.state === 'running' ? Date.parse(job.created_at) : null),
    ended_at: ms(job.ended_at) ?? (job.state === 'finished' ? Date.parse(job.started_at ?? job.created_at) : null),
    pid: job.pid,
    exit_code: job.exit_code,
    signal: job.signal,
    finish_reason: job.finish_reason,
    scheduled_by: row?.scheduled_by ?? job.scheduled_by,
    cancelled_by: row?.cancelled_by ?? job.cancelled_by,
    cancel_requested_at: row?.cancel_requested_at ?? ms(job.cancel_requested_at),
    cancel_delivered: job.cancel_requested_at === null ? (row?.cancel_delivered ?? 0) : 1,
    attempt: job.attempt,
    runner: job.runner,
    runner_note: job.runner_note,
    pages: job.pages,
    items: job.items,
    errors: job.errors,
    cpu_seconds: job.cpu_seconds,
    max_rss_bytes: job.max_rss_bytes,
  }
}

function isSame(row: JobRow, patch: JobPatch): boolean {
  return Object.entries(patch).every(([column, value]) => row[column as keyof JobRow] === value)
}

function ms(time: string | null): number | null {
  return time === null ? null : Date.parse(time)
}
