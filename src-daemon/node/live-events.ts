import type { EphemeralEvent } from '../api/contract/events.ts'
import type { Pull } from '../api/contract/values.ts'

/** Events without a number: told to everybody who listens now, to nobody later. */
export class LiveEvents {
  readonly #listeners = new Set<(event: EphemeralEvent) => void>()
  readonly #pulls = new Map<string, Pull>()

  /** Returns the way to stop. */
  on(listener: (event: EphemeralEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Pulls of a project that go on, newest first: for those who come in the middle of one. */
  runningPulls(project: string): readonly Pull[] {
    return [...this.#pulls.values()].filter((pull) => pull.projects.includes(project)).toReversed()
  }

  tell(event: EphemeralEvent): void {
    if (event.type === 'pull') {
      const { pull } = event
      if (pull.ended_at === null) this.#pulls.set(pull.id, structuredClone(pull))
      else this.#pulls.delete(pull.id)
    }
    for (const listener of this.#listeners) listener(event)
  }
}
