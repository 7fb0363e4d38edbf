import { setTimeout as delay } from 'node:timers/promises'
import type { FeedEvent } from '../src-daemon/api/contract/events.ts'
import { ConflictError } from '../src-daemon/errors.ts'
import { applyEvents, healthOf, NO_HEALTH, type ClusterHealth } from './cluster-health.ts'
import { ClusterSession } from './cluster-session.ts'
import { clientOf, testConnection, type Address } from './connection-test.ts'
import type { Connections } from './connections.ts'
import type { OpenCluster, TestResult } from './ipc-contract.ts'
import type { LocalMaster } from './local-master.ts'
import { NoticeFinder, type Notice } from './notices.ts'
import type { Words } from './words.ts'

/** Names the stream of our own. */
const ALONE = 'alone'
const ALONE_RETRY_MS = 2_000

interface OpenSessionOptions {
  readonly connections: Connections
  readonly local: Pick<LocalMaster, 'state' | 'address' | 'notifications' | 'start'>
  readonly words: Words
  /** The page has to show another cluster, or the clusters. */
  readonly onSwitch: () => void
  /** The page that listens has to show a route. */
  readonly onGo: (path: string) => void
  readonly onNotice: (notice: Notice) => void
  /** null: no cluster is open. */
  readonly onHealth: (cluster: OpenCluster | null, health: ClusterHealth) => void
}

/** Which cluster is open, and what its events mean for tray and notifications. */
export class OpenSession {
  readonly #options: OpenSessionOptions
  #session: ClusterSession | null = null
  /** Where the session goes. */
  #address: Address | null = null
  #health: ClusterHealth = NO_HEALTH
  /** Id of the cluster that the clusters screen shows first. */
  selected: string | null = null
  notice: 'unauthorized' | 'password-needed' | null = null
  /** The route that the console begins with. */
  #path: string | null = null
  /** The page has asked for its state, and hears what is said since. */
  #isListening = false
  /** Ends the stream of our own; null: a page follows the events. */
  #alone: AbortController | null = null

  constructor(options: OpenSessionOptions) {
    this.#options = options
  }

  get cluster(): OpenCluster | null {
    return this.#session?.cluster ?? null
  }

