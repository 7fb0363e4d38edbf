import { defineStore } from 'pinia'
import { onScopeDispose, readonly, ref, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import { useTransport } from '../composables/use-transport.ts'
import { CallError } from '../transport/call-error.ts'
import type { StreamHandle, StreamStatus } from '../transport/transport.ts'
import { useClusterStore } from './cluster.ts'
import { useConnectionStore } from './connection.ts'
import { useJobsStore } from './jobs.ts'
import { useOverviewStore } from './overview.ts'
import { useProjectsStore } from './projects.ts'
import { usePullsStore } from './pulls.ts'
import { useSessionStore } from './session.ts'
import { useSpidersStore } from './spiders.ts'

type Listener = (events: readonly FeedEvent[]) => void

const RETRY = 2_000

/**
 * One snapshot, then the event stream: reads the state once the stream is live, applies what came meanwhile, and from
 * then on only events. After a cut that could be resumed nothing is read again but the pulls that run.
 */
export const useLiveStore = defineStore('live', () => {
  const transport = useTransport()
  const connection = useConnectionStore()
  const session = useSessionStore()
  const cluster = useClusterStore()
  const projects = useProjectsStore()
  const spiders = useSpidersStore()
  const jobs = useJobsStore()
  const overview = useOverviewStore()
  const pulls = usePullsStore()

  const isReady = ref(false)
  const error = shallowRef<unknown>(null)
  const listeners = new Set<Listener>()
  const resetListeners = new Set<() => void>()
  /** Events that came while the snapshot is read; they may be older or newer than it, the last one of a row wins. */
  let held: FeedEvent[] | null = null
  let round = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let pullsTimer: ReturnType<typeof setTimeout> | undefined
  let stream: StreamHandle | null = null

  function start(): void {
    stream ??= transport.stream({ onEvents: receive, onStatus: follow })
  }

  function reconnect(): void {
    stream?.reconnect()
  }

  function follow(status: StreamStatus): void {
    connection.update(status)
    if (status.state === 'unauthorized') session.end()
    if (status.state !== 'live') return
    if (!status.resumed || !isReady.value) void load().then(measureLatency)
    else {
      void refreshPulls()
      void measureLatency()
    }
  }

  /** Pulls tell their progress by events that are not kept, so that even a resumed stream can have missed some. */
  async function refreshPulls(): Promise<void> {
    clearTimeout(pullsTimer)
    if (await pulls.refresh()) return
    clearTimeout(pullsTimer)
    pullsTimer = setTimeout(() => void refreshPulls(), RETRY)
  }

  async function load(): Promise<void> {
    const current = ++round
    clearTimeout(timer)
    held = []
    try {
      await Promise.all([session.load(), cluster.load(), projects.load(), jobs.load()])
      if (current !== round) return
      error.value = null
      const events = held
      held = null
      const first = !isReady.value
      isReady.value = true
      apply(events)
      void refreshPulls()
      if (!first) reread()
    } catch (cause) {
      if (current !== round) return
      if (cause instanceof CallError && cause.failure === 'unauthorized') return session.end()
      error.value = cause
      timer = setTimeout(() => void load(), RETRY)
    }
  }

  function reread(): void {
    void spiders.reload()
    void overview.load()
    for (const listener of resetListeners) listener()
  }

  function receive(events: readonly FeedEvent[]): void {
    if (held === null) apply(events)
    else held.push(...events)
  }

  function apply(events: readonly FeedEvent[]): void {
    if (events.length === 0) return
    for (const event of events) {
      cluster.apply(event)
      projects.apply(event)
      pulls.apply(event)
    }
    jobs.apply(events)
    spiders.apply(events)
    overview.apply(events)
    for (const listener of listeners) listener(events)
  }

  async function measureLatency(): Promise<void> {
    const start = performance.now()
    try {
      await transport.call('health')
      connection.latency = performance.now() - start
    } catch {
      connection.latency = null
    }
  }

  /** Calls `listener` with every piece of the stream, after the stores have taken it. */
  function onEvents(listener: Listener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Calls `listener` when a page must read its own data anew, because events are missing. */
  function onReset(listener: () => void): () => void {
    resetListeners.add(listener)
    return () => resetListeners.delete(listener)
  }

  onScopeDispose(() => {
    clearTimeout(timer)
    clearTimeout(pullsTimer)
    stream?.close()
  })

  return { isReady: readonly(isReady), error, start, reconnect, load, measureLatency, onEvents, onReset }
})
