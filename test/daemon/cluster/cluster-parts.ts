import { vi } from 'vitest'
import type { EndpointName } from '../../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../../src-daemon/api/contract/events.ts'
import type { Job, NodeSelf } from '../../../src-daemon/api/contract/values.ts'
import type { EventsOptions } from '../../../src-daemon/api/client/api-client.ts'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { Mirror } from '../../../src-daemon/cluster/mirror.ts'
import type { NodeClient, NodeClients } from '../../../src-daemon/cluster/node-client.ts'
import { Nodes } from '../../../src-daemon/cluster/nodes.ts'
import type { SlaveHost } from '../../../src-daemon/config/config.ts'
import { newKey } from '../../../src-daemon/storage/key.ts'
import { NodeStore } from '../../../src-daemon/storage/nodes.ts'
import { keepingLog, openLedger } from '../../helpers/ledger-parts.ts'

/** A master's ledger in a real database with its nodes, whose daemons are made of what a test answers. */
export type ClusterParts = ReturnType<typeof clusterParts>

export const MASTER = 'master0000000000000000000a'

/** @param dir of a database that an earlier part of the test has used */
export function clusterParts(dir?: string) {
  const parts = openLedger({ nodeName: null, ...(dir === undefined ? {} : { dir }) })
  const store = new NodeStore(parts.db)
  const { writer, ledger, jobs } = parts
  const nodes = new Nodes({ store, writer, ledger, username: 'all', password: 'secret', localName: 'master1' })
  const fakes = new Map<string, FakeNode>()
  const clients = {
    of: (node: ClusterNode) => {
      let fake = fakes.get(node.row.url)
      if (fake === undefined) fakes.set(node.row.url, (fake = new FakeNode()))
      return fake as unknown as NodeClient
    },
  } as NodeClients
  return {
    ...parts,
    store,
    nodes,
    clients,
    mirror: new Mirror(ledger, jobs),
    log: keepingLog(),
    instance: MASTER,
    nodeName: 'master1',
    fake: (node: ClusterNode) => clients.of(node) as unknown as FakeNode,
  }
}

/** A slave as its client sees it: answers are functions of the test, its event streams are fed by the test. */
export class FakeNode {
  readonly calls: { readonly name: string; readonly input: unknown }[] = []
  readonly answers: Partial<Record<EndpointName, (input: never) => unknown>> = {}
  readonly streams: FakeStream[] = []

  async call(name: EndpointName, input: unknown): Promise<unknown> {
    this.calls.push({ name, input })
    const answer = this.answers[name] as ((given: unknown) => unknown) | undefined
    if (answer === undefined) throw new Error(`nobody answers ${name}`)
    return answer(input)
  }

  openEventBatches(options: EventsOptions): AsyncIterable<readonly FeedEvent[]> {
    const stream = new FakeStream(options)
    this.streams.push(stream)
    return stream.read()
  }

  /** The calls of one endpoint. */
  asked(name: EndpointName): unknown[] {
    return this.calls.filter((call) => call.name === name).map((call) => call.input)
  }

  /** The stream that was opened as the `count`th. */
  stream(count: number): Promise<FakeStream> {
    return vi.waitFor(() => {
      const stream = this.streams[count - 1]
      if (stream === undefined) throw new Error(`stream ${count} was not opened`)
      return stream
    }, WAIT)
  }
}

/** One event stream that a follower has opened. */
export class FakeStream {
  readonly options: EventsOptions
  readonly #batches: (readonly FeedEvent[] | Error)[] = []
  #woken = Promise.withResolvers<void>()

  constructor(options: EventsOptions) {
    this.options = options
    options.signal?.addEventListener('abort', () => this.#woken.resolve())
  }

  get isOpen(): boolean {
    return this.options.signal?.aborted !== true
  }

  /** What was sent and is not taken yet. */
  get left(): number {
    return this.#batches.length
  }

  send(...events: readonly FeedEvent[]): void {
    this.#batches.push(events)
    this.#woken.resolve()
  }

  cut(reason = 'the connection was closed'): void {
    this.#batches.push(new Error(reason))
    this.#woken.resolve()
  }

  async *read(): AsyncGenerator<readonly FeedEvent[]> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch instanceof Error) throw batch
      if (batch !== undefined) yield batch
      if (!this.isOpen) return
      if (this.#batches.length === 0) {
        await this.#woken.promise
        this.#woken = Promise.withResolvers()
      }
    }
  }
}

