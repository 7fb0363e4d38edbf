import { createHash } from 'node:crypto'
import type { Node } from '../api/contract/values.ts'
import type { SlaveHost } from '../config/config.ts'
import { ConflictError, NodeNotFoundError } from '../errors.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { NodePatch, NodeRow, NodeStore } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import { ClusterNode } from './cluster-node.ts'
import { nodeIdOf, type NodeAddress } from './node-url.ts'

export interface NodesParts {
  readonly store: NodeStore
  readonly writer: Writer
  readonly ledger: Ledger
  /** The cluster's own credentials: used where a node has none of its own. */
  readonly username: string | null
  readonly password: string | null
  /** Name of the master's own node, which no other may have. */
  readonly localName: string
}

/** The nodes of the cluster beside this one: where they are, how they are, kept in the database. */
export class Nodes {
  readonly #parts: NodesParts
  readonly #nodes = new Map<string, ClusterNode>()
  /** Ids of nodes that are being added. */
  readonly #arriving = new Set<string>()
  readonly #added = new Set<(node: ClusterNode) => void>()
  readonly #removed = new Set<(node: ClusterNode) => void>()

  #counted: ReadonlyMap<string, Load> | null = null

  constructor(parts: NodesParts) {
    this.#parts = parts
    parts.writer.onCommit(() => {
      this.#counted = null
    })
  }

  /** Reads the database and the configuration: new hosts are added, hosts that are not configured any more go. */
  async load(hosts: readonly SlaveHost[]): Promise<void> {
    const { store, writer } = this.#parts
    const now = Date.now()
    await writer.write(() => {
      const configured = new Map(hosts.map((host) => [nodeIdOf(host.url), host]))
      for (const row of store.all()) {
        if (row.source === 'config' && !configured.has(row.id)) store.delete(row.id)
      }
      for (const [id, host] of configured) {
        const row = store.get(id)
        // One that was added at run time and is listed now belongs to the configuration from now on.
        if (row !== null) store.update(id, { source: 'config', ...newlyConfigured(host, row) })
        else {
          const configured = newlyConfigured(host, null)
          store.insert({ id, url: host.url, name: hostOf(host.url), source: 'config', since: now, ...configured })
        }
      }
      for (const row of store.all()) {
        if (row.removed === 1) continue
        // What was online before the restart has to show it again.
        if (row.state === 'online') store.update(row.id, { state: 'unknown', since: now })
      }
    })
    for (const row of store.all()) if (row.removed === 0) this.#nodes.set(row.id, new ClusterNode(row))
  }

  /** By name. */
  list(): readonly ClusterNode[] {
    return this.all().toSorted((a, b) => BY_NAME.compare(a.name, b.name))
  }

