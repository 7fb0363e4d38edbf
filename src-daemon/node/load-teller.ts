import type { EphemeralEvent } from '../api/contract/events.ts'
import type { LiveEvents } from './live-events.ts'

type Load = Omit<Extract<EphemeralEvent, { type: 'load' }>, 'type' | 'node'>

/** At most one `load` event per node and this time. */
const EVERY_MS = 1_000

/** Tells the load of nodes as it changes: at once when it was quiet, else a second after the last time. */
export class LoadTeller {
  readonly #live: LiveEvents
  readonly #read: (nodeId: string) => Load | null
  readonly #told = new Map<string, { readonly text: string; readonly at: number }>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  /** `read` gives the load of a node now; null = there is no such node (any more). */
  constructor(live: LiveEvents, read: (nodeId: string) => Load | null) {
    this.#live = live
    this.#read = read
  }

  /** The load of that node may be another now. */
  changed(nodeId: string): void {
    if (this.#timers.has(nodeId)) return
    const wait = Math.max(0, (this.#told.get(nodeId)?.at ?? 0) + EVERY_MS - performance.now())
    const timer = setTimeout(() => this.#tell(nodeId), wait).unref()
    this.#timers.set(nodeId, timer)
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #tell(nodeId: string): void {
    this.#timers.delete(nodeId)
    const load = this.#read(nodeId)
    if (load === null) {
      this.#told.delete(nodeId)
      return
    }
    const text = JSON.stringify(load)
    if (this.#told.get(nodeId)?.text === text) return
    this.#told.set(nodeId, { text, at: performance.now() })
    this.#live.tell({ type: 'load', node: nodeId, ...load })
  }
}
