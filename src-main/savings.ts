import { basename } from 'node:path'
import type { SavingMessage } from './ipc-contract.ts'
import { saveResponse } from './saving.ts'

/** A file that arrives for longer than this is given up. */
const LIMIT_MS = 3_600_000
const TELL_MS = 250

interface SavingsOptions {
  /** What the window's icon shows: 0…1, null: something goes on, `over`: nothing. */
  readonly onProgress: (part: number | null | 'over') => void
  readonly onFailure: (error: unknown) => void
  /** How often a page is told: pieces come by the thousand. */
  readonly tellMs?: number
}

/** Files of the daemon that are being saved on this computer: each goes on until it is whole, fails, or is stopped. */
export class Savings {
  readonly #options: SavingsOptions
  readonly #going = new Map<string, { readonly stop: AbortController; readonly done: Promise<boolean> }>()
  #last = 0

  constructor(options: SavingsOptions) {
    this.#options = options
  }

  /** Resolves to whether the file is there, whole. What goes wrong is told to `onFailure`. */
  save(
    path: string,
    open: (signal: AbortSignal) => Promise<Response>,
    tell: (message: SavingMessage) => void,
  ): Promise<boolean> {
    const id = String((this.#last += 1))
    const stop = new AbortController()
    const done = this.#save(path, open, stop.signal, (part, state) =>
      tell({ type: 'saving', id, name: basename(path), part, state }),
    ).finally(() => {
      this.#going.delete(id)
      if (this.#going.size === 0) this.#options.onProgress('over')
    })
    this.#going.set(id, { stop, done })
    return done
  }

  /** Nothing of the file stays; what was there under its name does. */
  stop(id: string): void {
    this.#going.get(id)?.stop.abort()
  }

  /** Resolves once nothing is written any more. */
  async stopAll(): Promise<void> {
    const going = [...this.#going.values()]
    for (const { stop } of going) stop.abort()
    await Promise.all(going.map(({ done }) => done))
  }

  async #save(
    path: string,
    open: (signal: AbortSignal) => Promise<Response>,
    stopped: AbortSignal,
    tell: (part: number | null, state: SavingMessage['state']) => void,
  ): Promise<boolean> {
    const { onProgress, onFailure, tellMs = TELL_MS } = this.#options
    let toldAt = performance.now()
    const progress = (part: number | null) => {
      onProgress(part)
      // What is there in a moment needs no progress.
      if (performance.now() - toldAt < tellMs) return
      toldAt = performance.now()
      tell(part, 'going')
    }
    onProgress(null)
    try {
      const signal = AbortSignal.any([stopped, AbortSignal.timeout(LIMIT_MS)])
      await saveResponse(await open(signal), path, progress, signal)
      tell(1, 'saved')
      return true
    } catch (error) {
      tell(null, stopped.aborted ? 'stopped' : 'failed')
      if (!stopped.aborted) onFailure(error)
      return false
    }
  }
}
