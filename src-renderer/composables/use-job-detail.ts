import { computed, onScopeDispose, shallowRef, watch, type ComputedRef } from 'vue'
import type { Job, JobDetail } from '../../src-daemon/api/contract/values.ts'
import { compareCreated } from '../domain/job-runs.ts'
import { isActive } from '../domain/job-view.ts'
import { useJobsStore } from '../stores/jobs.ts'
import { useFeedEvents } from './use-feed-events.ts'
import { useRemote, type Remote } from './use-remote.ts'
import { useTransport } from './use-transport.ts'

export interface JobPage {
  readonly remote: Remote<JobDetail>
  readonly job: ComputedRef<Job | null>
  /** What is known beyond the row: charts, stats, files. */
  readonly detail: ComputedRef<JobDetail | null>
  /** The last runs of the same spider, newest first, with this one among them. */
  readonly runs: ComputedRef<readonly Job[]>
}

const HALF_HOUR = 30 * 60_000
const RUNS = 20
/** Scrapy's own figures are read again at most this often while a job runs, when events say that they changed. */
const STATS_PAUSE = 5_000

/** One job with all that is known of it, live. */
export function useJobDetail(key: () => string): JobPage {
  const transport = useTransport()
  const jobs = useJobsStore()
  const row = shallowRef<Job | null>(null)
  const extra = shallowRef<readonly Job[]>([])
  let timer: ReturnType<typeof setTimeout> | undefined

  const remote = useRemote(key, (wanted, signal) => transport.call('getJob', { params: { key: wanted } }, { signal }))
  watch(key, () => (row.value = jobs.byKey.get(key()) ?? null), { immediate: true })
  watch(remote.data, (detail) => {
    if (detail !== null) row.value = detail
  })
  const job = computed(() => row.value)
  const detail = computed(() => {
    const known = remote.data.value
    return known === null || row.value === null ? known : { ...known, ...row.value }
  })

  const others = useRemote(
    () => (row.value === null ? '' : `${row.value.project}\n${row.value.spider}`),
    async (name, signal) => {
      if (name === '') return []
      const [project = '', spider = ''] = name.split('\n')
      const reply = await transport.call(
        'listJobs',
        { query: { project: [project], spider: [spider], sort: '-created', limit: RUNS } },
        { signal },
      )
      return reply.jobs
    },
  )
  watch(others.data, () => (extra.value = []))
  const runs = computed(() => {
    const byKey = new Map([...(others.data.value ?? []), ...extra.value].map((run) => [run.key, run]))
    if (row.value !== null && byKey.size > 0) byKey.set(row.value.key, row.value)
    return [...byKey.values()].toSorted(compareCreated)
  })

  function readLater(pause: number): void {
    if (timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      void remote.reload()
    }, pause)
  }

  useFeedEvents((events) => {
    for (const event of events) {
      if (event.type === 'job') {
        if (event.job.key === key()) {
          const wasActive = row.value === null || isActive(row.value)
          row.value = event.job
          // What came out of it (stats, files, output) is there now.
          if (wasActive && !isActive(event.job)) readLater(50)
          else if (remote.data.value?.log_url === null) readLater(500)
        } else if (event.job.spider === row.value?.spider && event.job.project === row.value.project)
          extra.value = [...extra.value.filter((run) => run.key !== event.job.key), event.job].slice(-RUNS)
      } else if (event.type === 'stats' && event.key === key() && row.value !== null) {
        const { pages, items, errors, rate } = event
        row.value = {
          ...row.value,
          pages: pages ?? row.value.pages,
          items: items ?? row.value.items,
          errors: errors ?? row.value.errors,
        }
        const known = remote.data.value
        if (known !== null && rate !== null && known.rates.at(-1)?.at !== rate.at) {
          const since = Date.parse(rate.at) - HALF_HOUR
          remote.data.value = {
            ...known,
            ...row.value,
            rates: [...known.rates.filter(({ at }) => Date.parse(at) >= since), rate],
          }
        }
        readLater(STATS_PAUSE)
      }
    }
  })
  onScopeDispose(() => clearTimeout(timer))

  return { remote, job, detail, runs }
}
