import { StorageError } from '../errors.ts'
import type { Logger } from '../logger.ts'

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000

/** Stores what cannot be asked for again: a full disk must not lose what a run reported. */
export class JobStoring {
  readonly #log: Logger
  readonly #stopped = Promise.withResolvers<void>()
  readonly #running = new Set<Promise<unknown>>()
  #isStopped = false

  constructor(log: Logger) {
    this.#log = log
  }

  /**
   * Tries until it is stored. Resolves to false when the daemon stops before that. `plainer` is stored instead where the
   * database does not take the values as they are.
   */
  async store(store: () => Promise<unknown>, plainer: () => Promise<unknown> = store): Promise<boolean> {
    let next = store
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      try {
        await this.#run(next)
        return true
      } catch (error) {
        if (this.#isStopped) return false
        this.#log.error('the state of a job could not be stored; trying again', error)
        if (isRefusedValue(error)) next = plainer
        await Promise.race([delay(wait), this.#stopped.promise])
        if (this.#isStopped) return false
      }
    }
  }

  async #run(store: () => Promise<unknown>): Promise<void> {
    const running = store()
    this.#running.add(running)
    try {
      await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Waits for what is being stored now; nothing is tried again. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopped.resolve()
    await Promise.allSettled(this.#running)
  }
}

/** Whether the database works, but does not take these values: trying again would not help. */
function isRefusedValue(error: unknown): boolean {
  if (!(error instanceof StorageError)) return true
  const code = (error.cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code)
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref()
  })
}
