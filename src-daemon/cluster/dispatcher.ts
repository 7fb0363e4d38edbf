import { reasonText } from '../api/contract/reasons.ts'
import type { DispatchReply } from '../api/contract/endpoints.ts'
import type { Job, JobOutcome } from '../api/contract/values.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { Launcher } from '../jobs/launcher.ts'
import { nextJob } from '../jobs/queue.ts'
import type { Logger } from '../logger.ts'
import { LOCAL_NODE, type JobRow, type JobStore, type PendingGroup } from '../storage/jobs.ts'
import type { NodeStore } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import { placeJob, type Candidate, type Placement } from './balancer.ts'
import type { ClusterNode, JobWish, RefusalScope } from './cluster-node.ts'
import type { Mirror } from './mirror.ts'
import type { NodeClients } from './node-client.ts'
import { neverArrived } from './node-failure.ts'
import type { Nodes } from './nodes.ts'

/** A request that arrives later than this (in the slave's clock) is refused there. */
const EXPIRES_MS = 15_000
const ANSWER_MS = 10_000
const SETTLE_RETRY_MS = 1_000

/** Sends jobs to stock Scrapyd servers, which know no dispatches. */
export interface ScrapydDispatch {
  /** What the server said, in a dispatch's words; `accepted` comes without the job. Throws when that cannot be known. */
  send(node: ClusterNode, row: JobRow): Promise<DispatchReply>
  /** Whether the server knows the job (after no answer). Throws when it cannot be asked. */
  knows(node: ClusterNode, row: JobRow): Promise<boolean>
}

export interface DispatcherParts {
  readonly instance: string
  readonly nodeName: string
  readonly isAllCodeSame: boolean
  readonly runsJobs: boolean
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly store: NodeStore
  readonly mirror: Mirror
  readonly jobs: JobStore
  readonly ledger: Ledger
  readonly launcher: Launcher
  readonly writer: Writer
  readonly scrapyd: ScrapydDispatch
  readonly isPaused: () => boolean
  readonly hasLocalProject: (project: string) => boolean
  readonly hasLocalSpider: (project: string, spider: string) => boolean
  /** A cancel was stored while the job was on its way: its node has it now. */
  readonly passCancel: (node: ClusterNode, key: string) => void
  readonly log: Logger
  readonly intervalMs: number
}

