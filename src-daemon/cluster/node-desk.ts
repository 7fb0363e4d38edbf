import type { EndpointInput } from '../api/contract/endpoints.ts'
import type { Node, NodeDetail } from '../api/contract/values.ts'
import { ConflictError, NodeUnreachableError } from '../errors.ts'
import type { LocalNode } from '../node/local-node.ts'
import { LOCAL_NODE } from '../storage/jobs.ts'
import type { NodeStore } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Membership } from './membership.ts'
import type { NodeClients } from './node-client.ts'
import { parseNodeAddress, type NodeAddress } from './node-url.ts'
import type { Nodes } from './nodes.ts'

export interface NodeDeskParts {
  readonly instance: string
  readonly nodeName: string
  readonly local: LocalNode
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly membership: Membership
  readonly dispatcher: Dispatcher
  readonly store: NodeStore
  readonly writer: Writer
  /** Asks a host what it is before it is added. Throws with a precise reason. */
  readonly probe: (address: NodeAddress, takeover: boolean) => Promise<void>
}

/** What operators do with the nodes of the cluster. */
export class NodeDesk {
  readonly #parts: NodeDeskParts

  constructor(parts: NodeDeskParts) {
    this.#parts = parts
  }

  /** All nodes, the master's own first. */
  async views(): Promise<Node[]> {
    const { nodes, local } = this.#parts
    return [await local.asNode(), ...nodes.views()]
  }

  /** A node with its latencies and its ups and downs. Throws NodeNotFoundError. */
  async detail(id: string): Promise<NodeDetail> {
    const { nodes, local, store } = this.#parts
    if (id === LOCAL_NODE) return { ...(await local.asNode()), latency: [], history: [] }
    const node = nodes.require(id)
    return {
      ...nodes.view(node),
      latency: node.latency.map(({ at, ms }) => ({ at: new Date(at).toISOString(), ms })),
      history: store.history(id).map(({ at, state, reason }) => ({ at: new Date(at).toISOString(), state, reason })),
    }
  }

  /** Adds a node, once it is known that it can be one. */
  async add(body: EndpointInput<'addNode'>['body']): Promise<Node> {
    const parsed = parseNodeAddress(body.host)
    const address = {
      url: parsed.url,
      username: body.username ?? parsed.username,
      password: body.password ?? parsed.password,
      maxProc: body.max_proc ?? parsed.maxProc,
    }
    await this.#parts.probe(address, body.takeover)
    const node = await this.#parts.nodes.add(address)
    if (body.takeover) await this.#takeOver(node)
    return this.#parts.nodes.view(node)
  }

  /** Pauses, resumes, takes over, changes credentials. */
  async patch(id: string, body: EndpointInput<'patchNode'>['body']): Promise<Node> {
    const { nodes, local, membership, dispatcher } = this.#parts
    if (id === LOCAL_NODE) {
      if (body.paused !== undefined) await local.setPaused(body.paused, body.note ?? null)
      return local.asNode()
    }
    const node = nodes.require(id)
    if (body.username !== undefined || body.password !== undefined || body.max_proc !== undefined) {
      await nodes.update(
        node,
        {
          ...(body.username === undefined ? {} : { username: body.username }),
          ...(body.password === undefined ? {} : { password: body.password }),
          ...(body.max_proc === undefined ? {} : { max_proc: body.max_proc }),
        },
        true,
      )
      membership.restart(node)
    }
    if (body.takeover === true) await this.#takeOver(node)
    if (body.paused !== undefined) {
      await this.#setPaused(node, body.paused, body.note ?? null)
      dispatcher.wake()
    }
    return nodes.view(node)
  }

  /** A slave remembers it by itself, one that is away is told when it is back; a stock Scrapyd is paused here alone. */
  async #setPaused(node: ClusterNode, paused: boolean, note: string | null): Promise<void> {
    const { nodes, clients, store, writer } = this.#parts
    const isAlone = node.row.kind === 'scrapyd'
    const isTold = isAlone || (node.isOnline && (await tell()))
    const waiting = store.tasks(node.id).filter((task) => task.kind === 'pause' || task.kind === 'resume')
    if (waiting.length > 0 || !isTold) {
      await writer.write(() => {
        for (const task of waiting) store.deleteTask(task.n)
        if (!isTold) store.addTask(node.id, paused ? 'pause' : 'resume', JSON.stringify({ note }), Date.now())
      })
    }
    await nodes.update(node, { paused: paused ? 1 : 0, pause_note: paused ? note : null }, true)

    async function tell(): Promise<boolean> {
      try {
        if (paused) await clients.of(node).call('pauseNode', { body: { note } })
        else await clients.of(node).call('resumeNode', {})
        return true
      } catch (error) {
        if (error instanceof NodeUnreachableError) return false
        throw error
      }
    }
  }

  async #takeOver(node: ClusterNode): Promise<void> {
    const { clients, membership } = this.#parts
    await clients
      .of(node)
      .call('putOwner', { body: { instance: this.#parts.instance, node_name: this.#parts.nodeName, takeover: true } })
    membership.restart(node)
  }

  /** Takes a node out of the cluster. Throws NodeNotFoundError. */
  async remove(id: string): Promise<void> {
    if (id === LOCAL_NODE) throw new ConflictError('The master cannot be removed from its own cluster')
    await this.#parts.nodes.remove(id)
  }
}
