import type { EphemeralEvent } from '../api/contract/events.ts'
import type { JobRow, JobStore } from '../storage/jobs.ts'
import type { NodeStore } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { Logger } from '../logger.ts'
import type { ClusterNode } from './cluster-node.ts'
import { Follower } from './follower.ts'
import type { Mirror } from './mirror.ts'
import type { NodeClients } from './node-client.ts'
import { hostOf, type Nodes } from './nodes.ts'
import { UnusableNodeError, type PingResult } from './pinger.ts'

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
  readonly #followers = new Map<string, { stop(): unknown }>()

  constructor(parts: MembershipParts) {
    this.#parts = parts
    parts.nodes.onRemoved((node) => {
      this.#unfollow(node)
      void this.#loseJobs(node)
    })
  }

  async stop(): Promise<void> {
    const followers = [...this.#followers.values()]
    this.#followers.clear()
    await Promise.all(followers.map((follower) => follower.stop()))
  }

  /** A ping was answered. */
  async answered(node: ClusterNode, result: PingResult, sentAt: number, latencyMs: number): Promise<void> {
    const { nodes } = this.#parts
    const before = JSON.stringify(node.known.projects)
    const problem = await this.#problemOf(node, result)
    const changedProblem = problem !== node.problem
    node.problem = problem
    if (result.kind === 'slave') {
      node.clockOffset = Date.parse(result.self.now) - (sentAt + latencyMs / 2)
      node.learn(result.self)
    } else {
      node.known = {
        ...node.known,
        version: 'Scrapyd',
        projects: result.projects.map(codeOfScrapyd),
        load: { pending: result.pending, running: result.running },
      }
    }
    const name = nodes.uniqueName(node, result.kind === 'slave' ? result.self.node_name : result.name)
    const patch = {
      name,
      kind: result.kind,
      last_seen: Date.now(),
      known: JSON.stringify(node.known),
      ...(result.kind === 'slave'
        ? {
            instance: result.self.instance,
            max_proc: result.self.max_proc,
            paused: result.self.paused ? 1 : 0,
            pause_note: result.self.pause_note,
          }
        : {}),
    } as const
    const wasOnline = node.isOnline
    const visible =
      changedProblem ||
      name !== node.row.name ||
      patch.kind !== node.row.kind ||
      (patch.paused ?? node.row.paused) !== node.row.paused ||
      (patch.max_proc ?? node.row.max_proc) !== node.row.max_proc ||
      before !== JSON.stringify(node.known.projects)
    if (problem !== null && changedProblem) {
      await nodes.setState(node, 'unknown', problem, patch)
    } else if (problem === null && !wasOnline) {
      await nodes.setState(node, 'online', null, patch)
      this.#parts.log.info(`${node.name} (${hostOf(node.row.url)}) is online`)
    } else if (visible || Date.now() - (node.row.last_seen ?? 0) > 60_000) {
      await nodes.update(node, patch, visible)
    } else {
      // Nothing that anybody would see: not worth a write.
      node.row = { ...node.row, ...patch }
    }
    if (before !== JSON.stringify(node.known.projects)) {
      this.#parts.onProjects(
        node,
        node.known.projects.map((code) => code.project),
      )
    }
    if (problem !== null) {
      this.#unfollow(node)
      return
    }
    this.#follow(node)
    if (!wasOnline) await this.#isBack(node)
    this.#parts.wake(node)
  }

  /** A ping failed. */
  async failed(node: ClusterNode, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error)
    // Something is there, but nothing that can be used: that is not the same as being away.
    const state = error instanceof UnusableNodeError ? 'unknown' : 'offline'
    node.inStep = false
    // A problem that is told already (another master …) is told again only when the words change.
    if (node.row.state === state && node.row.last_error !== null) {
      if (node.row.last_error !== reason) {
        await this.#parts.nodes.update(node, { last_error: reason, last_error_at: Date.now() }, true)
      }
      return
    }
    this.#parts.log.warn(
      `${node.name} (${hostOf(node.row.url)}) ${state === 'offline' ? 'is offline' : 'cannot be used'}: ${reason}`,
    )
    await this.#parts.nodes.setState(node, state, reason, { known: JSON.stringify(node.known) })
  }

  /** Why a node that answers cannot be used; null when it can. */
  async #problemOf(node: ClusterNode, result: PingResult): Promise<string | null> {
    if (result.kind === 'scrapyd') {
      return node.row.max_proc === null
        ? 'This is a stock Scrapyd server, which does not tell its capacity: add ?max_proc=N to its URL'
        : null
    }
    const { self } = result
    const { instance, nodeName, nodes, clients } = this.#parts
    if (self.instance === instance) return 'This is the master itself; it is a node of its cluster anyway'
    const twin = nodes
      .list()
      .find(
        (other) =>
          other.id !== node.id && other.row.instance === self.instance && other.problem === null && other.isOnline,
      )
    if (twin !== undefined) return `This is the same daemon as ${twin.name} (${hostOf(twin.row.url)}), listed twice`
    if (self.identity === 'master') return `This is a master itself (of the cluster '${self.cluster_name}')`
    if (self.owner?.instance === instance) return null
    if (self.owner !== null) {
      return `It belongs to the master '${self.owner.node_name}' (${self.owner.instance}); take it over explicitly, or remove it there`
    }
    await clients.of(node).call('putOwner', { body: { instance, node_name: nodeName, takeover: false } })
    return null
  }

  #follow(node: ClusterNode): void {
    if (this.#followers.has(node.id)) return
    if (node.row.kind === 'scrapyd') {
      this.#followers.set(node.id, this.#parts.followScrapyd(node))
      return
    }
    const follower = new Follower({
      node,
      client: this.#parts.clients.of(node),
      mirror: this.#parts.mirror,
      ledger: this.#parts.ledger,
      jobs: this.#parts.jobs,
      nodes: this.#parts.store,
      writer: this.#parts.writer,
      log: this.#parts.log,
      instance: this.#parts.instance,
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
      onCut: () => this.#parts.pingNow(node),
    })
    this.#followers.set(node.id, follower)
    follower.start()
  }

  #unfollow(node: ClusterNode): void {
    const follower = this.#followers.get(node.id)
    if (follower === undefined) return
    this.#followers.delete(node.id)
    node.inStep = false
    void follower.stop()
  }

  /** Credentials or owner changed: everything about the node begins anew. */
  restart(node: ClusterNode): void {
    this.#unfollow(node)
    node.problem = null
    node.forgetRefusals('all')
    this.#parts.pingNow(node)
  }

  /** Tells a node that is back what it missed, in order. */
  async #isBack(node: ClusterNode): Promise<void> {
    node.forgetRefusals('all')
    for (const task of this.#parts.store.tasks(node.id)) {
      const { project, path } = JSON.parse(task.body) as { project: string; path?: string | null }
      const client = this.#parts.clients.of(node)
      try {
        if (task.kind === 'addproject') {
          await client.call('addProject', { params: { project }, body: { path: path ?? null } }, { timeoutMs: 60_000 })
        } else await client.call('deleteProject', { params: { project } }, { timeoutMs: 60_000 })
      } catch (error) {
        // A node that answers "no" will not say yes the next time; one that does not answer keeps its tasks.
        if ((error as { code?: string }).code === 'node-unreachable') return
        this.#parts.log.warn(`${node.name} refused ${task.kind} of ${project}, which waited for it`, error)
      }
      await this.#parts.writer.write(() => this.#parts.store.deleteTask(task.n))
    }
    for (const row of this.#parts.jobs.unfinishedOn(node.id)) {
      if (row.cancel_requested_at !== null && row.cancel_delivered === 0) void this.passCancel(node, row.key)
    }
  }

  /** Delivers a stored cancel to the node that holds the job; kept for later when the node does not answer. */
  async passCancel(node: ClusterNode, key: string): Promise<void> {
    const row = this.#parts.jobs.get(key)
    if (row === null || !node.isOnline || row.state === 'assigned') return
    try {
      if (node.row.kind === 'scrapyd') return await this.#parts.cancelScrapyd(node, row)
      const signal = row.cancel_signal === null ? {} : { signal: row.cancel_signal }
      await this.#parts.clients.of(node).call('cancelJob', { params: { key }, body: signal })
      await this.#parts.ledger.change(
        key,
        (now) => now.state !== 'finished' && now.cancel_delivered === 0,
        () => ({ cancel_delivered: 1 }),
      )
    } catch (error) {
      this.#parts.log.debug(`the cancel of ${key} could not be delivered to ${node.name}: ${String(error)}`)
    }
  }

  /** The jobs of a node that left the cluster: nobody will tell how they end. */
  async #loseJobs(node: Pick<ClusterNode, 'id' | 'name'>): Promise<void> {
    await this.loseJobsOf(node.id, `The node ${node.name} was removed from the cluster`)
  }

  async loseJobsOf(nodeId: string, reason: string): Promise<void> {
    const lost = await this.#parts.writer.write(() =>
      this.#parts.mirror.lose(this.#parts.jobs.unfinishedOn(nodeId), reason, Date.now()),
    )
    for (const key of lost) this.#parts.ledger.announceEnd(key)
  }
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