  /** In no order that means anything: cheaper for what looks at all of them often. */
  all(): ClusterNode[] {
    return [...this.#nodes.values()]
  }

  get(id: string): ClusterNode | null {
    return this.#nodes.get(id) ?? null
  }

  /** Throws NodeNotFoundError. */
  require(id: string): ClusterNode {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new NodeNotFoundError(id)
    return node
  }

  byName(name: string): ClusterNode | null {
    return this.all().find((node) => node.name === name || hostOf(node.row.url) === name) ?? null
  }

  credentials(node: ClusterNode): { readonly username: string | null; readonly password: string | null } {
    if (node.row.username !== null || node.row.password !== null) {
      return { username: node.row.username, password: node.row.password }
    }
    return { username: this.#parts.username, password: this.#parts.password }
  }

  onAdded(listener: (node: ClusterNode) => void): void {
    this.#added.add(listener)
  }

  onRemoved(listener: (node: ClusterNode) => void): void {
    this.#removed.add(listener)
  }

  /** Adds a node at run time, also one that was removed before. Throws ConflictError when it is there. */
  async add(address: NodeAddress): Promise<ClusterNode> {
    const id = nodeIdOf(address.url)
    const there = this.#nodes.get(id)
    if (there !== undefined || this.#arriving.has(id)) {
      const as = there === undefined ? '' : `, as '${there.name}'`
      throw new ConflictError(`${hostOf(address.url)} is in the cluster already${as}`)
    }
    this.#arriving.add(id)
    try {
      return await this.#add(id, address)
    } finally {
      this.#arriving.delete(id)
    }
  }

  async #add(id: string, address: NodeAddress): Promise<ClusterNode> {
    const now = Date.now()
    const { store, writer } = this.#parts
    const patch = { username: address.username, password: address.password, max_proc: address.maxProc }
    await writer.write(() => {
      if (store.get(id) === null) {
        store.insert({ id, url: address.url, name: hostOf(address.url), source: 'added', since: now, ...patch })
      } else store.update(id, { removed: 0, state: 'unknown', since: now, last_error: null, ...patch })
    })
    const node = new ClusterNode(store.get(id)!)
    this.#nodes.set(id, node)
    await this.announce(node)
    for (const listener of this.#added) listener(node)
    return node
  }

  /** Takes a node out of the cluster; one that the configuration lists stays away, too. */
  async remove(id: string): Promise<void> {
    const node = this.require(id)
    const { store, writer, ledger } = this.#parts
    await writer.write(() => {
      if (node.row.source === 'added') return store.delete(id)
      store.clear(id)
      // Followed from the start when it comes back: its jobs are given up here now.
      store.update(id, { removed: 1, feed: null, cursor: 0, cursor_at: 0 })
    })
    if (!this.#nodes.delete(id)) return
    for (const listener of this.#removed) listener(node)
    await ledger.note('node-removed', { id })
  }

  /** Stores a change of a node's row; with `announce` everybody is told by a numbered event, else it has time. */
  async update(node: ClusterNode, patch: NodePatch, announce: boolean): Promise<void> {
    const { store, writer } = this.#parts
    const step = () => store.update(node.id, patch)
    await (announce ? writer.write(step) : writer.writePatiently(step))
    node.row = { ...node.row, ...patch }
    node.storedAt = Date.now()
    if (!this.#has(node)) return
    if (announce) await this.announce(node)
  }

  /** Stores a change of state with its place in the history. */
  async setState(node: ClusterNode, state: Node['state'], reason: string | null, patch: NodePatch = {}): Promise<void> {
    const { store, writer } = this.#parts
    const now = Date.now()
    const error = reason === null ? {} : { last_error: reason, last_error_at: now }
    const row = { ...patch, ...error, state, since: now }
    await writer.write(() => {
      store.update(node.id, row)
      if (this.#has(node)) store.addHistory(node.id, { at: now, state, reason })
    })
    node.row = { ...node.row, ...row }
    node.storedAt = now
    if (!this.#has(node)) return
    await this.announce(node)
  }

  async announce(node: ClusterNode): Promise<void> {
    await this.#parts.ledger.note('node', { node: this.view(node) })
  }

  view(node: ClusterNode): Node {
    return node.view(this.#loads().get(node.id) ?? NO_LOAD, this.waiting(node))
  }

  /** All nodes, by name. */
  views(): readonly Node[] {
    const loads = this.#loads()
    return this.list().map((node) => node.view(loads.get(node.id) ?? NO_LOAD, this.waiting(node)))
  }

  /** Jobs on the node, as the ledger has them. */
  loadOf(node: ClusterNode): Load {
    return this.#loads().get(node.id) ?? NO_LOAD
  }

  /** Asked for many nodes at a time: counted once between two commits. */
  #loads(): ReadonlyMap<string, Load> {
    if (this.#counted !== null) return this.#counted
    const loads = new Map<string, Load>()
    for (const { node_id, state, count } of this.#parts.store.loads()) {
      const { pending, running } = loads.get(node_id) ?? NO_LOAD
      const isRunning = state === 'running'
      loads.set(node_id, { pending: pending + (isRunning ? 0 : count), running: running + (isRunning ? count : 0) })
    }
    this.#counted = loads
    return loads
  }

  /** Whether it still is a node of the cluster: something that was under way may end after it was removed. */
  #has(node: ClusterNode): boolean {
    return this.#nodes.get(node.id) === node
  }

  waiting(node: ClusterNode): readonly string[] {
    return this.#parts.store
      .tasks(node.id)
      .map((task) => `${task.kind} ${(JSON.parse(task.body) as { project?: string }).project ?? ''}`.trim())
  }

  /** A name for a node that no other node has: what it calls itself, with its host when that is taken. */
  uniqueName(node: ClusterNode, wanted: string): string {
    // Once it is online under a name, no other can have it; asked with every ping, and there may be hundreds of nodes.
    if (node.isOnline && node.name === wanted) return wanted
    const taken =
      wanted === this.#parts.localName || this.all().some((other) => other.id !== node.id && other.name === wanted)
    return taken ? `${wanted} (${hostOf(node.row.url)})` : wanted
  }
}

/** Jobs on a node; what does not run yet is pending. */
export interface Load {
  readonly pending: number
  readonly running: number
}

/**
 * What the configuration says of a node that it did not say when it was read before: what was set at run time counts
 * until then, and what it leaves open never changes anything.
 */
function newlyConfigured(host: SlaveHost, row: NodeRow | null): NodePatch {
  const { username, password, maxProc } = host
  const login = username === null ? null : fingerprint(nodeIdOf(host.url), username, password)
  return {
    ...(login === (row?.configured_login ?? null) ? {} : { configured_login: login, username, password }),
    ...(maxProc === (row?.configured_max_proc ?? null) ? {} : { configured_max_proc: maxProc, max_proc: maxProc }),
  }
}

/** Tells credentials apart without keeping them: a password that was replaced is not stored. */
function fingerprint(...parts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** Made once: `localeCompare` makes one for each comparison. */
const BY_NAME = new Intl.Collator()

const NO_LOAD: Load = { pending: 0, running: 0 }

/** `host:port` of a node's URL. */
export function hostOf(url: string): string {
  return new URL(url).host
}
