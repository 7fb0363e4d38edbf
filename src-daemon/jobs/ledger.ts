import { randomUUID } from 'node:crypto'
import type { JobOutcome } from '../api/contract/values.ts'
import type { EventStore } from '../storage/events.ts'
import { newKey } from '../storage/key.ts'
import type { JobPatch, JobRow, JobStore, NewJobRow } from '../storage/jobs.ts'
import type { RequestStore } from '../storage/requests.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Writer } from '../storage/writer.ts'

/** A job to be scheduled, validated. */
export interface JobRequest {
  /** null: an id is made. */
  readonly id: string | null
  readonly project: string
  readonly spider: string
  readonly args: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
  readonly priority: number
  readonly version: string | null
  readonly pinnedNode: string | null
  readonly scheduledBy: string | null
  readonly idempotencyKey: string | null
}

export interface Scheduled {
  readonly key: string
  readonly id: string
  /** The id is pending or running already: nothing was added. */
  readonly duplicate: boolean
}

/** How a job ended. */
export interface Ending extends JobPatch {
  readonly outcome: JobOutcome
  readonly reason: string | null
  readonly ended_at: number
}

/**
 * Every transition of a job: one transaction that changes the row AND appends the event. Nothing is known outside before
 * it is committed. States: see docs/ARCHITECTURE.md, "A job".
 */
export class Ledger {
  readonly #writer: Writer
  readonly #jobs: JobStore
  readonly #events: EventStore
  readonly #requests: RequestStore
  readonly #stats: StatsStore
  readonly #now: () => number
  readonly #nodeName: string | null
  readonly #onProblem: (message: string, cause: unknown) => void
  readonly #endListeners = new Set<(key: string) => void>()

  /** `nodeName`: of the node that holds what is scheduled here at once; null on a master (its queue holds it). */
  constructor(parts: {
    readonly writer: Writer
    readonly jobs: JobStore
    readonly events: EventStore
    readonly requests: RequestStore
    readonly stats: StatsStore
    readonly nodeName: string | null
    readonly now?: () => number
    /** Hears of a listener that threw: what is committed stays so, and the others hear of it all the same. */
    readonly onProblem?: (message: string, cause: unknown) => void
  }) {
    this.#writer = parts.writer
    this.#jobs = parts.jobs
    this.#events = parts.events
    this.#requests = parts.requests
    this.#stats = parts.stats
    this.#nodeName = parts.nodeName
    this.#now = parts.now ?? Date.now
    this.#onProblem = parts.onProblem ?? (() => {})
  }

  /** Adds a pending job. Resolves once it is on disk. */
  async schedule(request: JobRequest): Promise<Scheduled> {
    const now = this.#now()
    return this.#writer.write(() => {
      const first = request.idempotencyKey === null ? null : this.firstAnswer(request.idempotencyKey)
      if (first !== null) return first
      const scheduled = this.#insert(request, now)
      if (request.idempotencyKey !== null) {
        this.#requests.remember(request.idempotencyKey, JSON.stringify(scheduled), now)
      }
      return scheduled
    })
  }

  /** What the first request with that `Idempotency-Key` was answered; null when there was none in 24 h. */
  firstAnswer(idempotencyKey: string): Scheduled | null {
    const first = this.#requests.reply(idempotencyKey, this.#now())
    return first === null ? null : (JSON.parse(first) as Scheduled)
  }

  #insert(request: JobRequest, now: number): Scheduled {
    if (request.id !== null) {
      const [there] = this.#jobs.unfinished(request.project, request.id)
      if (there !== undefined) return { key: there.key, id: there.id, duplicate: true }
    }
    const key = newKey(now)
    const id = request.id ?? randomUUID().replaceAll('-', '')
    this.#jobs.insert({
      key,
      id,
      project: request.project,
      spider: request.spider,
      state: 'pending',
      priority: request.priority,
      args: JSON.stringify(request.args),
      settings: JSON.stringify(request.settings),
      version: request.version,
      requested_version: request.version,
      pinned_node: request.pinnedNode,
      scheduled_by: request.scheduledBy,
      node: this.#nodeName,
      created_at: now,
    })
    this.#jobs.appendEvent(key, now)
    return { key, id, duplicate: false }
  }

  /** Adds a row in any state; null when the key is known already, or `isRefused` says so inside the transaction. */
  add(row: NewJobRow, isRefused: () => boolean = () => false): Promise<JobRow | null> {
    return this.#writer.write(() => (this.#jobs.get(row.key) !== null || isRefused() ? null : this.applyAdd(row)))
  }

  /** The same inside a transaction that is already open (a follower's batch). */
  applyAdd(row: NewJobRow): JobRow | null {
    this.#jobs.insert(row)
    this.#jobs.appendEvent(row.key, this.#now())
    return this.#jobs.get(row.key)
  }

  /**
   * Changes a job that fulfils `condition` when the transaction runs. Resolves to the row after the change, or null when
   * the job is gone or the condition does not hold (any more).
   */
  change(key: string, condition: (row: JobRow) => boolean, patch: (row: JobRow) => JobPatch): Promise<JobRow | null> {
    return this.#writer.write(() => this.applyChange(key, condition, patch))
  }

  /** The same inside a transaction that is already open (a follower's batch). */
  applyChange(key: string, condition: (row: JobRow) => boolean, patch: (row: JobRow) => JobPatch): JobRow | null {
    const row = this.#jobs.get(key)
    if (row === null || !condition(row)) return null
    this.#jobs.update(key, patch(row))
    this.#jobs.appendEvent(key, this.#now())
    const changed = this.#jobs.get(key)
    // The row stays until the owner has this event (`Retention`).
    if (row.owner !== null && changed?.state === 'finished') this.#jobs.update(key, { end_seq: this.#events.head() })
    return changed
  }

  /** Ends a job that has not ended. `stats` are Scrapy's final ones. */
  async finish(
    key: string,
    ending: Ending | ((row: JobRow) => Ending),
    stats: Readonly<Record<string, unknown>> | null = null,
  ): Promise<JobRow | null> {
    const row = await this.#writer.write(() => {
      const changed = this.applyChange(
        key,
        (now) => now.state !== 'finished',
        (now) => ({ ...(typeof ending === 'function' ? ending(now) : ending), state: 'finished' }),
      )
      if (changed !== null && stats !== null) this.#stats.put(key, JSON.stringify(stats))
      return changed
    })
    if (row !== null) this.announceEnd(key)
    return row
  }

  /** Tells the listeners that a job has ended (also a mirrored one). After the commit. */
  announceEnd(key: string): void {
    for (const listener of this.#endListeners) {
      try {
        listener(key)
      } catch (error) {
        this.#onProblem(`what follows the end of job ${key} failed`, error)
      }
    }
  }

  /** Called after the commit that ended a job. Returns the way to stop. */
  onEnd(listener: (key: string) => void): () => void {
    this.#endListeners.add(listener)
    return () => this.#endListeners.delete(listener)
  }

  /** Appends a numbered event that is not a job's. */
  async note(type: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#writer.write(() => this.#events.append(type, body, this.#now()))
  }
}
