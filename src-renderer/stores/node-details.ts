import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { NodeDetail } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'

type Details = Pick<NodeDetail, 'latency' | 'history'>

const AT_ONCE = 4
const LATENCY_SPAN = 15 * 60_000

/** Latency and history of the nodes that were looked at; load events go on writing the latency. */
export const useNodeDetailsStore = defineStore('node-details', () => {
  const transport = useTransport()
  const byId = shallowRef<ReadonlyMap<string, Details>>(new Map())

  async function load(id: string, signal?: AbortSignal): Promise<void> {
    const { latency, history } = await transport.call(
      'getClusterNode',
      { params: { id } },
      signal === undefined ? {} : { signal },
    )
    byId.value = new Map(byId.value).set(id, { latency, history })
  }

  /** Reads many, a few at a time; one that cannot be read is left out. */
  async function loadAll(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const queue = [...ids]
    const worker = async () => {
      for (let id = queue.shift(); id !== undefined && !signal.aborted; id = queue.shift())
        await load(id, signal).catch(() => {})
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  function apply(events: readonly FeedEvent[], now: number): void {
    for (const event of events) {
      if (event.type === 'load') {
        const details = byId.value.get(event.node)
        if (details === undefined) continue
        const latency = details.latency.filter(({ at }) => now - Date.parse(at) < LATENCY_SPAN)
        latency.push({ at: new Date(now).toISOString(), ms: event.latency_ms })
        byId.value = new Map(byId.value).set(event.node, { ...details, latency })
      } else if (event.type === 'node' && byId.value.get(event.node.id)?.history[0]?.state !== event.node.state) {
        if (byId.value.has(event.node.id)) load(event.node.id).catch(() => {})
      }
    }
  }

  return { byId, load, loadAll, apply }
})
