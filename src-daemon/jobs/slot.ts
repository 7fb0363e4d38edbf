import type { Logger } from '../logger.ts'
import type { Run } from '../runner/run.ts'

/** One of the node's slots: used by a job from the moment it is chosen until its end is stored. */
export class Slot {
  readonly key: string
  readonly project: string
  run: Run | null = null
  /** The commit that is started; null: none, or an earlier daemon started it. */
  version: string | null = null
  /** The run has reported its end. */
  ended = false
  readonly #log: Logger
  readonly #sent: Set<NodeJS.Signals>
  #killTimer: NodeJS.Timeout | null = null

  /** `sent`: signals that an earlier daemon has sent. */
  constructor(key: string, project: string, log: Logger, sent: readonly NodeJS.Signals[] = []) {
    this.key = key
    this.project = project
    this.#log = log
    this.#sent = new Set(sent)
  }

  /**
   * Passes a cancel on: `signal` to the spider's process, each signal once; KILL to the whole tree when it has not closed
   * after `timeoutMs`. Resolves to whether there is a run that was told.
   */
  async cancel(signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
    if (this.run === null || this.ended) return false
    // A second INT would make Scrapy drop its feeds; another signal that the operator asks for is passed on.
    const isDue = signal === 'SIGINT' ? this.#sent.size === 0 : !this.#sent.has(signal)
    this.#sent.add(signal)
    if (signal === 'SIGKILL') {
      this.#kill(this.run)
      return true
    }
    this.#killTimer ??= this.#killAfter(this.run, timeoutMs)
    if (isDue) {
      await this.run
        .signal(signal)
        .catch((error: unknown) => this.#log.error(`job ${this.key} could not be sent ${signal}`, error))
    }
    return true
  }

  /** The spider is gone, or is left to the next daemon. */
  stopTimer(): void {
    if (this.#killTimer !== null) clearTimeout(this.#killTimer)
  }

  #killAfter(run: Run, timeoutMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#log.warn(`job ${this.key} (${this.project}) did not close in time after the cancel; killing it`)
      this.#kill(run)
    }, timeoutMs)
    return timer.unref()
  }

  /** Its end comes through the observer. */
  #kill(run: Run): void {
    run.kill().catch((error: unknown) => this.#log.error(`job ${this.key} could not be killed`, error))
  }
}
