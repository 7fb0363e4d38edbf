import type { Logger } from '../logger.ts'
import type { EventStore } from '../storage/events.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { RequestStore } from '../storage/requests.ts'
import type { RetentionStore } from '../storage/retention.ts'
import type { RevocationStore } from '../storage/revocations.ts'
import type { Writer } from '../storage/writer.ts'
import type { Runner } from '../runner/run.ts'
import { ClockWatch } from './clock-watch.ts'
import { FileRetention } from './file-retention.ts'
import type { Ledger } from './ledger.ts'
import { LedgerRetention, type Acknowledgement, type Sweep } from './ledger-retention.ts'
import type { JobFolders } from './run-spec.ts'

const INTERVAL_MS = 60_000
/** After the last end of a job: a node that is busy for a moment is not disturbed. */
const CALM_MS = 1_000
/** All run folders and all spiders are looked at that seldom; in between only spiders whose jobs ended. */
const THOROUGH_MS = 600_000

export interface RetentionParts {
  readonly ledger: Ledger
  readonly writer: Writer
  readonly jobs: JobStore
  readonly events: EventStore
  readonly requests: RequestStore
  readonly revocations: RevocationStore
  readonly store: RetentionStore
  readonly owner: Acknowledgement
  readonly runner: Pick<Runner, 'discard'>
  readonly folders: JobFolders
  readonly log: Logger
  /** How many jobs use this node now. */
  readonly used: () => number
  readonly jobsToKeep: number
  readonly historyToKeep: number
  /** Days. */
  readonly datesToKeep: number
  readonly clock?: ClockWatch
  readonly now?: () => number
}

/**
 * Removes finished state that is no longer wanted (CONFIG.md, last paragraph): when the node is idle, and also once the
 * excess passes twice the limit. A few rows or files at a time; never what belongs to a job that waits or runs.
 */
export class Retention {
  readonly #parts: RetentionParts
  readonly #rows: LedgerRetention
  readonly #files: FileRetention
  readonly #clock: ClockWatch
  readonly #now: () => number
  /** `project` and `spider` of jobs that ended since the last sweep. */
  readonly #ended = new Map<string, readonly [project: string, spider: string]>()
  #thoroughAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #calm: NodeJS.Timeout | null = null
  #off: (() => void) | null = null
  #sweeping: Promise<void> | null = null
  #stopped = false

  constructor(parts: RetentionParts) {
    this.#parts = parts
    this.#rows = new LedgerRetention(parts)
    this.#files = new FileRetention(parts)
    this.#now = parts.now ?? Date.now
    this.#clock = parts.clock ?? new ClockWatch(this.#now)
  }

  start(): void {
    this.#off = this.#parts.ledger.onEnd((key) => {
      const row = this.#parts.jobs.get(key)
      if (row !== null) this.#ended.set(`${row.project}/${row.spider}`, [row.project, row.spider])
      this.#calm ??= setTimeout(() => void this.wake(), CALM_MS).unref()
    })
    this.#timer = setInterval(() => void this.wake(), INTERVAL_MS)
    this.#timer.unref()
    void this.wake()
  }

  /** Resolves when the step that is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#off?.()
    if (this.#timer !== null) clearInterval(this.#timer)
    if (this.#calm !== null) clearTimeout(this.#calm)
    await this.#sweeping
  }

  /** Looks now, unless it is looking already. Resolves when it has looked; never rejects. */
  wake(): Promise<void> {
    if (this.#calm !== null) clearTimeout(this.#calm)
    this.#calm = null
    if (this.#stopped) return Promise.resolve()
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = null
    })
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { store, log } = this.#parts
    let byDate = false
    try {
      byDate = this.#clock.isTrusted(store.newest())
    } catch (error) {
      log.warn('the age of what is stored cannot be read', error)
    }
    const sweep: Sweep = {
      isIdle: () => this.#parts.used() === 0,
      byDate,
      now: this.#now(),
      isStopped: () => this.#stopped,
    }
    // Files first: where the disk is full, nothing else can be removed before there is space.
    const steps = [
      () => this.#removeFiles(sweep),
      () => this.#removeJobs(sweep),
      () => this.#rows.events(sweep),
      () => this.#rows.requests(sweep),
    ]
    for (const step of steps) {
      if (this.#stopped) return
      await step().catch((error: unknown) => {
        log.warn('what is no longer wanted could not be removed; tried again in a minute', error)
      })
    }
  }

  async #removeFiles(sweep: Sweep): Promise<void> {
    const now = performance.now()
    const isThorough = now - this.#thoroughAt >= THOROUGH_MS
    const spiders = isThorough
      ? this.#parts.store.spiders().map(({ project, spider }) => [project, spider] as const)
      : [...this.#ended.values()]
    if (isThorough) {
      this.#thoroughAt = now
      await this.#files.runs(sweep)
    }
    for (const [project, spider] of spiders) {
      if (sweep.isStopped()) return
      await this.#files.spider(project, spider, sweep)
      // Looked at while something ran: only what is over twice the limit has gone.
      if (sweep.isIdle()) this.#ended.delete(`${project}/${spider}`)
    }
  }

  async #removeJobs(sweep: Sweep): Promise<void> {
    for await (const removed of this.#rows.jobs(sweep)) await this.#files.removed(removed)
  }
}
