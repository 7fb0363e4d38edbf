import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Pull } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'

/** Pulls that were started or seen while this page is open. */
export const usePullsStore = defineStore('pulls', () => {
  const transport = useTransport()
  const byId = shallowRef<ReadonlyMap<string, Pull>>(new Map())
  const running = computed(() => [...byId.value.values()].filter(({ ended_at }) => ended_at === null))

  /** The newest pull of a project that is known here. */
  function latest(project: string): Pull | null {
    const pulls = [...byId.value.values()].filter(({ projects }) => projects.includes(project))
    return pulls.toSorted((a, b) => b.started_at.localeCompare(a.started_at))[0] ?? null
  }

  /** Starts a pull on all nodes, or on those named. Throws CallError. */
  async function start(project: string, nodes?: readonly string[]): Promise<Pull> {
    const pull = await transport.call('pullProject', {
      params: { project },
      body: nodes === undefined ? {} : { nodes: [...nodes] },
    })
    // Its events may have overtaken this answer.
    if (!byId.value.has(pull.id)) put(pull)
    return pull
  }

  async function load(project: string): Promise<void> {
    const { pulls } = await transport.call('listPulls', { params: { project } })
    const next = new Map(byId.value)
    for (const pull of pulls) if (!next.has(pull.id) || pull.ended_at !== null) next.set(pull.id, pull)
    byId.value = next
  }

  function apply(event: FeedEvent): void {
    if (event.type === 'pull') put(event.pull)
  }

  function put(pull: Pull): void {
    byId.value = new Map(byId.value).set(pull.id, pull)
  }

  return { byId, running, latest, start, load, apply }
})
