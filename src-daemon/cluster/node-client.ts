import { ApiClient } from '../api/client/api-client.ts'
import { NodeUnreachableError } from '../errors.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Nodes } from './nodes.ts'

/** The typed client of one of our own daemons. */
export type NodeClient = ApiClient

/** Unless a call says otherwise: a slow node costs its own timeout and nobody else's. */
const TIMEOUT_MS = 5_000

/** Clients of the cluster's nodes, made anew when address or credentials change. */
export class NodeClients {
  readonly #nodes: Nodes
  readonly #masterName: string
  readonly #stop = new AbortController()
  readonly #clients = new Map<string, { readonly made: string; readonly client: NodeClient }>()

  constructor(nodes: Nodes, masterName: string) {
    this.#nodes = nodes
    this.#masterName = masterName
    nodes.onRemoved((node) => this.#clients.delete(node.id))
  }

  of(node: ClusterNode): NodeClient {
    const { username, password } = this.#nodes.credentials(node)
    const made = JSON.stringify([node.row.url, username, password])
    const known = this.#clients.get(node.id)
    if (known?.made === made) return known.client
    const client = new ApiClient({
      baseUrl: node.row.url,
      username,
      password,
      timeoutMs: TIMEOUT_MS,
      via: `master:${this.#masterName}`,
      signal: this.#stop.signal,
    })
    this.#clients.set(node.id, { made, client })
    return client
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  /** Ends every call to a node, also those with much patience (a pull): nobody is there any more who waits for the answer. */
  stop(): void {
    this.#stop.abort(new NodeUnreachableError('the master was stopped meanwhile'))
  }
}
