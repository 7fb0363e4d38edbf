import type { EphemeralEvent } from '../api/contract/events.ts'

/** Events without a number: told to everybody who listens now, to nobody later. */
export class LiveEvents {
  readonly #listeners = new Set<(event: EphemeralEvent) => void>()

  /** Returns the way to stop. */
  on(listener: (event: EphemeralEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: EphemeralEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
