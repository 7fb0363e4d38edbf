import type {
  AddProjectReply,
  CancelInput,
  CancelReply,
  CrawlLogInput,
  DaemonStatusReply,
  DetailsReply,
  ListJobsReply,
  NodeDetailRow,
  ProjectVersionInput,
  PullReply,
  Requester,
  ScheduleInput,
  ScheduleReply,
  ScrapydApi,
  StatusReply,
} from '../api/contract/scrapyd-api.ts'
import type { EndpointReply } from '../api/contract/endpoints.ts'
import type { Node, Project } from '../api/contract/values.ts'
import type { ApiHandlers } from '../api/ports.ts'
import { FileNotFoundError, JobNotFoundError } from '../errors.ts'
import type { JobDesk, Reach } from '../jobs/job-desk.ts'
import { firstOf, pullRows, type LocalNode } from '../node/local-node.ts'
import { brokenProjects, overviewOf } from '../node/overview.ts'
import type { LocalProjects } from '../node/projects-port.ts'
import type { JobLists } from '../storage/job-lists.ts'
import { LOCAL_NODE, type JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { ClusterProjects, DetailRow } from './cluster-projects.ts'
import type { ClusterPull } from './cluster-pull.ts'
import type { JobHolders } from './job-holders.ts'
import type { NodeDesk } from './node-desk.ts'
import { hostOf, type Nodes } from './nodes.ts'
import type { ScrapydFiles } from './scrapyd-files.ts'

/** Live forwards, as far as the cluster's handlers need them. */
export interface ForwardDesk {
  list(): EndpointReply<'listForwards'>['forwards']
  drop(id: string): boolean
  /** The path (with a slash at its end) of a live forward to the node. */
  open(node: ClusterNode): string
}

export interface ClusterParts {
  readonly clusterName: string
  readonly nodeName: string
  readonly version: string
  readonly local: LocalNode
  readonly projects: LocalProjects
  readonly clusterProjects: ClusterProjects
  readonly clusterPull: ClusterPull
  readonly holders: JobHolders
  readonly scrapydFiles: ScrapydFiles
  readonly nodeDesk: NodeDesk
  readonly nodes: Nodes
  readonly desk: JobDesk
  readonly reach: Reach
  readonly jobs: JobStore
  readonly lists: JobLists
  readonly stats: StatsStore
  readonly feed: string
  readonly head: () => number
  readonly forwards: ForwardDesk
}

/** One master and its nodes as one ScrapydApi: the ledger answers what it can; only the rest asks nodes. */
export class Cluster implements ScrapydApi {
  readonly #parts: ClusterParts
  readonly handlers: ApiHandlers

  constructor(parts: ClusterParts) {
    this.#parts = parts
    this.handlers = { ...parts.local.handlers, ...this.#handlers() }
  }

  schedule(input: ScheduleInput, by: Requester): Promise<ScheduleReply> {
    return this.#parts.desk.schedule(input, by)
  }

  /** `host` names the node that is meant, where several run a job of that id. */
  cancel(input: CancelInput, by: Requester): Promise<CancelReply> {
    const host = input.host === null ? null : (this.#parts.nodes.byName(input.host)?.name ?? input.host)
    return this.#parts.desk.cancel({ ...input, host }, by)
  }

  async status(input: { readonly job: string; readonly project: string | null }): Promise<StatusReply> {
    return this.#parts.desk.status(input)
  }

  async listJobs({ project }: { readonly project: string | null }): Promise<ListJobsReply> {
    return this.#parts.desk.listJobs(project)
  }

  async listProjects(): Promise<{ readonly projects: readonly string[] }> {
    return { projects: this.#parts.clusterProjects.names() }
  }

  async listSpiders(input: ProjectVersionInput): Promise<{ readonly spiders: readonly string[] }> {
    return { spiders: await this.#parts.clusterProjects.spiderNames(input) }
  }

  listVersions(input: { readonly project: string }): Promise<{ readonly versions: readonly string[] }> {
    return this.#parts.clusterProjects.versions(input)
  }

  async addProject({
    project,
    path,
  }: {
    readonly project: string
    readonly path: string | null
  }): Promise<AddProjectReply> {
    const details = await this.#parts.clusterProjects.add(project, path)
    const spiders = this.#parts.projects.knownSpiders(project)?.count ?? 0
    return {
      project,
      spiders: Math.max(spiders, ...details.map((row) => row.spiders)),
      message_details: details.map(toRow),
    }
  }

  async deleteProject({ project }: { readonly project: string }, by: Requester): Promise<DetailsReply> {
    return { message_details: (await this.#parts.clusterProjects.remove(project, by)).map(toRow) }
  }

  async pullCode({ project }: { readonly project: string | null }, by: Requester): Promise<PullReply> {
    if (project !== null) this.#parts.reach.requireProject(project)
    const pull = await this.#parts.clusterPull.pull(project, null, by, () => {})
    const names = [...new Set(pull.steps.map((step) => step.node_name))]
    return { message_details: names.flatMap((name) => pullRows(pull, name)) }
  }

  async daemonStatus(): Promise<DaemonStatusReply> {
    const { desk, nodes, local } = this.#parts
    const self = await local.asNode()
    return {
      ...desk.counts(),
      nodes: [
        { ...statusOf(self), host: '' },
        ...nodes.views().map((node) => ({ ...statusOf(node), host: node.url === null ? '' : hostOf(node.url) })),
      ],
    }
  }

  async crawlLog({ cluster_node, project, spider, jobid }: CrawlLogInput): Promise<{ readonly path: string }> {
    this.#parts.reach.requireProject(project)
    const rows = this.#parts.jobs.runsOf(project, spider, jobid)
    const wanted = cluster_node === null ? undefined : this.#parts.nodes.byName(cluster_node)
    const row = rows.find((one) => one.node === cluster_node || (wanted && one.node_id === wanted.id)) ?? rows[0]
    if (row === undefined) throw new JobNotFoundError(jobid)
    const path = `${[project, spider].map(encodeURIComponent).join('/')}/${encodeURIComponent(jobid)}.log`
    const node = row.node_id === null || row.node_id === LOCAL_NODE ? null : this.#parts.nodes.get(row.node_id)
    if (node === null) return { path: `/logs/${path}` }
    return { path: `${this.#parts.forwards.open(node)}logs/${path}` }
  }

  /** Nodes and projects as they are now, for a snapshot. */
  async state(): Promise<{ readonly nodes: readonly Node[]; readonly projects: readonly Project[] }> {
    const [nodes, projects] = await Promise.all([this.#parts.nodeDesk.views(), this.#parts.clusterProjects.views()])
    return { nodes, projects }
  }

  #handlers(): Partial<ApiHandlers> {
    const { local, desk, jobs, forwards, holders, scrapydFiles, nodeDesk, clusterProjects, clusterPull } = this.#parts
    const own = local.handlers
    return {
      getJob: ({ params }) => holders.detail(params.key),
      rerunJob: async ({ params, body }, by) => {
        if (body.anyway) await holders.giveUp(params.key, by)
        return desk.rerun(params.key, by, body.anyway)
      },
      listProjects: async () => ({ projects: await clusterProjects.views() }),
      getProject: ({ params }) => clusterProjects.view(params.project),
      addProject: async ({ params, body }) => ({
        details: (await clusterProjects.add(params.project, body.path)).map(toDetail),
        project: await clusterProjects.view(params.project),
      }),
      deleteProject: async ({ params }, by) => ({
        details: (await clusterProjects.remove(params.project, by)).map(toDetail),
      }),
      pullProject: async ({ params, body }, by) => {
        this.#parts.reach.requireProject(params.project)
        return firstOf((onStep) => clusterPull.pull(params.project, body.nodes ?? null, by, onStep), body.wait)
      },
      listPulls: async ({ params }) => {
        this.#parts.reach.requireProject(params.project)
        return { pulls: clusterPull.list(params.project) }
      },
      listSpiders: ({ params, query }) => clusterProjects.spiderList(params.project, query.refresh ?? false),
      getLogIndex: (input, by) => {
        const node = holders.of(input.params.key)
        if (node === null) return own.getLogIndex(input, by)
        return node.row.kind === 'scrapyd'
          ? scrapydFiles.index(holders.present(node), input.params.key)
          : holders.ask(node).call('getLogIndex', where(input), { timeoutMs: 10_000 })
      },
      searchLog: (input, by) => {
        const node = holders.of(input.params.key)
        if (node === null) return own.searchLog(input, by)
        return node.row.kind === 'scrapyd'
          ? scrapydFiles.search(holders.present(node), input.params.key, input.query)
          : holders.ask(node).call('searchLog', where(input), { timeoutMs: 60_000 })
      },
      getItems: (input, by) => {
        const node = holders.of(input.params.key)
        if (node === null) return own.getItems(input, by)
        return node.row.kind === 'scrapyd'
          ? scrapydFiles.items(holders.present(node), input.params.key, input.query)
          : holders.ask(node).call('getItems', where(input), { timeoutMs: 10_000 })
      },
      overview: async () => {
        const projects = await clusterProjects.views()
        return overviewOf(
          {
            jobs,
            lists: this.#parts.lists,
            stats: this.#parts.stats,
            nodes: await nodeDesk.views(),
            projects: projects.length,
            spiders: projects.reduce((sum, project) => sum + (project.spiders ?? 0), 0),
            drifting: projects.filter((project) => project.drift).map((project) => project.name),
            broken: brokenProjects(projects),
            whyPending: (job) => this.#parts.reach.whyPending(job),
          },
          Date.now(),
        )
      },
      getCluster: async () => ({
        cluster_name: this.#parts.clusterName,
        node_name: this.#parts.nodeName,
        version: this.#parts.version,
        feed: this.#parts.feed,
        head: this.#parts.head(),
        nodes: await nodeDesk.views(),
        ...desk.counts(),
      }),
      listNodes: async () => ({ nodes: await nodeDesk.views() }),
      getClusterNode: ({ params }) => nodeDesk.detail(params.id),
      addNode: ({ body }) => nodeDesk.add(body),
      patchNode: ({ params, body }) => nodeDesk.patch(params.id, body),
      deleteNode: async ({ params }) => {
        await nodeDesk.remove(params.id)
        return { status: 'ok' }
      },
      listForwards: async () => ({ forwards: forwards.list() }),
      deleteForward: async ({ params }) => {
        if (!forwards.drop(params.id)) throw new FileNotFoundError(`there is no forward '${params.id}'`)
        return { status: 'ok' }
      },
    }
  }
}

function toRow({ node_name, status, message }: DetailRow): NodeDetailRow {
  return { node_name, status, message }
}

function toDetail({ node_name, status, message }: DetailRow): { node: string; ok: boolean; message: string } {
  return { node: node_name, ok: status === 'ok', message }
}

function statusOf(node: Node) {
  return {
    node_name: node.name,
    identity: node.identity,
    state: node.state,
    pending: node.pending,
    running: node.running,
    max_proc: node.max_proc,
    paused: node.paused,
  }
}

/** Place and question of a GET, which carries no body. */
function where<P, Q>({
  params,
  query,
}: {
  readonly params: P
  readonly query: Q
}): { readonly params: P; readonly query: Q } {
  return { params, query }
}
