import type { Logger } from '../logger.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { Launcher } from './launcher.ts'
import { nextJob } from './queue.ts'

/**
 * Moves jobs from the queue into free slots of this node. Woken by every commit and every freed slot; the timer
 * (`poll_interval`) is only a safety net. A master's queue is emptied by cluster/dispatcher.ts instead.
 */
export class Poller {
  readonly #jobs: JobStore
  readonly #launcher: Launcher
  readonly #isPaused: () => boolean
  readonly #log: Logger
  readonly #intervalMs: number
  #timer: NodeJS.Timeout | null = null
  #tickDone: Promise<void> = Promise.resolve()
  #ticking = false
  #again = false
  #stopped = false

  constructor(parts: {
    readonly jobs: JobStore
    readonly launcher: Launcher
    readonly isPaused: () => boolean
    readonly log: Logger
    readonly intervalMs: number
  }) {
    this.#jobs = parts.jobs
    this.#launcher = parts.launcher
    this.#isPaused = parts.isPaused
    this.#log = parts.log
    this.#intervalMs = parts.intervalMs
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#intervalMs)
    this.#timer.unref()
    this.wake()
  }

  /** Resolves when the job that is being started now, if any, is committed. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#tickDone
  }

  /** Something changed: a job arrived, a slot is free, the node was resumed. */
  wake(): void {
    if (this.#ticking) {
      this.#again = true
      return
    }
    this.#tickDone = this.#tick()
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    try {
      do {
        this.#again = false
        while (!this.#stopped && this.#launcher.free > 0 && !this.#isPaused()) {
          const next = nextJob(this.#jobs.pendingProjects(), (project) => this.#launcher.runningOf(project))
          if (next === null) break
          const row = await this.#launcher.launch(next.key, next.project)
          // Not started, and still there: trying again at once would go on for ever.
          if (row === null && this.#jobs.get(next.key)?.state === 'pending') break
        }
      } while (this.#again)
    } catch (error) {
      // Most likely a full disk: the jobs stay pending, and the timer or the next commit tries again.
      this.#log.error('no job could be started', error)
    } finally {
      this.#ticking = false
    }
  }
}
