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

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** Something changed: a job arrived, a slot is free, the node was resumed. */
  wake(): void {
    if (this.#ticking) {
      this.#again = true
      return
    }
    void this.#tick()
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    try {
      do {
        this.#again = false
        while (!this.#stopped && this.#launcher.free > 0 && !this.#isPaused()) {
          const next = nextJob(this.#jobs.pendingProjects(), (project) => this.#launcher.runningOf(project))
          if (next === null) break
          await this.#launcher.launch(next.key, next.project)
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
