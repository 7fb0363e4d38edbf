import type { EphemeralEvent } from '../api/contract/events.ts'
import type { LiveEvents } from './live-events.ts'

type Load = Omit<Extract<EphemeralEvent, { type: 'load' }>, 'type' | 'node'>

/** Changes of this time are told together. */
const EVERY_MS = 1_000

/** Tells the load of nodes as it changes: at once when it was quiet, else a second after the last time. */
export class LoadTeller {
  readonly #live: LiveEvents
  readonly #read: (nodeId: string) => Load | null
  readonly #told = new Map<string, string>()
  readonly #changed = new Set<string>()
  #toldAt = 0
  #timer: NodeJS.Timeout | null = null

  /** `read` gives the load of a node now; null = there is no such node (any more). */
  constructor(live: LiveEvents, read: (nodeId: string) => Load | null) {
    this.#live = live
    this.#read = read
  }

  /** The load of that node may be another now. */
  changed(nodeId: string): void {
    this.#changed.add(nodeId)
    if (this.#timer !== null) return
    const wait = Math.max(0, this.#toldAt + EVERY_MS - performance.now())
    this.#timer = setTimeout(() => this.#tell(), wait).unref()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #tell(): void {
    this.#timer = null
    this.#toldAt = performance.now()
    for (const nodeId of this.#changed) {
      const load = this.#read(nodeId)
      if (load === null) {
        this.#told.delete(nodeId)
        continue
      }
      const text = JSON.stringify(load)
      if (this.#told.get(nodeId) === text) continue
      this.#told.set(nodeId, text)
      this.#live.tell({ type: 'load', node: nodeId, ...load })
    }
    this.#changed.clear()
  }
}
