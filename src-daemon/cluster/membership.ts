import { reasonText } from '../api/contract/reasons.ts'
import type { EphemeralEvent } from '../api/contract/events.ts'
import {
  assertNever,
  JobNotFoundError,
  NodeUnreachableError,
  NotSupportedError,
  StorageError,
  UnauthorizedError,
} from '../errors.ts'
import { LOCAL_NODE, type JobRow, type JobStore } from '../storage/jobs.ts'
import type { NodePatch, NodeStore, NodeTask } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { Logger } from '../logger.ts'
import type { ClusterNode } from './cluster-node.ts'
import { Follower } from './follower.ts'
import type { Mirror } from './mirror.ts'
import type { NodeClients } from './node-client.ts'
import { hostOf, type Nodes } from './nodes.ts'
import { UnusableNodeError, type PingResult } from './pinger.ts'

/** A node that must think about a task (list spiders of a new project) gets this long. */
const TASK_MS = 60_000
const LONGEST_NAME = 100
/** What changes with every ping and is only worth keeping roughly is written this often. */
const STORE_EVERY_MS = 60_000

/** Follows a stock Scrapyd by polling; see cluster/scrapyd-follower.ts. */
export interface StockFollower {
  stop(): Promise<void>
}

export interface MembershipParts {
  readonly instance: string
  readonly nodeName: string
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly store: NodeStore
  readonly mirror: Mirror
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly writer: Writer
  readonly log: Logger
  readonly followScrapyd: (node: ClusterNode) => StockFollower
  /** Cancels a job on a stock Scrapyd, and stores that it was told. */
  readonly cancelScrapyd: (node: ClusterNode, row: JobRow) => Promise<void>
  readonly onStream: (node: ClusterNode, stream: string | null) => void
  readonly onEphemeral: (node: ClusterNode, event: EphemeralEvent) => void
  /** The node may take jobs now (it is back, in step, has slots again), its load may be another. */
  readonly wake: (node: ClusterNode) => void
  /** Projects of the node changed. */
  readonly onProjects: (node: ClusterNode, names: readonly string[]) => void
  readonly pingNow: (node: ClusterNode) => void
}

/**
 * What the answers of pings mean: who is online, who may not be used and why, who is followed, what a node that is back
 * must still be told (stored cancels, projects that were added or removed meanwhile).
 */
export class Membership {
  readonly #parts: MembershipParts
  readonly #followers = new Map<string, Followed>()
  /** Followers that still store what they had received. */
  readonly #stopping = new Map<string, Promise<void>>()
  /** Nodes that are being told what they missed. */
  readonly #catchingUp = new Set<ClusterNode>()
  readonly #abort = new AbortController()
  /** Jobs whose cancel is being delivered; true: asked for again meanwhile, perhaps with another signal. */
  readonly #passing = new Map<string, boolean>()

