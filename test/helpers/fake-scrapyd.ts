import type {
  CancelInput,
  CrawlLogInput,
  ProjectVersionInput,
  Requester,
  ScheduleInput,
  ScrapydApi,
} from '../../src-daemon/api/contract/scrapyd-api.ts'
import { ProjectNotFoundError, SpiderNotFoundError, VersionNotFoundError } from '../../src-daemon/errors.ts'

/** What a call was made with. */
export interface FakeCall {
  readonly name: string
  readonly input: unknown
  readonly by: Requester | null
}

/** A node with a project `news`, spiders `one` and `two` and a version `c0ffee`; it remembers what it was asked. */
export class FakeScrapyd implements ScrapydApi {
  readonly calls: FakeCall[] = []
  readonly projects = new Map([['news', { spiders: ['one', 'two'], versions: ['c0ffee'] }]])
  /** Rows of `listjobs`, finished. */
  finishedRows: AsyncIterable<string> = empty()
  pendingRows: AsyncIterable<string> = empty()
  /** Thrown by the next call. */
  failure: Error | null = null

  get last(): FakeCall | undefined {
    return this.calls.at(-1)
  }

  schedule(input: ScheduleInput, by: Requester) {
    return this.#answer('schedule', input, by, () => {
      this.#check(input)
      if (!this.#project(input.project).spiders.includes(input.spider)) throw new SpiderNotFoundError(input.spider)
      return { jobid: input.jobid ?? '0123456789abcdef0123456789abcdef', key: 'k'.repeat(26), node_name: 'holder' }
    })
  }

  cancel(input: CancelInput, by: Requester) {
    return this.#answer('cancel', input, by, () => {
      this.#project(input.project)
      return { prevstate: 'pending' as const }
    })
  }

  status(input: { readonly job: string; readonly project: string | null }) {
    return this.#answer('status', input, null, () => {
      if (input.project !== null) this.#project(input.project)
      return { currstate: null }
    })
  }

  listJobs(input: { readonly project: string | null }) {
    return this.#answer('listJobs', input, null, () => {
      if (input.project !== null) this.#project(input.project)
      return { pending: this.pendingRows, running: empty(), finished: this.finishedRows }
    })
  }

  listProjects() {
    return this.#answer('listProjects', null, null, () => ({ projects: [...this.projects.keys()] }))
  }

  listSpiders(input: ProjectVersionInput) {
    return this.#answer('listSpiders', input, null, () => {
      this.#check(input)
      return { spiders: this.#project(input.project).spiders }
    })
  }

  listVersions(input: { readonly project: string }) {
    return this.#answer('listVersions', input, null, () => ({
      versions: this.projects.get(input.project)?.versions ?? [],
    }))
  }

  addProject(input: { readonly project: string; readonly path: string | null }, by: Requester) {
    return this.#answer('addProject', input, by, () => ({ project: input.project, spiders: 2 }))
  }

  deleteProject(input: { readonly project: string }, by: Requester) {
    return this.#answer('deleteProject', input, by, () => {
      this.#project(input.project)
      return {}
    })
  }

  pullCode(input: { readonly project: string | null }, by: Requester) {
    return this.#answer('pullCode', input, by, () => ({ message_details: [] }))
  }

  daemonStatus() {
    return this.#answer('daemonStatus', null, null, () => ({ pending: 0, running: 0, finished: 0 }))
  }

  crawlLog(input: CrawlLogInput) {
    return this.#answer('crawlLog', input, null, () => ({ path: '/forward/abc/logs/news/one/1.log' }))
  }

  #check({ project, version }: ProjectVersionInput): void {
    const { versions } = this.#project(project)
    if (version !== null && !versions.includes(version)) throw new VersionNotFoundError(version)
  }

  #project(name: string) {
    const project = this.projects.get(name)
    if (project === undefined) throw new ProjectNotFoundError(name)
    return project
  }

  #answer<T>(name: string, input: unknown, by: Requester | null, make: () => T): Promise<T> {
    this.calls.push({ name, input, by })
    const { failure } = this
    this.failure = null
    return failure === null ? Promise.resolve().then(make) : Promise.reject(failure)
  }
}

/** Rows as the storage yields them: chunks of objects joined by commas. */
export async function* rowsOf(...chunks: readonly string[]): AsyncGenerator<string> {
  await Promise.resolve()
  yield* chunks
}

const empty = () => rowsOf()
