import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { compareJobs, isActive } from '../domain/job-view.ts'

/** Unfinished jobs are kept up to this number; beyond it the counts come from the daemon's aggregates. */
const ACTIVE_LIMIT = 2_000
const PAGE = 1_000
/** Ended jobs that are kept for palette, rail and last runs. */
const ENDED_LIMIT = 200

/**
 * A live window on the jobs: everything unfinished (bounded) and the last ended ones. The jobs page reads its pages by
 * itself; this window is what the rest of the console needs without asking.
 */
export const useJobsStore = defineStore('jobs', () => {
  const transport = useTransport()
  const byKey = shallowRef(new Map<string, Job>())
  const isLoaded = ref(false)
  /** false: there are more unfinished jobs than the window holds. */
  const isComplete = ref(true)

  const active = computed(() => [...byKey.value.values()].filter(isActive).toSorted(compareJobs))
  const ended = computed(() => [...byKey.value.values()].filter((job) => !isActive(job)).toSorted(compareJobs))
  const running = computed(() => active.value.filter(({ state }) => state === 'running' || state === 'starting'))
  const pending = computed(() => active.value.filter(({ state }) => state === 'pending' || state === 'assigned'))

  async function load(): Promise<void> {
    const [unfinished, recent] = await Promise.all([
      loadActive(),
      transport.call('listJobs', { query: { state: ['finished'], sort: '-ended', limit: ENDED_LIMIT / 2 } }),
    ])
    byKey.value = new Map([...unfinished.jobs, ...recent.jobs].map((job) => [job.key, job]))
    isComplete.value = unfinished.complete
    isLoaded.value = true
  }

  async function loadActive(): Promise<{ jobs: Job[]; complete: boolean }> {
    const jobs: Job[] = []
    let cursor: string | undefined
    do {
      const page = await transport.call('listJobs', {
        query: { state: ['pending', 'assigned', 'starting', 'running'], limit: PAGE, cursor },
      })
      jobs.push(...page.jobs)
      cursor = page.next ?? undefined
    } while (cursor !== undefined && jobs.length < ACTIVE_LIMIT)
    return { jobs, complete: cursor === undefined }
  }

  /** Applies a piece of the stream; one update of the page however many events it holds. */
  function apply(events: readonly FeedEvent[]): void {
    const map = byKey.value
    let changed = false
    for (const event of events) {
      if (event.type === 'job') {
        map.set(event.job.key, event.job)
        changed = true
      } else if (event.type === 'job-removed') changed = map.delete(event.key) || changed
      else if (event.type === 'stats') {
        const job = map.get(event.key)
        if (job === undefined) continue
        const { pages, items, errors } = event
        map.set(event.key, {
          ...job,
          pages: pages ?? job.pages,
          items: items ?? job.items,
          errors: errors ?? job.errors,
        })
        changed = true
      }
    }
    if (!changed) return
    prune(map)
    triggerRef(byKey)
  }

  function prune(map: Map<string, Job>): void {
    if (map.size <= ENDED_LIMIT) return
    const old = [...map.values()]
      .filter((job) => !isActive(job))
      .toSorted(compareJobs)
      .slice(ENDED_LIMIT)
    for (const { key } of old) map.delete(key)
  }

  return { byKey, isLoaded, isComplete, active, ended, running, pending, load, apply }
})
