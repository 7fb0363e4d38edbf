import { reasonText } from '../api/contract/reasons.ts'
import type {
  AddProjectReply,
  CancelInput,
  CancelReply,
  DaemonStatusReply,
  DetailsReply,
  ListJobsReply,
  ProjectVersionInput,
  PullReply,
  Requester,
  ScheduleInput,
  ScheduleReply,
  ScrapydApi,
  StatusReply,
} from '../api/contract/scrapyd-api.ts'
import type { Node, NodeSelf, Project, Pull, SpiderList } from '../api/contract/values.ts'
import type { ApiHandlers } from '../api/ports.ts'
import { NotSupportedError, SpiderNotFoundError } from '../errors.ts'
import { readItems } from '../files/items.ts'
import type { LogReader } from '../files/log-reader.ts'
import type { JobDesk, Reach } from '../jobs/job-desk.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { JobLists } from '../storage/job-lists.ts'
import type { JobRow, JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { DispatchInbox } from './dispatch-inbox.ts'
import { jobHandlers } from './job-handlers.ts'
import type { LiveEvents } from './live-events.ts'
import type { LocalFiles } from './local-files.ts'
import { overviewOf } from './overview.ts'
import type { Owner } from './owner.ts'
import type { Pause } from './pause.ts'
import type { LocalProjects } from './projects-port.ts'
import { nodeSelf, type SelfParts } from './self.ts'
import { lastPullOf, projectLoads, projectView } from './views.ts'

export interface LocalNodeParts {
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly lists: JobLists
  readonly stats: StatsStore
  readonly desk: JobDesk
  readonly reach: Reach
  readonly projects: LocalProjects
  readonly files: LocalFiles
  readonly logs: LogReader
  readonly inbox: DispatchInbox
  readonly pause: Pause
  readonly owner: Owner
  readonly live: LiveEvents
  readonly self: SelfParts
  /** Takes pending jobs again after a resume. */
  readonly wake: () => void
}

/** This machine as a node: does the work itself. A slave serves it as it is; a master composes it with others. */
export class LocalNode implements ScrapydApi {
  readonly #parts: LocalNodeParts
  readonly handlers: ApiHandlers

  constructor(parts: LocalNodeParts) {
    this.#parts = parts
    this.handlers = this.#handlers()
  }

  schedule(input: ScheduleInput, by: Requester): Promise<ScheduleReply> {
    return this.#parts.desk.schedule(input, by)
  }

  cancel(input: CancelInput, by: Requester): Promise<CancelReply> {
    return this.#parts.desk.cancel(input, by)
  }

  async status(input: { readonly job: string; readonly project: string | null }): Promise<StatusReply> {
    return this.#parts.desk.status(input)
  }

  async listJobs({ project }: { readonly project: string | null }): Promise<ListJobsReply> {
    return this.#parts.desk.listJobs(project)
  }

  async listProjects(): Promise<{ readonly projects: readonly string[] }> {
    return { projects: this.#parts.projects.list().map((project) => project.name) }
  }

  async listSpiders({ project, version }: ProjectVersionInput): Promise<{ readonly spiders: readonly string[] }> {
    const { spiders } = await this.#parts.projects.spiders(project, { version })
    return { spiders: spiders.map((spider) => spider.name) }
  }

  async listVersions({ project }: { readonly project: string }): Promise<{ readonly versions: readonly string[] }> {
    return { versions: await this.#parts.projects.versions(project) }
  }

  async addProject({
    project,
    path,
  }: {
    readonly project: string
    readonly path: string | null
  }): Promise<AddProjectReply> {
    const { spiders } = await this.#parts.projects.add(project, path)
    await this.announceProject(project)
    return { project, spiders: spiders.length }
  }

  async deleteProject({ project }: { readonly project: string }, by: Requester): Promise<DetailsReply> {
    await this.#parts.projects.remove(project)
    await this.dropPending(project, by)
    await this.#parts.ledger.note('project-removed', { name: project })
    return {}
  }

  /** Ends the waiting jobs of a project that is taken out of service as cancelled; running ones run on. */
  async dropPending(project: string, by: Requester): Promise<void> {
    const keys = this.#parts.lists.keys({ project: [project], state: ['pending'] }, Number.MAX_SAFE_INTEGER)
    const now = Date.now()
    await Promise.all(
      keys.map(async (key) => {
        const row = await this.#parts.ledger.change(
          key,
          (current) => current.state === 'pending' && current.node_id === null,
          () => ({
            state: 'finished',
            outcome: 'cancelled',
            reason: reasonText('projectRemoved', { project }),
            ended_at: now,
            cancelled_by: by.name,
            cancel_requested_at: now,
          }),
        )
        if (row !== null) this.#parts.ledger.announceEnd(key)
      }),
    )
  }

  async pullCode({ project }: { readonly project: string | null }, by: Requester): Promise<PullReply> {
    const pull = await this.pull(project, by)
    return { message_details: pullRows(pull, this.#parts.self.nodeName) }
  }

  /** Pulls and tells everybody how it goes. */
  async pull(project: string | null, by: Requester, onStep: (pull: Pull) => void = () => {}): Promise<Pull> {
    const pull = await this.#parts.projects.pull(project, by.name, (step) => {
      this.#parts.live.tell({ type: 'pull', pull: step })
      onStep(step)
    })
    for (const name of pull.projects) await this.announceProject(name)
    return pull
  }

  async daemonStatus(): Promise<DaemonStatusReply> {
    return this.#parts.desk.counts()
  }

  async crawlLog(): Promise<never> {
    throw new NotSupportedError('crawllog.json is answered by the master of the cluster')
  }

  self(): Promise<NodeSelf> {
    return nodeSelf(this.#parts.self)
  }

  /** Appends the `project` event with the project as it is now. */
  async announceProject(name: string): Promise<void> {
    await this.#parts.ledger.note('project', { project: await this.projectView(name) })
  }

  async projectView(name: string): Promise<Project> {
    const project = this.#parts.projects.require(name)
    const code = await this.#parts.projects.code(name)
    return projectView(
      project,
      [{ name: this.#parts.self.nodeName, state: 'online', code }],
      projectLoads(this.#parts.jobs)(name),
      lastPullOf(this.#parts.projects, name),
      this.#parts.projects.knownSpiders(name)?.errors ?? 0,
    )
  }

  async projectViews(): Promise<Project[]> {
    return Promise.all(this.#parts.projects.list().map((project) => this.projectView(project.name)))
  }

  /** This node as a `Node` of the contract. */
  async asNode(): Promise<Node> {
    const self = await this.self()
    return {
      id: 'local',
      name: self.node_name,
      url: null,
      identity: self.identity,
      state: 'online',
      since: self.started_at,
      last_seen: self.now,
      latency_ms: 0,
      version: self.version,
      paused: self.paused,
      pause_note: self.pause_note,
      // What waits on a master waits for any node; a job that starts has its slot already.
      pending: self.identity === 'master' ? 0 : this.#parts.jobs.counts().pending,
      running: this.#parts.self.launcher.used,
      max_proc: self.max_proc,
      last_error: null,
      last_error_at: null,
      disk_free_bytes: self.disk_free_bytes,
      disk_total_bytes: self.disk_total_bytes,
      python: self.python,
      scrapy: self.scrapy,
      projects: self.projects,
      waiting: [],
    }
  }

  async spiderList(name: string, refresh: boolean): Promise<SpiderList> {
    const { projects, stats, desk, self } = this.#parts
    const listing = await projects.spiders(name, { refresh })
    return {
      project: name,
      spiders: listing.spiders.map((spider) => ({
        name: spider.name,
        module: spider.module,
        nodes: [self.nodeName],
        ...spiderHistory(desk, stats, name, spider.name),
      })),
      errors: listing.errors.map((error) => ({ node: self.nodeName, ...error })),
      listed_at: new Date(listing.listedAt).toISOString(),
    }
  }

  async setPaused(paused: boolean, note: string | null): Promise<NodeSelf> {
    if (paused) await this.#parts.pause.pause(note)
    else await this.#parts.pause.resume()
    await this.#parts.ledger.note('node', { node: await this.asNode() })
    if (!paused) this.#parts.wake()
    return this.self()
  }

  #handlers(): ApiHandlers {
    const { desk, stats, projects, files, logs, jobs, inbox, owner } = this.#parts
    return {
      ...jobHandlers(desk, stats),
      ...CLUSTER_ONLY,
      getNode: () => this.self(),
      pauseNode: ({ body }) => this.setPaused(true, body.note),
      resumeNode: () => this.setPaused(false, null),
      listProjects: async () => ({ projects: await this.projectViews() }),
      getProject: ({ params }) => this.projectView(params.project),
      getProjectCode: ({ params }) => projects.code(params.project, { fresh: true }),
      addProject: async ({ params, body }, by) => {
        const { spiders } = await this.addProject({ project: params.project, path: body.path })
        void by
        return {
          project: await this.projectView(params.project),
          details: [{ node: this.#parts.self.nodeName, ok: true, message: `${spiders} spiders` }],
        }
      },
      deleteProject: async ({ params }, by) => {
        await this.deleteProject({ project: params.project }, by)
        return {
          details: [{ node: this.#parts.self.nodeName, ok: true, message: 'out of service; the code stays on disk' }],
        }
      },
      pullProject: async ({ params, body }, by) => {
        projects.require(params.project)
        return firstOf((onStep) => this.pull(params.project, by, onStep), body.wait)
      },
      listPulls: async ({ params }) => {
        projects.require(params.project)
        return { pulls: [...this.#parts.live.runningPulls(params.project), ...projects.pulls(params.project)] }
      },
      listCommits: async ({ params, query }) => ({
        commits: await projects.commits(params.project, query.from ?? null, query.to ?? null),
      }),
      listSpiders: ({ params, query }) => this.spiderList(params.project, query.refresh ?? false),
      getLogIndex: ({ params }) => logs.index(files.requireLog(jobs.get(params.key), params.key)),
      searchLog: async ({ params, query }) => {
        const { level, ...rest } = query
        const found = await logs.search(files.requireLog(jobs.get(params.key), params.key), {
          ...rest,
          levels: level ?? [],
        })
        return { ...found, matches: [...found.matches] }
      },
      getItems: ({ params, query }) => {
        const row = jobs.get(params.key)
        return readItems(files.requireItems(row, params.key), { ...query, ended: row?.state === 'finished' })
      },
      overview: async () =>
        overviewOf(
          {
            ...this.#parts,
            nodes: [await this.asNode()],
            projects: projects.list().length,
            spiders: projects.list().reduce((sum, { name }) => sum + (projects.knownSpiders(name)?.count ?? 0), 0),
            drifting: [],
            broken: [],
            whyPending: (job) => this.#parts.reach.whyPending(job),
          },
          Date.now(),
        ),
      ackEvents: async ({ body }) => {
        if (body.feed === this.#parts.self.feed) await owner.acknowledge(body.instance, body.seq)
        return { status: 'ok' }
      },
      putDispatch: ({ params, body }) => inbox.put(params.key, body),
      getDispatch: async ({ params }) => inbox.get(params.key),
      deleteDispatch: ({ params, query }) => inbox.revoke(params.key, query.attempt),
      getOwner: async () => ({ owner: owner.master }),
      deleteOwner: async ({ query }) => ({ owner: await owner.release(query.instance) }),
      putOwner: async ({ body }) => ({
        owner: await owner.claim({ instance: body.instance, node_name: body.node_name }, body.takeover),
      }),
    }
  }
}

/** Last run, last outcomes and usual figures of a spider. */
export function spiderHistory(
  desk: JobDesk,
  stats: StatsStore,
  project: string,
  spider: string,
): Pick<SpiderList['spiders'][number], 'last_job' | 'recent' | 'usual'> {
  const recent = stats.recent(project, spider, 12)
  const last = recent.at(-1)
  return { last_job: last === undefined ? null : desk.get(last.key), recent, usual: stats.usual(project, spider) }
}

/** Answers with the first state of something long (its progress comes as events), or with the last when `wait`. */
export async function firstOf<T>(run: (onStep: (state: T) => void) => Promise<T>, wait: boolean): Promise<T> {
  const first = Promise.withResolvers<T>()
  const done = run((state) => first.resolve(state))
  if (wait) return done
  done.catch(() => {})
  return Promise.race([first.promise, done])
}

/** Rows of `pullcode.json`: one a node; with several projects their messages are joined. */
export function pullRows(pull: Pull, nodeName: string): PullReply['message_details'] {
  const steps = pull.steps.filter((step) => step.node_name === nodeName)
  const first = steps[0]
  if (first === undefined) return []
  const several = steps.length > 1
  return [
    {
      node_name: nodeName,
      status: steps.some((step) => step.state === 'error') ? 'error' : 'ok',
      message: steps.map((step) => (several ? `${step.project}: ${step.message}` : step.message)).join('; '),
      branch: first.branch,
      before: first.before,
      after: first.after,
    },
  ]
}

/** The reach of a single node: its own projects and its own launcher. */
export function localReach(
  projects: LocalProjects,
  passCancel: (row: JobRow) => Promise<void>,
  load: () => { readonly paused: boolean; readonly used: number; readonly maxProc: number },
): Reach {
  return {
    requireProject(name) {
      projects.require(name)
    },
    async requireSpider(project, spider, version) {
      // It may have come with code that is newer than the last look at the files.
      for (const looksNow of [false, true]) {
        const { spiders, errors } = await projects.spiders(project, { version, looksNow })
        if (spiders.some((one) => one.name === spider)) return
        const unloadable = errors.map(({ module }) => module)
        if (looksNow) throw new SpiderNotFoundError(spider, unloadable)
      }
    },
    requireNode() {
      throw new NotSupportedError("'node' can only be given on the master of a cluster")
    },
    passCancel,
    whyPending() {
      const { paused, used, maxProc } = load()
      if (paused) return reasonText('thisPaused')
      return used >= maxProc ? reasonText('fullHere', { used, total: maxProc }) : null
    },
  }
}

const clusterOnly = (): Promise<never> => {
  throw new NotSupportedError('Only the master of a cluster answers this')
}
const CLUSTER_ONLY = {
  getCluster: clusterOnly,
  listNodes: clusterOnly,
  addNode: clusterOnly,
  getClusterNode: clusterOnly,
  patchNode: clusterOnly,
  deleteNode: clusterOnly,
  listForwards: clusterOnly,
  deleteForward: clusterOnly,
} as const