export const WAIT = { interval: 1 }

export const FEED = 'feed0000000000000000000001'

export function hello(head: number, resumes: boolean, feed = FEED): FeedEvent {
  return { type: 'hello', feed, stream: 's', node_name: 'slave1', head, resumes, now: new Date().toISOString() }
}

/** When the event with that number happened. */
export function timeOf(seq: number): number {
  return Date.parse('2026-01-01T00:00:00.000Z') + seq
}

export function jobEvent(seq: number, job: Job): FeedEvent {
  return { type: 'job', seq, at: new Date(timeOf(seq)).toISOString(), job }
}

export function snapshot(head: number, jobs: readonly Job[], done = true): FeedEvent {
  return { type: 'snapshot', head, jobs: [...jobs], nodes: [], projects: [], done }
}

/** A job as a slave tells it, in any state, with what that state must have. */
export function slaveJob(job: Partial<Job> = {}): Job {
  const { state = 'running' } = job
  const created = job.created_at ?? '2026-01-01T00:00:00.000Z'
  const hasBegun = state === 'running' || state === 'finished'
  return {
    key: newKey(Date.now()),
    id: 'a-job',
    project: 'news',
    spider: 'herald',
    state,
    outcome: state === 'finished' ? 'finished' : null,
    reason: null,
    node: 'slave1',
    pinned_node: null,
    node_offline: false,
    priority: 0,
    args: {},
    settings: {},
    version: null,
    created_at: created,
    started_at: hasBegun ? '2026-01-01T00:00:01.000Z' : null,
    ended_at: state === 'finished' ? '2026-01-01T00:00:02.000Z' : null,
    pid: hasBegun ? 4711 : null,
    exit_code: state === 'finished' ? 0 : null,
    signal: null,
    finish_reason: null,
    scheduled_by: null,
    cancelled_by: null,
    cancel_requested_at: null,
    attempt: 1,
    runner: hasBegun ? 'cold' : null,
    runner_note: null,
    pages: null,
    items: null,
    errors: null,
    cpu_seconds: null,
    max_rss_bytes: null,
    ...job,
  }
}

/** What a slave answers to a ping. */
export function slaveSelf(self: Partial<NodeSelf> = {}): NodeSelf {
  const now = new Date().toISOString()
  return {
    node_name: 'slave1',
    identity: 'slave',
    cluster_name: 'news',
    version: '0.1.0',
    feed: FEED,
    instance: 'slave00000000000000000000a',
    started_at: now,
    now,
    paused: false,
    pause_note: null,
    pending: 0,
    running: 0,
    finished: 0,
    max_proc: 4,
    disk_free_bytes: null,
    disk_total_bytes: null,
    cpus: 2,
    load_average: [0, 0, 0],
    memory_free_bytes: 0,
    memory_total_bytes: 0,
    platform: 'linux',
    node_version: 'v24',
    python: null,
    scrapy: null,
    owner: null,
    projects: [],
    ...self,
  }
}

/** A host of `slave_hosts`. */
export function host(port: number, more: Partial<SlaveHost> = {}): SlaveHost {
  return { url: `http://127.0.0.1:${port}`, username: null, password: null, maxProc: null, ...more }
}

/** The nodes of these hosts, by their order. */
export async function loaded(parts: ClusterParts, ...ports: readonly number[]): Promise<ClusterNode[]> {
  await parts.nodes.load(ports.map((port) => host(port)))
  return ports.map((port) => parts.nodes.byName(`127.0.0.1:${port}`)!)
}

/** A node that is online and may be given jobs. */
export async function usable(parts: ClusterParts, node: ClusterNode, max_proc = 4): Promise<void> {
  await parts.nodes.setState(node, 'online', null, { kind: 'slave', max_proc })
  node.inStep = true
  const code = { project: 'news', path: '/news', commit: null, branch: null, subject: null, author: null }
  const state = { committed_at: null, dirty: null, behind: null, ahead: null, spiders: 1, error: null }
  node.known = { ...node.known, projects: [{ ...code, ...state }] }
}
