import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { NodeDetail } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { useWhenBack } from '../composables/use-when-back.ts'
import { isAbort } from '../transport/call-error.ts'

type Details = Pick<NodeDetail, 'latency' | 'history'>

const AT_ONCE = 4
const LATENCY_SPAN = 15 * 60_000

/** Latency and history of the nodes that were looked at; load events go on writing the latency. */
export const useNodeDetailsStore = defineStore('node-details', () => {
  const transport = useTransport()
  const byId = shallowRef<ReadonlyMap<string, Details>>(new Map())

  /** Nodes that are read now, and why those that could not be read could not. */
  const loading = shallowRef<ReadonlySet<string>>(new Set())
  const errors = shallowRef<ReadonlyMap<string, unknown>>(new Map())

  /** Reads one node. A failure is kept in `errors`; what was known before it stays. */
  async function load(id: string, signal?: AbortSignal): Promise<void> {
    loading.value = new Set(loading.value).add(id)
    try {
      const { latency, history } = await transport.call(
        'getClusterNode',
        { params: { id } },
        signal === undefined ? {} : { signal },
      )
      byId.value = new Map(byId.value).set(id, { latency, history })
      setError(id, null)
    } catch (error) {
      if (!isAbort(error)) setError(id, error)
    } finally {
      const rest = new Set(loading.value)
      rest.delete(id)
      loading.value = rest
    }
  }

  function setError(id: string, error: unknown): void {
    if (error === null && !errors.value.has(id)) return
    const next = new Map(errors.value)
    if (error === null) next.delete(id)
    else next.set(id, error)
    errors.value = next
  }

  /** Reads many, a few at a time. */
  async function loadAll(ids: readonly string[], signal?: AbortSignal): Promise<void> {
    const queue = [...ids]
    const worker = async () => {
      for (let id = queue.shift(); id !== undefined && signal?.aborted !== true; id = queue.shift())
        await load(id, signal)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  useWhenBack(() => void loadAll([...errors.value.keys()]))

  function apply(events: readonly FeedEvent[], now: number): void {
    for (const event of events) {
      if (event.type === 'load') {
        const details = byId.value.get(event.node)
        if (details === undefined) continue
        const latency = details.latency.filter(({ at }) => now - Date.parse(at) < LATENCY_SPAN)
        latency.push({ at: new Date(now).toISOString(), ms: event.latency_ms })
        byId.value = new Map(byId.value).set(event.node, { ...details, latency })
      } else if (event.type === 'node' && byId.value.get(event.node.id)?.history[0]?.state !== event.node.state) {
        if (byId.value.has(event.node.id)) void load(event.node.id)
      }
    }
  }

  return { byId, loading, errors, load, loadAll, apply }
})