/**
 * Empties the master's queue: late binding, so that a job is given to a node only when that node can start it now.
 * The assignment is committed before the request is sent; every answer has a next state; no answer means ask, not send
 * elsewhere (ARCHITECTURE.md, "A cluster"). Slave's side: node/dispatch-inbox.ts.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts
  /** Jobs whose dispatch is being sent or settled now, or was asked for in vain a moment ago. */
  readonly #busy = new Set<string>()
  /** Calls that are under way end with the daemon; the next one settles what became of them. */
  readonly #abort = new AbortController()
  /** What `whyPending` looks at, for one turn of the event loop: a page of jobs asks once. */
  #looked: readonly Candidate[] | null = null
  #timer: NodeJS.Timeout | null = null
  #ticking = false
  #again = false
  #stopped = false

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(
      () => {
        this.settle()
        this.wake()
      },
      Math.min(this.#parts.intervalMs, 1_000),
    )
    this.#timer.unref()
    this.settle()
    this.wake()
  }

  stop(): void {
    this.#stopped = true
    this.#abort.abort()
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** Something changed: a job arrived, a slot is free somewhere, a node is back. */
  wake(): void {
    if (this.#ticking) {
      this.#again = true
      return
    }
    void this.#tick()
  }

  /** Why a job waits, in words; null when it is about to start. */
  whyPending(wish: JobWish, pinned: string | null): string | null {
    if (this.#looked === null) {
      this.#looked = this.#candidates()
      setImmediate(() => {
        this.#looked = null
      })
    }
    return this.#place(wish, pinned, this.#looked).reason
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    try {
      do {
        this.#again = false
        while (!this.#stopped && (await this.#placeOne())) {
          // One after the other: each placement changes the loads that the next one looks at.
        }
      } while (this.#again && !this.#stopped)
    } catch (error) {
      this.#parts.log.error('no job could be given to a node', error)
    } finally {
      this.#ticking = false
    }
  }

  async #placeOne(): Promise<boolean> {
    const { jobs } = this.#parts
    // Most that wakes it finds nothing to do.
    if (jobs.pendingProjects().next().done === true) return false
    const candidates = this.#candidates()
    if (!candidates.some((node) => node.online && !node.paused && node.used < node.capacity)) return false
    const running = this.#runningByProject()
    const placements = new Map<string, Placement>()
    const place = (head: PendingGroup) => {
      const wish = wishOf(head)
      const group = [wish.project, wish.spider, wish.version, head.pinned_node].join('\n')
      let placement = placements.get(group)
      if (placement === undefined) {
        placement = this.#place(wish, head.pinned_node, candidates)
        placements.set(group, placement)
      }
      return placement
    }
    const runningOf = (project: string) => running.get(project) ?? 0
    // The heads of the projects are enough as long as they can be placed; else a job behind them may be.
    const heads = [...jobs.pendingProjects()]
    const chosen = heads.every((head) => place(head).node !== null)
      ? nextJob(heads, runningOf)
      : nextJob(
          firstOfProjects(jobs.pendingGroups(), (head) => place(head).node !== null),
          runningOf,
        )
    if (chosen === null) return false
    const target = place(chosen).node
    if (target === null) return false
    if (target.id === LOCAL_NODE) return (await this.#parts.launcher.launch(chosen.key, chosen.project)) !== null
    return this.#assign(chosen, this.#parts.nodes.require(target.id))
  }

  async #assign(head: PendingGroup, node: ClusterNode): Promise<boolean> {
    const { ledger, nodes } = this.#parts
    const row = await ledger.change(
      head.key,
      // What is assigned to a node that was just removed would wait there for ever.
      (now) => now.state === 'pending' && now.node_id === null && nodes.get(node.id) === node,
      (now) => ({
        state: 'assigned',
        node_id: node.id,
        node: node.name,
        assigned_at: Date.now(),
        owner_attempt: (now.owner_attempt ?? 0) + 1,
      }),
    )
    if (row === null) return true
    this.#busy.add(row.key)
    void this.#send(row, node).finally(() => {
      this.#busy.delete(row.key)
      this.settle()
      this.wake()
    })
    return true
  }

  async #send(row: JobRow, node: ClusterNode): Promise<void> {
    try {
      if (node.row.kind === 'scrapyd') {
        await this.#answered(row, node, await this.#parts.scrapyd.send(node, row))
        return
      }
      const reply = await this.#parts.clients
        .of(node)
        .call(
          'putDispatch',
          { params: { key: row.key }, body: this.#request(row, node) },
          { timeoutMs: ANSWER_MS, signal: this.#abort.signal },
        )
      await this.#answered(row, node, reply)
    } catch (error) {
      if (this.#stopped) return
      if (neverArrived(error)) {
        const reason = error instanceof Error ? error.message : String(error)
        return this.#takeBack(row, node, 'busy', reasonText('unreachable', { detail: reason }))
      }
      // Not sent elsewhere: it may run there. `settle` asks until it is known.
      this.#parts.log.warn(`${node.name} did not answer the dispatch of job ${row.key}`, error)
    }
  }

  #request(row: JobRow, node: ClusterNode) {
    return {
      owner: { instance: this.#parts.instance, node_name: this.#parts.nodeName },
      attempt: attemptOf(row),
      expires_at: new Date(Date.now() + node.clockOffset + EXPIRES_MS).toISOString(),
      job: {
        id: row.id,
        project: row.project,
        spider: row.spider,
        priority: row.priority,
        args: JSON.parse(row.args) as Record<string, string>,
        settings: JSON.parse(row.settings) as Record<string, string>,
        version: row.requested_version,
        scheduled_by: row.scheduled_by,
        created_at: new Date(row.created_at).toISOString(),
      },
    }
  }

  async #answered(row: JobRow, node: ClusterNode, { answer, job, reason }: DispatchReply): Promise<void> {
    switch (answer) {
      case 'accepted':
      case 'already':
        return this.#taken(row, node, job)
      case 'no-project':
        return this.#takeBack(
          row,
          node,
          { project: row.project },
          reason ?? reasonText('nodeLacks', { project: row.project }),
        )
      case 'no-spider':
      case 'unstartable': {
        const why = reason ?? reasonText('nodeCannot')
        const wish = wishOf(row)
        node.refuse(wish, why, Date.now())
        if (this.#isTakenElsewhere(row)) return this.#takeBack(row, node, wish, why)
        return this.#end(row, 'failed', `${node.name}: ${why}`)
      }
      case 'foreign':
        node.problem = reason
        return this.#takeBack(row, node, 'busy', reason ?? reasonText('nodeForeign'))
      default:
        return this.#takeBack(row, node, 'busy', reason ?? reasonText('nodeTakesNone'))
    }
  }

  /** Whether another node may still be able to start the job, now or when it has a free slot. */
  #isTakenElsewhere(row: JobRow): boolean {
    const wish = wishOf(row)
    const idle = { online: true, paused: false, used: 0, behind: null }
    const candidates = this.#candidates().map((candidate) => ({ ...candidate, ...idle }))
    const lacks = (node: ClusterNode) => node.problem ?? node.lacks(wish, Date.now())
    return this.#place(wish, row.pinned_node, candidates, lacks).node !== null
  }

  /**
   * The node has the job. What its event feed told meanwhile is newer than this answer. A stock Scrapyd (null) has only
   * said that it has it: stored at once, so that it is lost, and not sent again, when it has forgotten it until it is asked.
   */
  async #taken(row: JobRow, node: ClusterNode, job: Job | null): Promise<void> {
    const { jobs, writer, mirror, ledger, passCancel } = this.#parts
    if (job === null) {
      await ledger.change(
        row.key,
        (now) => isStillSent(row, now),
        () => ({ state: 'pending' }),
      )
    } else {
      const ended = await writer.write(() => {
        const now = jobs.get(row.key)
        return now !== null && isStillSent(row, now) ? mirror.apply(node, job) : null
      })
      if (ended !== null) ledger.announceEnd(ended)
    }
    if (jobs.get(row.key)?.cancel_requested_at != null) passCancel(node, row.key)
  }

  /** Back into the queue: the node said no, or has taken the revocation. */
  async #takeBack(row: JobRow, node: ClusterNode, scope: RefusalScope, reason: string): Promise<void> {
    node.refuse(scope, reason, Date.now())
    const { ledger, jobs } = this.#parts
    await ledger.change(
      row.key,
      (now) => isStillSent(row, now) && now.cancel_requested_at === null,
      () => ({ state: 'pending', node_id: null, node: null, assigned_at: null }),
    )
    if (jobs.get(row.key)?.cancel_requested_at != null) {
      await this.#end(row, 'cancelled', reasonText('cancelled'))
    }
  }

  /** Ends a job that no node will start, or that must not be sent again. */
  async #end(row: JobRow, outcome: JobOutcome, reason: string): Promise<void> {
    const ended = await this.#parts.ledger.change(
      row.key,
      (now) => isStillSent(row, now),
      (now) => ({
        state: 'finished',
        outcome: now.cancel_requested_at === null ? outcome : 'cancelled',
        reason,
        ended_at: Date.now(),
      }),
    )
    if (ended !== null) this.#parts.ledger.announceEnd(row.key)
  }

  /**
   * Jobs that were assigned, whose node gave no answer: revoked there, or found to run there. Only once the node's events
   * are followed: a database that is new or an older copy would not know what it was given, and must not be believed.
   */
  settle(): void {
    for (const row of this.#parts.jobs.assigned()) {
      const node = row.node_id === null ? null : this.#parts.nodes.get(row.node_id)
      if (node === null || !node.isOnline || !node.inStep || node.problem !== null || this.#busy.has(row.key)) continue
      this.#busy.add(row.key)
      void this.#settleOne(row, node).then((isSettled) => {
        if (isSettled) this.#busy.delete(row.key)
        else setTimeout(() => this.#busy.delete(row.key), SETTLE_RETRY_MS).unref()
        this.wake()
      })
    }
  }

  /** Resolves to whether it is known now what became of the job. */
  async #settleOne(row: JobRow, node: ClusterNode): Promise<boolean> {
    try {
      if (node.row.kind === 'scrapyd') {
        if (await this.#parts.scrapyd.knows(node, row)) return false
        // Started and forgotten by a restart, or never received: nobody can tell, and it must not run twice.
        await this.#end(row, 'lost', reasonText('stockUnanswered', { node: node.name }))
        return true
      }
      const { revoked, job } = await this.#parts.clients
        .of(node)
        .call(
          'deleteDispatch',
          { params: { key: row.key }, query: { attempt: attemptOf(row) } },
          { signal: this.#abort.signal },
        )
      if (revoked) await this.#takeBack(row, node, 'busy', 'did not get the job')
      else if (job !== null) await this.#taken(row, node, job)
      return true
    } catch (error) {
      if (!this.#stopped) {
        this.#parts.log.debug(`${node.name} cannot be asked about job ${row.key}: ${String(error)}`)
      }
      return false
    }
  }

  #place(
    wish: JobWish,
    pinned: string | null,
    candidates: readonly Candidate[],
    refusal = (node: ClusterNode) => node.refusal(wish, Date.now()),
  ): Placement {
    const { nodes, isAllCodeSame } = this.#parts
    const { project, spider } = wish
    return placeJob(
      project,
      spider,
      pinned,
      candidates.map((candidate) => {
        if (candidate.id === LOCAL_NODE) {
          return {
            ...candidate,
            hasProject: this.#parts.hasLocalProject(project),
            hasSpider: isAllCodeSame || this.#parts.hasLocalSpider(project, spider),
          }
        }
        const node = nodes.get(candidate.id)
        const spiders = node?.known.spiders[project]
        return {
          ...candidate,
          hasProject: node?.hasProject(project) ?? false,
          hasSpider: isAllCodeSame || spiders === undefined || spiders.includes(spider),
          refuses: node === null ? candidate.refuses : refusal(node),
        }
      }),
    )
  }

  #candidates(): Candidate[] {
    const { nodes, launcher, store, runsJobs } = this.#parts
    const used = new Map<string, number>()
    for (const { node_id, count } of store.loads()) used.set(node_id, (used.get(node_id) ?? 0) + count)
    const shared = { hasProject: false, hasSpider: false, refuses: null, behind: null, problem: null }
    const remote = nodes.all().map((node) => ({
      ...shared,
      id: node.id,
      name: node.name,
      online: node.isOnline,
      problem: node.row.state === 'unknown' ? (node.problem ?? node.row.last_error ?? reasonText('notSeen')) : null,
      behind: node.inStep ? null : behind(node),
      paused: node.row.paused === 1,
      used: used.get(node.id) ?? 0,
      capacity: node.row.max_proc ?? 0,
    }))
    const local = {
      ...shared,
      refuses: runsJobs ? null : reasonText('runsNone'),
      id: LOCAL_NODE,
      name: this.#parts.nodeName,
      online: true,
      paused: this.#parts.isPaused(),
      used: launcher.maxProc - launcher.free,
      capacity: launcher.maxProc,
    }
    return [local, ...remote]
  }

  /** Slots that each project uses, those that are being filled included: else a burst would all be one project's. */
  #runningByProject(): ReadonlyMap<string, number> {
    return this.#parts.jobs.slotsByProject()
  }
}

function behind({ followFailure }: ClusterNode): string {
  return followFailure === null ? reasonText('notKnown') : reasonText('notKnownWith', { detail: followFailure })
}

function wishOf({
  project,
  spider,
  requested_version,
}: Pick<JobRow, 'project' | 'spider' | 'requested_version'>): JobWish {
  return { project, spider, version: requested_version }
}

function attemptOf(row: JobRow): number {
  return row.owner_attempt ?? 1
}

/** Whether the job still waits for the answer to this very dispatch. */
function isStillSent(sent: JobRow, now: JobRow): boolean {
  return now.state === 'assigned' && now.node_id === sent.node_id && now.owner_attempt === sent.owner_attempt
}

/** Of the groups that can be placed, the oldest of each (priority, project), in the order of the groups. */
function* firstOfProjects(
  groups: Iterable<PendingGroup>,
  canBePlaced: (head: PendingGroup) => boolean,
): Generator<PendingGroup> {
  let best: PendingGroup | null = null
  for (const head of groups) {
    if (best !== null && (head.priority !== best.priority || head.project !== best.project)) {
      yield best
      best = null
    }
    if (!canBePlaced(head)) continue
    if (best === null || head.n < best.n) best = head
  }
  if (best !== null) yield best
}
