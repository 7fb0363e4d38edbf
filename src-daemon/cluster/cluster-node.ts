import { reasonText } from '../api/contract/reasons.ts'
import type { Node, NodeSelf } from '../api/contract/values.ts'
import { NodeUnreachableError } from '../errors.ts'
import type { NodeRow } from '../storage/nodes.ts'
import { readKnown, type Known } from './known.ts'

const LATENCY_MS = 15 * 60 * 1000
const MOST_POINTS = 1_000

/** Refusals are forgotten after a while: a project may have been added behind our back. */
const REFUSAL_MS = 15_000
const BUSY_MS = 1_000

/** What a job needs of a node. */
export interface JobWish {
  readonly project: string
  readonly spider: string
  /** The version it asks for; null: whatever is there. */
  readonly version: string | null
}

/** What a node said no to: everything for a moment, a project, or one version of one spider. */
export type RefusalScope = 'busy' | { readonly project: string } | JobWish

/** A node of the cluster in memory: its row, and what is only worth knowing now. */
export class ClusterNode {
  row: NodeRow
  known: Known
  /** Milliseconds to add to our clock to get the node's. */
  clockOffset = 0
  latencyMs: number | null = null
  /** The follower has everything that the node had when the stream began: only then the node gets jobs. */
  inStep = false
  /** Why the node's events cannot be followed, as long as they are not. */
  followFailure: string | null = null
  /** Why the node cannot be used although it answers (another master, the same daemon twice …); null = usable. */
  problem: string | null = null
  /** There may be cancels that it was not told; false only when none was found since the last one. */
  mayOweCancels = true
  #away = new AbortController()
  /** Projects that were taken out of service, by when (ms); until the node was asked after that. */
  readonly #dropped = new Map<string, number>()
  /** When its row was last written. */
  storedAt = 0
  readonly latency: { readonly at: number; readonly ms: number | null }[] = []
  readonly #refusals = new Map<string, { readonly until: number; readonly reason: string }>()

  constructor(row: NodeRow) {
    this.row = row
    this.known = readKnown(row.known)
  }

  get id(): string {
    return this.row.id
  }

  get name(): string {
    return this.row.name
  }

  get isOnline(): boolean {
    return this.row.state === 'online'
  }

  /** Aborted, with the reason, once the node is found away: nobody waits any longer for what it was asked. */
  get untilAway(): AbortSignal {
    return this.#away.signal
  }

  goAway(reason: string): void {
    this.#away.abort(new NodeUnreachableError(reasonText('offline', { detail: reason })))
    this.#away = new AbortController()
  }

  addLatency(at: number, ms: number | null): void {
    this.latencyMs = ms ?? this.latencyMs
    this.latency.push({ at, ms })
    while (this.latency.length > MOST_POINTS || (this.latency[0]?.at ?? at) < at - LATENCY_MS) this.latency.shift()
  }

  /** A project was taken out of service: what the node said before that does not bring it back. */
  dropProject(project: string): void {
    this.#dropped.set(project, Date.now())
    this.known = { ...this.known, projects: this.known.projects.filter((code) => code.project !== project) }
  }

  /** Takes over what the node says of itself, asked at `sentAt` (ms). */
  learn(self: NodeSelf, sentAt: number): void {
    for (const [project, at] of this.#dropped) if (at < sentAt) this.#dropped.delete(project)
    this.known = {
      ...this.known,
      version: self.version,
      python: self.python,
      scrapy: self.scrapy,
      disk_free_bytes: self.disk_free_bytes,
      disk_total_bytes: self.disk_total_bytes,
      projects: self.projects.filter(({ project }) => !this.#dropped.has(project)),
      load: { pending: self.pending, running: self.running },
    }
  }

  hasProject(project: string): boolean {
    return this.known.projects.some((code) => code.project === project)
  }

  /** The node said no. */
  refuse(scope: RefusalScope, reason: string, now: number): void {
    for (const [key, { until }] of this.#refusals) if (until <= now) this.#refusals.delete(key)
    this.#refusals.set(refusalKey(scope), { until: now + (scope === 'busy' ? BUSY_MS : REFUSAL_MS), reason })
  }

  /** Why the node does not take such a job at the moment; null when it does. */
  refusal(wish: JobWish, now: number): string | null {
    return this.problem ?? this.#refused('busy', now) ?? this.lacks(wish, now)
  }

  /** Why it cannot start such a job at all, as it said a while ago; null when it never said so. */
  lacks(wish: JobWish, now: number): string | null {
    return this.#refused({ project: wish.project }, now) ?? this.#refused(wish, now)
  }

  #refused(scope: RefusalScope, now: number): string | null {
    const refusal = this.#refusals.get(refusalKey(scope))
    return refusal !== undefined && refusal.until > now ? refusal.reason : null
  }

  /** Something changed there: it may take now what it refused before. */
  forgetRefusals(scope: 'busy' | 'all'): void {
    if (scope === 'busy') this.#refusals.delete('busy')
    else this.#refusals.clear()
  }

  /** The contract's form. */
  view(load: { readonly pending: number; readonly running: number }, waiting: readonly string[]): Node {
    const { row, known } = this
    return {
      id: row.id,
      name: row.name,
      url: row.url,
      identity: row.kind === 'scrapyd' ? 'scrapyd' : 'slave',
      state: row.state,
      since: iso(row.since),
      last_seen: row.last_seen === null ? null : iso(row.last_seen),
      latency_ms: this.latencyMs,
      version: known.version,
      paused: row.paused === 1,
      pause_note: row.pause_note,
      pending: load.pending,
      running: load.running,
      max_proc: row.max_proc,
      last_error: this.problem ?? row.last_error,
      last_error_at: row.last_error_at === null ? null : iso(row.last_error_at),
      disk_free_bytes: known.disk_free_bytes,
      disk_total_bytes: known.disk_total_bytes,
      python: known.python,
      scrapy: known.scrapy,
      projects: known.projects,
      waiting: [...waiting],
    }
  }
}

function refusalKey(scope: RefusalScope): string {
  if (scope === 'busy') return scope
  return 'spider' in scope ? [scope.project, scope.spider, scope.version].join('\n') : `${scope.project}\n`
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
