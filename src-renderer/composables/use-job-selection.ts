import { computed, ref, shallowRef, type ComputedRef, type Ref } from 'vue'
import type { JobFilter } from '../../src-daemon/api/contract/endpoints.ts'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { isActive } from '../domain/job-view.ts'
import { useTransport } from './use-transport.ts'
import type { JobSelection } from './use-job-actions.ts'

export interface PickedCounts {
  readonly pending: number
  readonly running: number
  readonly finished: number
}

export interface Picked {
  /** Everything that the filter matches, whether it was read or not. */
  readonly isAll: Readonly<Ref<boolean>>
  readonly jobs: Readonly<Ref<ReadonlyMap<string, Job>>>
  readonly count: ComputedRef<number>
  readonly counts: ComputedRef<PickedCounts>
  has(key: string): boolean
  toggle(job: Job): void
  add(jobs: readonly Job[]): void
  all(): Promise<void>
  clear(): void
  /** A row that changed. */
  update(job: Job): void
  /** What is sent: keys, or the filter itself. `what` narrows it to what the action can be done to. */
  selection(what: 'active' | 'any'): JobSelection
}

/** What is selected in the table of all jobs. */
export function useJobSelection(source: { filter: () => JobFilter; total: () => number }): Picked {
  const transport = useTransport()
  const isAll = ref(false)
  const jobs = shallowRef<ReadonlyMap<string, Job>>(new Map())
  const allCounts = shallowRef<PickedCounts>({ pending: 0, running: 0, finished: 0 })

  const counts = computed<PickedCounts>(() => {
    if (isAll.value) return allCounts.value
    const picked = [...jobs.value.values()]
    const pending = picked.filter(({ state }) => state === 'pending').length
    const active = picked.filter(isActive).length
    return { pending, running: active - pending, finished: picked.length - active }
  })
  const count = computed(() => (isAll.value ? source.total() : jobs.value.size))

  async function countOf(states: JobFilter['state']): Promise<number> {
    const filter = source.filter()
    // A filter that names outcomes alone matches nothing that is unfinished.
    if (filter.outcome !== undefined && filter.state === undefined) return 0
    const wanted = states?.filter((state) => filter.state?.includes(state) ?? true) ?? []
    if (wanted.length === 0) return 0
    const { outcome: _, ...rest } = filter
    const reply = await transport.call('listJobs', { query: { ...rest, state: wanted, limit: 1 } })
    return reply.total
  }

  async function all(): Promise<void> {
    isAll.value = true
    jobs.value = new Map()
    const total = source.total()
    allCounts.value = { pending: 0, running: 0, finished: total }
    const [pending, running] = await Promise.all([countOf(['pending']), countOf(['assigned', 'starting', 'running'])])
    allCounts.value = { pending, running, finished: Math.max(0, total - pending - running) }
  }

  function selection(what: 'active' | 'any'): JobSelection {
    if (!isAll.value) {
      const picked = [...jobs.value.values()].filter((job) => what === 'any' || isActive(job))
      return { keys: picked.map(({ key }) => key) }
    }
    const filter = source.filter()
    if (what === 'any') return { filter }
    const { outcome: _, ...rest } = filter
    const active = (['pending', 'assigned', 'starting', 'running'] as const).filter(
      (state) => filter.state?.includes(state) ?? true,
    )
    return { filter: { ...rest, state: [...active] } }
  }

  return {
    isAll,
    jobs,
    count,
    counts,
    has: (key) => isAll.value || jobs.value.has(key),
    toggle: (job) => {
      const next = new Map(isAll.value ? [] : jobs.value)
      isAll.value = false
      if (!next.delete(job.key)) next.set(job.key, job)
      jobs.value = next
    },
    add: (more) => {
      if (isAll.value) return
      jobs.value = new Map([...jobs.value, ...more.map((job) => [job.key, job] as const)])
    },
    all,
    clear: () => {
      isAll.value = false
      jobs.value = new Map()
    },
    update: (job) => {
      if (jobs.value.has(job.key)) jobs.value = new Map(jobs.value).set(job.key, job)
    },
    selection,
  }
}
