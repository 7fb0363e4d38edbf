import type { EphemeralEvent } from '../api/contract/events.ts'
import type { LiveEvents } from '../node/live-events.ts'
import type { ClusterNode } from './cluster-node.ts'

type LogEvent = Extract<EphemeralEvent, { type: 'log' }>

/** The event streams that followers hold open, for those who want more than the numbered events: tails, live figures. */
export class NodeStreams {
  readonly #live: LiveEvents
  readonly #ids = new Map<string, string>()
  readonly #onChange = new Set<(nodeId: string, stream: string | null) => void>()
  readonly #onLog = new Set<(nodeId: string, event: LogEvent) => void>()

  constructor(live: LiveEvents) {
    this.#live = live
  }

  /** Id of the open stream of a node; null while there is none. */
  idOf(nodeId: string): string | null {
    return this.#ids.get(nodeId) ?? null
  }

  onChange(listener: (nodeId: string, stream: string | null) => void): () => void {
    this.#onChange.add(listener)
    return () => this.#onChange.delete(listener)
  }

  onLog(listener: (nodeId: string, event: LogEvent) => void): () => void {
    this.#onLog.add(listener)
    return () => this.#onLog.delete(listener)
  }

  /** The follower of a node opened a stream, or its stream was cut. */
  changed(node: ClusterNode, stream: string | null): void {
    if (stream === null) this.#ids.delete(node.id)
    else this.#ids.set(node.id, stream)
    for (const listener of this.#onChange) listener(node.id, stream)
  }

  /** Something without a number came: figures go on to everybody, log pieces to their tails. */
  received(node: ClusterNode, event: EphemeralEvent): void {
    if (event.type === 'log') for (const listener of this.#onLog) listener(node.id, event)
    else if (event.type === 'stats') this.#live.tell(event)
  }
}
