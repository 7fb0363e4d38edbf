import type { EventStore } from '../storage/events.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { RequestStore } from '../storage/requests.ts'
import type { EndedJob, RetentionStore } from '../storage/retention.ts'
import type { RevocationStore } from '../storage/revocations.ts'
import type { Writer } from '../storage/writer.ts'

const DAY = 86_400_000
/** Rows that one transaction touches at most. */
const ROWS = 500
const EVENTS_TO_KEEP = 20_000
/** An owner that does not come back must not fill the disk. */
const MOST_EVENTS = 1_000_000
const REVOCATIONS_TO_KEEP = 7 * DAY

/** How far this node's owner has stored what happened here. */
export interface Acknowledgement {
  readonly master: { readonly instance: string } | null
  readonly acknowledged: number
}

export interface LedgerRetentionParts {
  readonly writer: Writer
  readonly jobs: JobStore
  readonly events: EventStore
  readonly requests: RequestStore
  readonly revocations: RevocationStore
  readonly store: RetentionStore
  readonly owner: Acknowledgement
  /** Finished jobs. */
  readonly historyToKeep: number
  /** Days. */
  readonly datesToKeep: number
}

/** What one sweep may do. */
export interface Sweep {
  /** Nothing runs: what is over its limit goes. Else only what is over twice its limit. Asked before each transaction. */
  readonly isIdle: () => boolean
  /** Whether anything may go by its age. */
  readonly byDate: boolean
  readonly now: number
  readonly isStopped: () => boolean
}

/** Takes rows out of the database that nobody wants any more: a few at a time, each with its event. */
export class LedgerRetention {
  readonly #parts: LedgerRetentionParts

  constructor(parts: LedgerRetentionParts) {
    this.#parts = parts
  }

  /** Removes finished jobs over `history_to_keep` or older than `dates_to_keep`; yields those that went, after each commit. */
  async *jobs(sweep: Sweep): AsyncGenerator<readonly EndedJob[], void, void> {
    const { store, writer, events } = this.#parts
    let after: EndedJob | null = null
    while (!sweep.isStopped()) {
      const excess = this.#excess(sweep)
      const edge = this.#dateEdge(sweep)
      const oldest = store.endedAfter(after, ROWS)
      const chosen = oldest.filter((job, index) => (index < excess || job.ended_at < edge) && this.#isRemovable(job))
      if (chosen.length > 0) {
        const removed = await writer.write(() =>
          chosen.filter(({ key }) => {
            if (!store.remove(key)) return false
            events.append('job-removed', { key }, sweep.now)
            return true
          }),
        )
        yield removed
      }
      after = oldest.at(-1) ?? null
      if (after === null || (this.#excess(sweep) === 0 && after.ended_at >= this.#dateEdge(sweep))) return
      await nextTurn()
    }
  }

  /** How many jobs are over the limit that counts now. */
  #excess({ isIdle }: Sweep): number {
    const { jobs, historyToKeep } = this.#parts
    const { finished } = jobs.counts()
    return isIdle() || finished > 2 * historyToKeep ? Math.max(0, finished - historyToKeep) : 0
  }

  /** What ended before goes. */
  #dateEdge({ byDate, isIdle, now }: Sweep): number {
    if (!byDate) return Number.NEGATIVE_INFINITY
    return now - this.#parts.datesToKeep * DAY * (isIdle() ? 1 : 2)
  }

  /** A dispatched job stays until its owner has the event of its end: "never seen" and "forgotten" must differ. */
  #isRemovable({ owner, end_seq }: EndedJob): boolean {
    const { master, acknowledged } = this.#parts.owner
    return master === null || owner !== master.instance || (end_seq ?? 0) <= acknowledged
  }

  /** Removes old events, but none that the owner has not got yet. */
  async events(sweep: Sweep): Promise<void> {
    const { events, owner } = this.#parts
    await this.#inSteps(sweep, () => {
      const head = events.head()
      const keep = sweep.isIdle() ? EVENTS_TO_KEEP : 2 * EVENTS_TO_KEEP
      if (head - events.oldest() + 1 <= keep) return 0
      const wanted = head - EVENTS_TO_KEEP
      const edge = owner.master === null ? wanted : Math.min(wanted, owner.acknowledged)
      return events.prune(Math.max(edge, head - MOST_EVENTS), ROWS)
    })
  }

  /** Removes answers and revocations that no request can ask for any more. */
  async requests(sweep: Sweep): Promise<void> {
    if (!sweep.byDate) return
    await this.#inSteps(sweep, () => this.#parts.requests.prune(sweep.now, ROWS))
    await this.#inSteps(sweep, () => this.#parts.revocations.prune(sweep.now - REVOCATIONS_TO_KEEP, ROWS))
  }

  async #inSteps({ isStopped }: Sweep, step: () => number): Promise<void> {
    while (!isStopped()) {
      if ((await this.#parts.writer.write(step)) < ROWS) return
      await nextTurn()
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
