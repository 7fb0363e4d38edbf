import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Job, Spider, SpiderList } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'

/** Result strips show this many jobs. */
const RECENT = 12

/** The spider lists that somebody has looked at, with their last runs kept live by job events. */
export const useSpidersStore = defineStore('spiders', () => {
  const transport = useTransport()
  const byProject = shallowRef<ReadonlyMap<string, SpiderList>>(new Map())
  const loading = new Map<string, Promise<void>>()

  /** Reads a project's list; two askers share one request. Throws CallError. */
  function load(project: string, options: { readonly refresh?: boolean } = {}): Promise<void> {
    const running = loading.get(project)
    if (running !== undefined && options.refresh !== true) return running
    const promise = read(project, options.refresh === true).finally(() => loading.delete(project))
    loading.set(project, promise)
    return promise
  }

  async function read(project: string, refresh: boolean): Promise<void> {
    const list = await transport.call('listSpiders', {
      params: { project },
      query: refresh ? { refresh: 'true' } : {},
    })
    byProject.value = new Map(byProject.value).set(project, list)
  }

  async function loadOnce(project: string): Promise<void> {
    if (!byProject.value.has(project)) await load(project)
  }

  /** After a gap in the events nothing that was read before can be trusted. */
  async function reload(): Promise<void> {
    await Promise.allSettled([...byProject.value.keys()].map((project) => load(project)))
  }

  function apply(events: readonly FeedEvent[]): void {
    const changed = new Map<string, Map<string, Job>>()
    for (const event of events) {
      if (event.type === 'job' && byProject.value.has(event.job.project)) {
        const jobs = changed.get(event.job.project) ?? new Map<string, Job>()
        changed.set(event.job.project, jobs.set(event.job.key, event.job))
      } else if (event.type === 'project' && byProject.value.has(event.project.name)) {
        // Its list may have changed with its code.
        load(event.project.name).catch(() => {})
      } else if (event.type === 'project-removed') drop(event.name)
    }
    if (changed.size === 0) return
    const next = new Map(byProject.value)
    for (const [project, jobs] of changed) {
      const list = next.get(project)
      if (list !== undefined) next.set(project, { ...list, spiders: withJobs(list.spiders, jobs) })
    }
    byProject.value = next
  }

  function drop(project: string): void {
    const next = new Map(byProject.value)
    next.delete(project)
    byProject.value = next
  }

  return { byProject, load, loadOnce, reload, apply }
})

/** The spiders after these jobs have changed. */
export function withJobs(spiders: readonly Spider[], jobs: ReadonlyMap<string, Job>): Spider[] {
  const bySpider = Map.groupBy(jobs.values(), ({ spider }) => spider)
  return spiders.map((spider) => (bySpider.get(spider.name) ?? []).reduce(withJob, spider))
}

function withJob(spider: Spider, job: Job): Spider {
  const { key, state, outcome } = job
  const isNewest = spider.last_job === null || key >= spider.last_job.key
  const known = spider.recent.some((recent) => recent.key === key)
  const recent = known
    ? spider.recent.map((entry) => (entry.key === key ? { key, state, outcome } : entry))
    : isNewest
      ? [...spider.recent, { key, state, outcome }].slice(-RECENT)
      : spider.recent
  return { ...spider, last_job: isNewest ? job : spider.last_job, recent }
}