  constructor(parts: MembershipParts) {
    this.#parts = parts
    parts.nodes.onRemoved((node) => {
      this.#removed(node).catch((error: unknown) => {
        parts.log.error(`the jobs of the removed node ${node.name} could not be given up`, error)
      })
    })
  }

  /** Gives up the jobs of nodes that are not in the cluster any more, also when the daemon was killed on the way to it. */
  async start(): Promise<void> {
    const { store, nodes } = this.#parts
    const strangers = new Set(store.loads().map((load) => load.node_id))
    for (const id of strangers) {
      if (id === LOCAL_NODE || nodes.get(id) !== null) continue
      await this.#loseJobsOf(id, reasonText('nodeGone'))
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    for (const { node } of this.#followers.values()) this.#unfollow(node)
    await Promise.all(this.#stopping.values())
  }

  /** A ping was answered. */
  async answered(node: ClusterNode, result: PingResult, sentAt: number, latencyMs: number): Promise<void> {
    const { nodes, log } = this.#parts
    const problem = await this.#problemOf(node, result)
    if (!this.#has(node)) return
    const before = JSON.stringify(node.known.projects)
    const wasOnline = node.isOnline
    const awaySince = node.row.since
    const isNewProblem = problem !== node.problem
    node.problem = problem
    if (problem !== null) this.#unfollow(node)
    this.#learn(node, result, sentAt, latencyMs)
    const patch = this.#patchOf(node, result)
    const { name, kind, max_proc, paused } = node.row
    const hasNewProjects = before !== JSON.stringify(node.known.projects)
    const isVisible =
      isNewProblem ||
      hasNewProjects ||
      patch.name !== name ||
      patch.kind !== kind ||
      (patch.paused ?? paused) !== paused ||
      (patch.max_proc ?? max_proc) !== max_proc
    // At once, so that two nodes whose answers come together do not get the same name.
    node.row = { ...node.row, ...patch }
    if (problem !== null && (isNewProblem || node.row.state !== 'unknown')) {
      log.warn(`${node.name} (${hostOf(node.row.url)}) cannot be used: ${problem}`)
      await nodes.setState(node, 'unknown', problem, patch)
    } else if (problem === null && !wasOnline) {
      await nodes.setState(node, 'online', null, patch)
      log.info(`${node.name} (${hostOf(node.row.url)}) is online`)
    } else if (isVisible || Date.now() - node.storedAt > STORE_EVERY_MS) {
      await nodes.update(node, patch, isVisible)
    }
    if (!this.#has(node)) return
    if (hasNewProjects) {
      this.#parts.onProjects(
        node,
        node.known.projects.map((code) => code.project),
      )
    }
    if (problem !== null) return
    if (!wasOnline) node.forgetRefusals('all')
    await this.#follow(node, result)
    // Not waited for: whether it is there has to be asked meanwhile, too.
    void this.#catchUp(node, wasOnline || result.kind === 'scrapyd' ? null : awaySince)
    this.#parts.wake(node)
  }

  /** Whether it is a node of the cluster, and we still run: what was under way may end after that. */
  #has(node: ClusterNode): boolean {
    return !this.#abort.signal.aborted && this.#parts.nodes.get(node.id) === node
  }

  /** Takes over what the node says of itself (times in ms, by our clock). */
  #learn(node: ClusterNode, result: PingResult, sentAt: number, latencyMs: number): void {
    if (result.kind === 'slave') {
      node.clockOffset = Date.parse(result.self.now) - (sentAt + latencyMs / 2)
      node.learn(result.self, sentAt)
      return
    }
    node.known = {
      ...node.known,
      version: 'Scrapyd',
      projects: result.projects.map(codeOfScrapyd),
      load: { pending: result.pending, running: result.running },
    }
  }

  #patchOf(node: ClusterNode, result: PingResult): NodePatch {
    const wanted = shownName(result.kind === 'slave' ? result.self.node_name : result.name, node)
    const name = this.#parts.nodes.uniqueName(node, wanted)
    if (name !== wanted && name !== node.row.name) {
      this.#parts.log.warn(
        `another node is called '${wanted}' already: this one is '${name}' here; change its node_name`,
      )
    }
    // One of ours that answers as a stock Scrapyd is not believed (`#problemOf`).
    const kind = result.kind === 'scrapyd' && node.row.kind === 'slave' ? ('slave' as const) : result.kind
    const patch = { name, kind, last_seen: Date.now(), known: JSON.stringify(node.known) }
    if (result.kind === 'scrapyd') return patch
    const { instance, max_proc, paused, pause_note } = result.self
    return {
      ...patch,
      // Only the node under which a daemon is used keeps its instance: a twin has none.
      instance: node.problem === null ? instance : null,
      max_proc,
      // What waits to be told there counts more than what it says.
      ...(this.#parts.store.tasks(node.id).some((task) => isPauseTask(task.kind))
        ? {}
        : { paused: paused ? 1 : 0, pause_note }),
    }
  }

  /** A ping failed. */
  async failed(node: ClusterNode, error: unknown): Promise<void> {
    const { nodes, log } = this.#parts
    if (!this.#has(node)) return
    const reason = error instanceof Error ? error.message : String(error)
    // Something is there, but nothing that can be used: that is not the same as being away.
    const state = error instanceof UnusableNodeError ? 'unknown' : 'offline'
    node.problem = null
    if (state === 'unknown') this.#unfollow(node)
    else if (node.row.state !== 'offline') this.#followers.get(node.id)?.reopen()
    // A problem that is told already (another master …) is told again only when the words change.
    if (node.row.state === state && node.row.last_error !== null) {
      // Not after the first one: a node that is busy for a moment goes on with what it was asked for.
      if (state === 'offline') node.goAway(reason)
      if (node.row.last_error !== reason) {
        await nodes.update(node, { last_error: reason, last_error_at: Date.now() }, true)
      }
      return
    }
    log.warn(
      `${node.name} (${hostOf(node.row.url)}) ${state === 'offline' ? 'is offline' : 'cannot be used'}: ${reason}`,
    )
    await nodes.setState(node, state, reason, { known: JSON.stringify(node.known) })
  }

  /** Why a node that answers cannot be used; null when it can. */
  async #problemOf(node: ClusterNode, result: PingResult): Promise<string | null> {
    if (result.kind === 'scrapyd') {
      // Its jobs are known under their keys; by Scrapyd's web services they would all come a second time.
      if (node.row.kind === 'slave') {
        return reasonText('wasOurs')
      }
      return node.row.max_proc === null ? reasonText('noCapacity') : null
    }
    const { self } = result
    const { instance, nodeName, nodes, clients } = this.#parts
    if (self.instance === instance) return reasonText('isOurselves')
    if (self.identity === 'master') return reasonText('isOtherMaster', { cluster: String(self.cluster_name) })
    // Also while the other is away: the jobs that it was given must not be followed under two names.
    const isKnown = node.isOnline && node.row.instance === self.instance
    const twin = isKnown
      ? undefined
      : nodes.all().find((other) => other !== node && other.row.instance === self.instance)
    if (twin !== undefined) {
      return reasonText('twin', { host: hostOf(twin.row.url) })
    }
    if (self.owner !== null && self.owner.instance !== instance) {
      return reasonText('foreign', { master: self.owner.node_name, id: self.owner.instance })
    }
    // Before anything is waited for: its twin may be asked at the same time.
    node.row = { ...node.row, instance: self.instance }
    if (self.owner === null) {
      const body = { instance, node_name: nodeName, takeover: false }
      await clients.of(node).call('putOwner', { body }, { signal: this.#abort.signal })
    }
    return null
  }

  /** Follows a node that can be used, by what it is now; a stream that leads to another life of its database is dropped. */
  async #follow(node: ClusterNode, result: PingResult): Promise<void> {
    const followed = this.#followers.get(node.id)
    if (followed !== undefined && followed.kind !== result.kind) this.#unfollow(node)
    else if (followed !== undefined) {
      const { feed } = node.row
      if (result.kind === 'slave' && node.inStep && feed !== null && feed !== result.self.feed) followed.reopen()
      return
    }
    await this.#stopping.get(node.id)
    if (!this.#has(node) || this.#followers.has(node.id)) return
    if (result.kind === 'scrapyd') {
      const follower = this.#parts.followScrapyd(node)
      this.#followers.set(node.id, { node, kind: 'scrapyd', stop: () => follower.stop(), reopen: () => {} })
      return
    }
    const follower = new Follower({
      ...this.#parts,
      node,
      client: this.#parts.clients.of(node),
      nodes: this.#parts.store,
      onStream: (stream) => this.#parts.onStream(node, stream),
      onEphemeral: (event) => this.#parts.onEphemeral(node, event),
      onProject: (name) => {
        this.#parts.onProjects(node, [name])
        this.#parts.pingNow(node)
      },
      onJobs: () => {
        node.forgetRefusals('busy')
        this.#parts.wake(node)
      },
      onDoubt: () => this.#parts.pingNow(node),
    })
    this.#followers.set(node.id, {
      node,
      kind: 'slave',
      stop: () => follower.stop(),
      reopen: () => follower.reopen(),
    })
    follower.start()
  }

  #unfollow(node: ClusterNode): void {
    node.inStep = false
    const followed = this.#followers.get(node.id)
    if (followed === undefined) return
    this.#followers.delete(node.id)
    const stopping: Promise<void> = followed.stop().finally(() => {
      if (this.#stopping.get(node.id) === stopping) this.#stopping.delete(node.id)
    })
    this.#stopping.set(node.id, stopping)
  }

  /** Credentials or owner changed: everything about the node begins anew. */
  restart(node: ClusterNode): void {
    this.#unfollow(node)
    node.problem = null
    node.forgetRefusals('all')
    this.#parts.pingNow(node)
  }

  /** Tells an online node what it missed; `awaySince` (ms): until now it was away. */
  async #catchUp(node: ClusterNode, awaySince: number | null): Promise<void> {
    const { jobs, log } = this.#parts
    if (node.mayOweCancels) {
      const keys = jobs.undeliveredCancels(node.id)
      node.mayOweCancels = keys.length > 0
      for (const key of keys) void this.passCancel(node, key)
    }
    if (this.#catchingUp.has(node)) return
    this.#catchingUp.add(node)
    try {
      await this.#tellTasks(node)
      if (awaySince !== null) await this.#askForLost(node, awaySince)
    } catch (error) {
      if (this.#has(node)) log.warn(`${node.name} could not be told what it missed`, error)
    } finally {
      this.#catchingUp.delete(node)
    }
  }

  /** In order; what the node does not answer to waits for the next ping. */
  async #tellTasks(node: ClusterNode): Promise<void> {
    const { store, writer, log } = this.#parts
    for (const task of store.tasks(node.id)) {
      try {
        await this.#tell(node, task)
      } catch (error) {
        if (!this.#has(node)) return
        // A node that answers "no" will not say yes the next time; one that does not answer, cannot store anything now or does
        // not know us keeps its tasks.
        if (isForNow(error)) {
          log.debug(`${node.name} did not take ${task.kind}, which waits for it: ${error.message}`)
          return
        }
        log.warn(`${node.name} refused ${task.kind} ${task.body}, which waited for it`, error)
      }
      await writer.write(() => store.deleteTask(task.n))
      if (store.tasks(node.id).length === 0) await this.#parts.nodes.announce(node)
    }
  }

  /** Jobs that were given up while the node was away may run there all the same: then that is what counts. */
  async #askForLost(node: ClusterNode, since: number): Promise<void> {
    const { jobs, clients, writer, mirror, ledger, log } = this.#parts
    for (const { key } of jobs.lostOf(node.id, since)) {
      try {
        const job = await clients.of(node).call('getJob', { params: { key } }, { signal: this.#abort.signal })
        const ended = await writer.write(() => mirror.apply(node, job))
        if (ended !== null) ledger.announceEnd(ended)
      } catch (error) {
        if (!(error instanceof JobNotFoundError)) log.debug(`${node.name} does not tell of ${key}: ${String(error)}`)
        if (error instanceof NodeUnreachableError) return
      }
    }
  }

  async #tell(node: ClusterNode, { kind, body }: NodeTask): Promise<void> {
    const { clients, nodes } = this.#parts
    if (node.row.kind === 'scrapyd') {
      // It is paused here, by its row.
      if (isPauseTask(kind)) return
      throw new NotSupportedError('A stock Scrapyd server does not know this')
    }
    const client = clients.of(node)
    const { project = '', path = null, note = null } = JSON.parse(body) as TaskBody
    const { signal } = this.#abort
    const slow = { timeoutMs: TASK_MS, signal }
    switch (kind) {
      case 'addproject':
        await client.call('addProject', { params: { project }, body: { path } }, slow)
        return
      case 'delproject':
        await client.call('deleteProject', { params: { project } }, slow)
        return
      case 'pause':
        await client.call('pauseNode', { body: { note } }, { signal })
        return nodes.update(node, { paused: 1, pause_note: note }, true)
      case 'resume':
        await client.call('resumeNode', {}, { signal })
        return nodes.update(node, { paused: 0, pause_note: null }, true)
      default:
        return assertNever(kind)
    }
  }

  /** Delivers a stored cancel to the node that holds the job; kept for later when the node does not answer. */
  async passCancel(node: ClusterNode, key: string): Promise<void> {
    node.mayOweCancels = true
    const row = this.#parts.jobs.get(key)
    if (row === null || !node.isOnline || row.state === 'assigned') return
    if (this.#passing.has(key)) {
      this.#passing.set(key, true)
      return
    }
    this.#passing.set(key, false)
    try {
      if (node.row.kind === 'scrapyd') return await this.#parts.cancelScrapyd(node, row)
      const signal = row.cancel_signal === null ? {} : { signal: row.cancel_signal }
      await this.#parts.clients
        .of(node)
        .call('cancelJob', { params: { key }, body: signal }, { signal: this.#abort.signal })
      await this.#parts.ledger.change(
        key,
        (now) => now.state !== 'finished' && now.cancel_delivered === 0,
        () => ({ cancel_delivered: 1 }),
      )
    } catch (error) {
      if (this.#has(node))
        this.#parts.log.debug(`the cancel of ${key} could not be delivered to ${node.name}: ${String(error)}`)
    } finally {
      const isAsked = this.#passing.get(key) === true
      this.#passing.delete(key)
      if (isAsked) void this.passCancel(node, key)
    }
  }

  /** Nobody will tell how its jobs end; and it may belong to another master from now on. */
  async #removed(node: ClusterNode): Promise<void> {
    const { clients, instance, log } = this.#parts
    this.#unfollow(node)
    if (node.row.kind === 'slave' && node.row.instance !== null) {
      clients
        .of(node)
        .call('deleteOwner', { query: { instance } })
        .catch((error: unknown) => log.debug(`${node.name} does not know that it was removed: ${String(error)}`))
    }
    await this.#stopping.get(node.id)
    await this.#loseJobsOf(node.id, reasonText('nodeRemoved', { node: node.name }))
  }

  async #loseJobsOf(nodeId: string, reason: string): Promise<void> {
    const lost = await this.#parts.writer.write(() =>
      this.#parts.mirror.lose(this.#parts.jobs.unfinishedOn(nodeId), reason, Date.now()),
    )
    for (const key of lost) this.#parts.ledger.announceEnd(key)
  }
}

/** How a node is followed. */
interface Followed {
  readonly node: ClusterNode
  readonly kind: PingResult['kind']
  stop(): Promise<void>
  reopen(): void
}

interface TaskBody {
  readonly project?: string
  readonly path?: string | null
  readonly note?: string | null
}

/** A name as it can be shown: what a node calls itself is its own choice. */
function shownName(name: string, { row }: ClusterNode): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is replaced
  const plain = name.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim()
  return plain === '' ? hostOf(row.url) : [...plain].slice(0, LONGEST_NAME).join('')
}

function isForNow(error: unknown): error is Error {
  return error instanceof NodeUnreachableError || error instanceof StorageError || error instanceof UnauthorizedError
}

function isPauseTask(kind: NodeTask['kind']): boolean {
  return kind === 'pause' || kind === 'resume'
}

function codeOfScrapyd(project: string) {
  return {
    project,
    path: '',
    commit: null,
    branch: null,
    subject: null,
    author: null,
    committed_at: null,
    dirty: null,
    behind: null,
    ahead: null,
    spiders: null,
    error: null,
  }
}
