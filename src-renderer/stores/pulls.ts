import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Pull } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { interrupted } from '../domain/pull-view.ts'
import { CallError } from '../transport/call-error.ts'

const AT_ONCE = 4

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

  /** Reads the last pulls of a project and those that run. */
  async function load(project: string): Promise<void> {
    const before = byId.value
    const { pulls } = await transport.call('listPulls', { params: { project } })
    take(pulls, before)
  }

  /** The same for many, a few at a time; one that cannot be read is left out. */
  async function loadAll(projects: readonly string[], signal: AbortSignal): Promise<void> {
    const queue = [...projects]
    const worker = async () => {
      for (let name = queue.shift(); name !== undefined && !signal.aborted; name = queue.shift())
        await load(name).catch(() => {})
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  /**
   * Asks what became of the pulls that run: events of a pull are not repeated, so its end can be missed while the stream
   * is cut. One that the daemon does not know any more was interrupted. Whether all could be asked.
   */
  async function refresh(): Promise<boolean> {
    const projects = new Set(running.value.flatMap((pull) => pull.projects))
    const asked = await Promise.all([...projects].map(refreshProject))
    return asked.every(Boolean)
  }

  async function refreshProject(project: string): Promise<boolean> {
    const before = byId.value
    try {
      const { pulls } = await transport.call('listPulls', { params: { project } })
      take(pulls, before)
      interruptUnknown(project, pulls, before)
    } catch (error) {
      // The project itself is gone, and its pulls with it.
      if (!(error instanceof CallError) || error.status !== 404) return false
      interruptUnknown(project, [], before)
    }
    return true
  }

  /** Takes an answer over what was known `before` it was asked for, and not over what events have said since. */
  function take(pulls: readonly Pull[], before: ReadonlyMap<string, Pull>): void {
    const next = new Map(byId.value)
    for (const pull of pulls) {
      const known = next.get(pull.id)
      const isOlder = known !== before.get(pull.id) || (known !== undefined && known.ended_at !== null)
      if (pull.ended_at !== null || !isOlder) next.set(pull.id, pull)
    }
    byId.value = next
  }

  function interruptUnknown(project: string, pulls: readonly Pull[], before: ReadonlyMap<string, Pull>): void {
    const listed = new Set(pulls.map(({ id }) => id))
    const at = new Date().toISOString()
    for (const pull of running.value)
      if (pull.projects.includes(project) && !listed.has(pull.id) && before.get(pull.id) === pull)
        put(interrupted(pull, at))
  }

  function apply(event: FeedEvent): void {
    if (event.type === 'pull') put(event.pull)
  }

  function put(pull: Pull): void {
    byId.value = new Map(byId.value).set(pull.id, pull)
  }

  return { byId, running, latest, start, load, loadAll, refresh, apply }
})