  /** Throws ConflictError when no cluster is open. */
  get session(): ClusterSession {
    if (this.#session === null) throw new ConflictError('No cluster is open.')
    return this.#session
  }

  /** The page that asks listens from now on: the route to begin with, told once, to a console. */
  takePath(): string | null {
    this.#isListening = true
    if (this.#session === null) return null
    const path = this.#path
    this.#path = null
    return path
  }

  /** A page begins to load. */
  pageLoads(): void {
    this.#isListening = false
    this.#alone?.abort()
    this.#alone = null
  }

  /** The window was closed and the app goes on, as on macOS: tray and notifications follow the events by themselves. */
  pageIsGone(): void {
    this.pageLoads()
    this.#alone = new AbortController()
    if (this.#session !== null) void this.#followAlone(this.#session, this.#alone.signal)
  }

  /** Shows a route of the open cluster: a page that still loads gets it with its state. */
  go(path: string): void {
    if (this.#isListening) this.#options.onGo(path)
    else this.#path = path
  }

  /** The cluster that was open last, without asking it first: the window must not wait for a far master. */
  resume(): void {
    const { connections, local } = this.#options
    const { last } = connections
    this.selected = last
    if (last === null) return
    if (last === 'local') {
      local
        .start()
        .then(() => {
          if (local.state.state === 'running' && this.#session === null) this.#begin('local', local.address, null)
        })
        .catch((error: unknown) => console.error('the local master could not be started', error))
      return
    }
    const address = connections.address(last)
    if (address.username !== '' && address.password === null) this.notice = 'password-needed'
    else this.#begin(last, address, null)
  }

  /** Opens a cluster if it is a master that lets us in; what is wrong otherwise. */
  async open(id: string, password: string | null, path = '/'): Promise<TestResult> {
    const { connections, local } = this.#options
    if (id === 'local') await local.start()
    const result = id === 'local' ? await testConnection(local.address) : await connections.try(id, password)
    if (result.kind === 'connected') {
      this.#begin(id, id === 'local' ? local.address : connections.address(id), path)
    } else {
      this.selected = id
    }
    return result
  }

  /**
   * The local master was started again: one with another port or password needs a new session. One that was given up has
   * nothing to show any more: its page among the clusters says why, and starts it by hand.
   */
  followLocal(): void {
    const { local, words, onNotice } = this.#options
    if (this.#session?.cluster.isLocal !== true) return
    if (local.state.state === 'failed') {
      if (local.notifications.nodes) onNotice({ title: words.localEnded, body: words.localEndedDetail, path: '/' })
      this.choose('local')
    }
    if (local.state.state !== 'running') return
    const { url, password } = local.address
    if (url !== this.#address?.url || password !== this.#address.password) this.#begin('local', local.address, null)
  }

  /** Back to the clusters. */
  close(reason: 'chosen' | 'unauthorized'): void {
    this.selected = this.#session?.cluster.id ?? this.selected
    this.notice = reason === 'unauthorized' ? 'unauthorized' : null
    this.#options.connections.last = null
    this.end()
    this.#reload()
  }

  /** The clusters, with one of them shown; the cluster of the last start stays that. */
  choose(id: string): void {
    this.selected = id
    this.notice = null
    this.end()
    this.#reload()
  }

  /** Lets go of the cluster without a word. */
  end(): void {
    this.#alone?.abort()
    this.#session?.close()
    this.#session = null
    this.#health = NO_HEALTH
    this.#options.onHealth(null, NO_HEALTH)
  }

  #begin(id: string, address: Address, path: string | null): void {
    this.#session?.close()
    const isLocal = id === 'local'
    const name = isLocal ? 'local' : this.#options.connections.get(id).name
    const cluster: OpenCluster = { id, name, base: `${address.url.replace(/\/+$/, '')}/`, isLocal }
    const finder = new NoticeFinder(this.#options.words)
    const client = clientOf(address)
    const session = new ClusterSession(cluster, client, {
      onEvents: (events) => this.#take(session, finder, events),
      onSilence: () => {
        if (this.#session === session) this.#setHealth(session, NO_HEALTH)
      },
    })
    this.#session = session
    this.#address = address
    this.#options.connections.last = id
    this.selected = id
    this.notice = null
    this.#path = path
    this.#health = NO_HEALTH
    this.#options.onHealth(cluster, NO_HEALTH)
    if (this.#alone !== null) void this.#followAlone(session, this.#alone.signal)
    this.#reload()
  }

  #reload(): void {
    this.#isListening = false
    this.#options.onSwitch()
  }

  #take(session: ClusterSession, finder: NoticeFinder, events: readonly FeedEvent[]): void {
    if (this.#session !== session) return
    const { id, isLocal } = session.cluster
    const { local, connections } = this.#options
    const rule = isLocal ? local.notifications : connections.get(id).notifications
    for (const notice of finder.find(events, rule)) this.#options.onNotice(notice)
    if (events.some(({ type }) => type === 'hello')) void this.#readNodes(session, finder)
    this.#setHealth(session, applyEvents(this.#health, events))
  }

  async #followAlone(session: ClusterSession, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => session.abort(ALONE), { once: true })
    while (this.#session === session && !signal.aborted) {
      try {
        await session.follow(ALONE, null, () => {})
      } catch {
        // It has broken, or could not be opened: the tray says so until it can.
      }
      await delay(ALONE_RETRY_MS, null, { signal, ref: false }).catch(() => undefined)
    }
  }

  async #readNodes(session: ClusterSession, finder: NoticeFinder): Promise<void> {
    try {
      const { nodes } = await session.nodes()
      finder.know(nodes)
      if (this.#session === session) this.#setHealth(session, healthOf(nodes))
    } catch {
      // The stream has broken again; its next hello asks anew.
    }
  }

  #setHealth(session: ClusterSession, health: ClusterHealth): void {
    this.#health = health
    this.#options.onHealth(session.cluster, health)
  }
}
