import type { EphemeralEvent } from '../api/contract/events.ts'
import type { LiveEvents } from './live-events.ts'

export interface ChangeTellerParts {
  readonly live: LiveEvents
  /** Changes of this time are told together. */
  readonly everyMs: number
  /** What there is to tell of a thing now; null = it is not there (any more). */
  readonly read: (id: string) => EphemeralEvent | null
  /** What is told once a thing that was told of is gone; nothing, unless given. */
  readonly gone?: (id: string) => EphemeralEvent
}

/** Tells how things are as they change: at once when it was quiet, else a while after the last time. */
export class ChangeTeller {
  readonly #parts: ChangeTellerParts
  readonly #told = new Map<string, string>()
  readonly #changed = new Set<string>()
  #toldAt = 0
  #timer: NodeJS.Timeout | null = null

  constructor(parts: ChangeTellerParts) {
    this.#parts = parts
  }

  /** That thing may be another now. */
  changed(id: string): void {
    this.#changed.add(id)
    if (this.#timer !== null) return
    const wait = Math.max(0, this.#toldAt + this.#parts.everyMs - performance.now())
    this.#timer = setTimeout(() => this.#tell(), wait).unref()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #tell(): void {
    const { live, read, gone } = this.#parts
    this.#timer = null
    this.#toldAt = performance.now()
    for (const id of this.#changed) {
      const event = read(id)
      if (event === null) {
        if (this.#told.delete(id) && gone !== undefined) live.tell(gone(id))
        continue
      }
      const text = JSON.stringify(event)
      if (this.#told.get(id) === text) continue
      this.#told.set(id, text)
      live.tell(event)
    }
    this.#changed.clear()
  }
}
