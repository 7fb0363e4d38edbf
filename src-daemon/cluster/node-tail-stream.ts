import type { NodeClient } from './node-client.ts'
import type { NodeStreams } from './node-streams.ts'
import type { LogEvent, NodeStream } from './slave-tail.ts'

/** The event stream that the follower of one slave holds open, as its tails see it. */
export class NodeTailStream implements NodeStream {
  readonly #nodeId: string
  readonly #streams: NodeStreams
  readonly #client: () => NodeClient

  constructor(nodeId: string, streams: NodeStreams, client: () => NodeClient) {
    this.#nodeId = nodeId
    this.#streams = streams
    this.#client = client
  }

  get id(): string | null {
    return this.#streams.idOf(this.#nodeId)
  }

  addTail(stream: string, tail: string, key: string, offset: number): Promise<{ readonly size: number }> {
    return this.#client().call('addTail', { params: { stream, tail }, body: { key, offset } })
  }

  dropTail(stream: string, tail: string): Promise<unknown> {
    return this.#client().call('dropTail', { params: { stream, tail } })
  }

  onChange(listener: (id: string | null) => void): () => void {
    return this.#streams.onChange((nodeId, stream) => {
      if (nodeId === this.#nodeId) listener(stream)
    })
  }

  onLog(listener: (event: LogEvent) => void): () => void {
    return this.#streams.onLog((nodeId, event) => {
      if (nodeId === this.#nodeId) listener(event)
    })
  }
}
