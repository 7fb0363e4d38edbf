import { randomUUID } from 'node:crypto'
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
import type { EndpointInput, EndpointReply } from '../api/contract/endpoints.ts'
import type {
  JobDetail,
  Node,
  NodeDetail,
  Project,
  ProjectCode,
  Pull,
  PullStep,
  SpiderList,
} from '../api/contract/values.ts'
import type { ApiHandlers } from '../api/ports.ts'
import {
  ConflictError,
  FileNotFoundError,
  InvalidParameterError,
  JobNotFoundError,
  NodeNotFoundError,
  NodeUnreachableError,
  ProjectNotFoundError,
  SpiderNotFoundError,
} from '../errors.ts'
import type { JobDesk, Reach } from '../jobs/job-desk.ts'
import type { Ledger } from '../jobs/ledger.ts'
import { firstOf, pullRows, spiderHistory, type LocalNode } from '../node/local-node.ts'
import { overviewOf } from '../node/overview.ts'
import type { LocalProjects } from '../node/projects-port.ts'
import { lastPullOf, projectLoads, projectView } from '../node/views.ts'
import type { LiveEvents } from '../node/live-events.ts'
import type { JobLists } from '../storage/job-lists.ts'
import { LOCAL_NODE, type JobRow, type JobStore } from '../storage/jobs.ts'
import type { NodeStore } from '../storage/nodes.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import { concurrently } from './concurrently.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Membership } from './membership.ts'
import type { NodeClients } from './node-client.ts'
import { hostOf, type Nodes } from './nodes.ts'
import { parseNodeAddress, type NodeAddress } from './node-url.ts'

/** How many nodes are asked at once. */
const AT_ONCE = 16
const LIST_MS = 60_000
const PULL_MS = 15 * 60_000

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
  readonly isAllCodeSame: boolean
  readonly local: LocalNode
  readonly projects: LocalProjects
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly membership: Membership
  readonly dispatcher: Dispatcher
  readonly desk: JobDesk
  readonly reach: Reach
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly lists: JobLists
  readonly stats: StatsStore
  readonly store: NodeStore
  readonly writer: Writer
  readonly live: LiveEvents
  readonly feed: string
  readonly head: () => number
  readonly instance: string
  readonly forwards: ForwardDesk
  /** Asks a host what it is before it is added. Throws with a precise reason. */
  readonly probe: (address: NodeAddress, takeover: boolean) => Promise<void>
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
    return { projects: clusterProjects(this.#parts.projects, this.#parts.nodes) }
  }

  async listSpiders({ project, version }: ProjectVersionInput): Promise<{ readonly spiders: readonly string[] }> {
    const { projects, nodes, isAllCodeSame } = this.#parts
    const hasLocal = projects.list().some((one) => one.name === project)
    if (hasLocal && (isAllCodeSame || version !== null)) {
      const { spiders } = await projects.spiders(project, { version })
      return { spiders: spiders.map((spider) => spider.name) }
    }
    this.#parts.reach.requireProject(project)
    const names = new Set<string>()
    if (hasLocal) for (const spider of (await projects.spiders(project)).spiders) names.add(spider.name)
    for (const node of nodes.list()) for (const name of node.known.spiders[project] ?? []) names.add(name)
    return { spiders: [...names].toSorted() }
  }

  listVersions(input: { readonly project: string }): Promise<{ readonly versions: readonly string[] }> {
    return this.#parts.local.listVersions(input)
  }

  async addProject({
    project,
    path,
  }: {
    readonly project: string
    readonly path: string | null
  }): Promise<AddProjectReply> {
    const details = await this.#addEverywhere(project, path)
    const spiders = this.#parts.projects.knownSpiders(project)?.count ?? 0
    return {
      project,
      spiders: Math.max(spiders, ...details.map((row) => row.spiders)),
      message_details: details.map(toRow),
    }
  }

  async deleteProject({ project }: { readonly project: string }, by: Requester): Promise<DetailsReply> {
    return { message_details: (await this.#deleteEverywhere(project, by)).map(toRow) }
  }

  async pullCode({ project }: { readonly project: string | null }, by: Requester): Promise<PullReply> {
    if (project !== null) this.#parts.reach.requireProject(project)
    const pull = await this.#pull(project, null, by, () => {})
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

  /** All nodes, the master's own first. */
  async #nodeViews(): Promise<Node[]> {
    const { nodes, local } = this.#parts
    return [await local.asNode(), ...nodes.views()]
  }

  /** Nodes and projects as they are now, for a snapshot. */
  async state(): Promise<{ readonly nodes: readonly Node[]; readonly projects: readonly Project[] }> {
    const [nodes, projects] = await Promise.all([this.#nodeViews(), this.#projectViews()])
    return { nodes, projects }
  }

  async #projectView(name: string): Promise<Project> {
    const { projects, nodes, jobs, nodeName } = this.#parts
    const own = projects.list().find((one) => one.name === name)
    const remote = nodes.list().filter((node) => node.hasProject(name))
    if (own === undefined && remote.length === 0) throw new ProjectNotFoundError(name)
    const rows: { name: string; state: Node['state']; code: ProjectCode }[] = remote.map((node) => ({
      name: node.name,
      state: node.row.state,
      code: node.known.projects.find((code) => code.project === name)!,
    }))
    if (own !== undefined) rows.unshift({ name: nodeName, state: 'online', code: await projects.code(name) })
    return projectView(
      own ?? { name, path: null, source: 'added' },
      rows,
      projectLoads(jobs)(name),
      lastPullOf(projects, name),
      projects.knownSpiders(name)?.errors ?? 0,
    )
  }

  async #projectViews(): Promise<Project[]> {
    return Promise.all(clusterProjects(this.#parts.projects, this.#parts.nodes).map((name) => this.#projectView(name)))
  }

  /** Appends the `project` event with the project over all nodes. */
  async announceProject(name: string): Promise<void> {
    try {
      await this.#parts.ledger.note('project', { project: await this.#projectView(name) })
    } catch (error) {
      if (!(error instanceof ProjectNotFoundError)) throw error
      await this.#parts.ledger.note('project-removed', { name })
    }
  }

  /** A node's projects changed: what it can run is asked anew, and everybody is told. */
  async learnSpiders(node: ClusterNode, names: readonly string[]): Promise<void> {
    node.forgetRefusals('all')
    const { clients, nodes } = this.#parts
    const lists = Object.entries(node.known.spiders).filter(([name]) => node.hasProject(name))
    node.known = { ...node.known, spiders: Object.fromEntries(lists) }
    for (const name of names) {
      if (node.row.kind === 'slave' && node.isOnline && node.hasProject(name)) {
        try {
          const { spiders } = await clients
            .of(node)
            .call('listSpiders', { params: { project: name } }, { timeoutMs: LIST_MS })
          node.known = { ...node.known, spiders: { ...node.known.spiders, [name]: spiders.map((one) => one.name) } }
        } catch {
          // Its own page says why; the old list stays.
        }
      }
      await this.announceProject(name)
    }
    await nodes.update(node, { known: JSON.stringify(node.known) }, false)
  }

  async #addEverywhere(project: string, path: string | null): Promise<readonly DetailRow[]> {
    const { local, clients, nodeName } = this.#parts
    // The master's own folder decides whether name and path are good at all.
    const own = await local.addProject({ project, path }).then(
      ({ spiders }) => detail(nodeName, true, `${spiders} spiders`, spiders),
      (error: unknown) => {
        if (this.#parts.nodes.list().length === 0 || !(error instanceof InvalidParameterError)) throw error
        if (error.parameter === 'project') throw error
        return detail(nodeName, false, error.message)
      },
    )
    const others = await this.#everywhere(
      async (node) => {
        const reply = await clients
          .of(node)
          .call('addProject', { params: { project }, body: { path } }, { timeoutMs: LIST_MS })
        const spiders = reply.project.spiders ?? 0
        return detail(node.name, true, `${spiders} spiders`, spiders)
      },
      'addproject',
      { project, path },
    )
    const all = [own, ...others]
    if (!all.some((row) => row.status === 'ok'))
      throw new InvalidParameterError('path', all.map((row) => `${row.node_name}: ${row.message}`).join('; '))
    await this.announceProject(project)
    return all
  }

  async #deleteEverywhere(project: string, by: Requester): Promise<readonly DetailRow[]> {
    const { local, clients, nodeName, projects } = this.#parts
    this.#parts.reach.requireProject(project)
    const rows: DetailRow[] = []
    if (projects.list().some((one) => one.name === project)) {
      await local.deleteProject({ project }, by)
      rows.push(detail(nodeName, true, 'out of service; the code stays on disk'))
    } else await local.dropPending(project, by)
    const others = await this.#everywhere(
      async (node) => {
        if (!node.hasProject(project)) return detail(node.name, true, 'did not have it')
        await clients.of(node).call('deleteProject', { params: { project } })
        return detail(node.name, true, 'out of service; the code stays on disk')
      },
      'delproject',
      { project },
    )
    for (const node of this.#parts.nodes.list().filter((one) => one.hasProject(project))) {
      node.known = { ...node.known, projects: node.known.projects.filter((code) => code.project !== project) }
      await this.#parts.nodes.update(node, { known: JSON.stringify(node.known) }, false)
    }
    await this.announceProject(project)
    return [...rows, ...others]
  }

  /** Asks every one of our slaves; what an offline one misses waits for it. */
  async #everywhere(
    ask: (node: ClusterNode) => Promise<DetailRow>,
    task: 'addproject' | 'delproject',
    body: Readonly<Record<string, unknown>>,
  ): Promise<readonly DetailRow[]> {
    const { nodes, store, writer } = this.#parts
    const later = async (node: ClusterNode, why: string) => {
      await writer.write(() => store.addTask(node.id, task, JSON.stringify(body), Date.now()))
      return detail(node.name, false, `${why}; it gets this when it is back`)
    }
    const slaves = nodes.list().filter((node) => node.row.kind !== 'scrapyd')
    const results = await concurrently(slaves, AT_ONCE, async (node) => {
      if (!node.isOnline) return later(node, `offline (${node.row.last_error ?? 'not seen yet'})`)
      // In order: what it missed before comes first.
      if (store.tasks(node.id).length > 0) return later(node, 'something else still waits for it')
      try {
        return await ask(node)
      } catch (error) {
        return error instanceof NodeUnreachableError
          ? later(node, error.message)
          : detail(node.name, false, (error as Error).message)
      }
    })
    return results.map((result) =>
      'value' in result ? result.value : detail(result.item.name, false, (result.error as Error).message),
    )
  }

  /** Pulls on the wanted nodes (null: all) at once; every node's progress is one pull's. */
  async #pull(
    project: string | null,
    wanted: readonly string[] | null,
    by: Requester,
    onStep: (pull: Pull) => void,
  ): Promise<Pull> {
    const { clients, nodes, nodeName, projects } = this.#parts
    for (const name of wanted ?? []) {
      if (name !== nodeName && nodes.byName(name) === null) throw new NodeNotFoundError(name)
    }
    const names = project === null ? clusterProjects(projects, nodes) : [project]
    const slaves = nodes
      .list()
      .filter((node) => node.row.kind === 'slave' && (wanted === null || wanted.includes(node.name)))
      .filter((node) => names.some((name) => node.hasProject(name)))
    const hasLocal =
      (wanted === null || wanted.includes(nodeName)) && projects.list().some((one) => names.includes(one.name))
    const steps = new Map<string, readonly PullStep[]>()
    const pull: Pull = {
      id: randomUUID(),
      projects: [...names],
      started_at: new Date().toISOString(),
      ended_at: null,
      by: by.name,
      steps: [],
    }
    const tell = (node: string, rows: readonly PullStep[]) => {
      steps.set(node, rows)
      pull.steps = [...steps.values()].flat()
      this.#parts.live.tell({ type: 'pull', pull })
      onStep(pull)
    }
    if (hasLocal) steps.set(nodeName, waitingSteps(names, nodeName))
    for (const node of slaves)
      steps.set(
        node.name,
        waitingSteps(
          names.filter((name) => node.hasProject(name)),
          node.name,
        ),
      )
    pull.steps = [...steps.values()].flat()
    onStep(pull)
    const onSlave = async (node: ClusterNode): Promise<void> => {
      for (const name of names.filter((one) => node.hasProject(one))) {
        const others = (steps.get(node.name) ?? []).filter((step) => step.project !== name)
        try {
          if (!node.isOnline) throw new NodeUnreachableError(`offline: ${node.row.last_error ?? 'not seen yet'}`)
          const reply = await clients
            .of(node)
            .call('pullProject', { params: { project: name }, body: { wait: true } }, { timeoutMs: PULL_MS })
          tell(node.name, [...others, ...reply.steps.map((step) => ({ ...step, node_name: node.name }))])
        } catch (error) {
          const failed = { ...waitingStep(name, node.name), state: 'error' as const, message: (error as Error).message }
          tell(node.name, [...others, failed])
        }
      }
    }
    await Promise.all([
      concurrently(slaves, AT_ONCE, onSlave),
      hasLocal
        ? projects
            .pull(project, by.name, (step) => tell(nodeName, step.steps), pull.id)
            .then((done) => tell(nodeName, done.steps))
            .catch((error: unknown) => {
              const message = (error as Error).message
              tell(
                nodeName,
                names.map((name) => ({ ...waitingStep(name, nodeName), state: 'error' as const, message })),
              )
            })
        : null,
    ])
    pull.ended_at = new Date().toISOString()
    this.#parts.live.tell({ type: 'pull', pull })
    await projects.recordPull(pull)
    for (const name of names) await this.announceProject(name)
    return pull
  }

  async #spiderList(name: string, refresh: boolean): Promise<SpiderList> {
    const { projects, local, nodes, clients, desk, stats } = this.#parts
    this.#parts.reach.requireProject(name)
    const own = projects.list().some((one) => one.name === name) ? await local.spiderList(name, refresh) : null
    const spiders = new Map(
      (own?.spiders ?? []).map((spider) => [spider.name, { ...spider, nodes: [...spider.nodes] }]),
    )
    const errors = [...(own?.errors ?? [])]
    const slaves = nodes.list().filter((node) => node.hasProject(name))
    const asked = await concurrently(slaves, AT_ONCE, async (node) =>
      refresh && node.row.kind === 'slave' && node.isOnline
        ? clients
            .of(node)
            .call('listSpiders', { params: { project: name }, query: { refresh: 'true' } }, { timeoutMs: LIST_MS })
        : null,
    )
    for (const result of asked) {
      if ('value' in result && result.value !== null) {
        errors.push(...result.value.errors)
        result.item.known = {
          ...result.item.known,
          spiders: { ...result.item.known.spiders, [name]: result.value.spiders.map((one) => one.name) },
        }
      }
      for (const spider of result.item.known.spiders[name] ?? []) {
        const entry = spiders.get(spider)
        if (entry !== undefined) entry.nodes.push(result.item.name)
        else {
          spiders.set(spider, {
            name: spider,
            module: null,
            nodes: [result.item.name],
            ...spiderHistory(desk, stats, name, spider),
          })
        }
      }
    }
    return {
      project: name,
      spiders: [...spiders.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      errors,
      listed_at: own?.listed_at ?? null,
    }
  }

  /** The node that holds a job, when that is not this one. Throws JobNotFoundError. */
  #holder(key: string): ClusterNode | null {
    const row = this.#parts.jobs.get(key)
    if (row === null) throw new JobNotFoundError(key)
    return row.node_id === null || row.node_id === LOCAL_NODE ? null : this.#parts.nodes.get(row.node_id)
  }

  /** Asks the node that holds the job's files; throws NodeUnreachableError at once when it is away. */
  #onHolder(node: ClusterNode) {
    if (node.row.kind === 'scrapyd') {
      throw new FileNotFoundError(
        `${node.name} is a stock Scrapyd server: it serves whole files only, see /logs/ and /items/`,
      )
    }
    if (!node.isOnline) {
      throw new NodeUnreachableError(
        `${node.name}, which holds this, is offline: ${node.row.last_error ?? 'no answer'}`,
      )
    }
    return this.#parts.clients.of(node)
  }

  async #detail(key: string): Promise<JobDetail> {
    const { desk, stats, writer } = this.#parts
    const detail = desk.detail(key)
    const node = this.#holder(key)
    if (node === null || node.row.kind === 'scrapyd' || !node.isOnline || node.row.kind === 'unknown') return detail
    if (detail.state === 'finished' && detail.stats !== null) return detail
    try {
      const there = await this.#parts.clients.of(node).call('getJob', { params: { key } }, { timeoutMs: 3_000 })
      if (there.state === 'finished' && there.stats !== null) {
        await writer.write(() => stats.put(key, JSON.stringify(there.stats)))
      }
      return {
        ...detail,
        stats: there.stats,
        rates: there.rates,
        output_tail: there.output_tail,
        pages: there.pages ?? detail.pages,
        items: there.items ?? detail.items,
        errors: there.errors ?? detail.errors,
        log_url: there.log_url,
        items_url: there.items_url,
      }
    } catch {
      // What the ledger knows is better than nothing.
      return detail
    }
  }

  #handlers(): Partial<ApiHandlers> {
    const { local, desk, nodes, jobs, forwards } = this.#parts
    const own = local.handlers
    return {
      getJob: ({ params }) => this.#detail(params.key),
      rerunJob: async ({ params, body }, by) => {
        if (body.anyway) await this.#giveUp(params.key, by)
        return desk.rerun(params.key, by)
      },
      listProjects: async () => ({ projects: await this.#projectViews() }),
      getProject: ({ params }) => this.#projectView(params.project),
      addProject: async ({ params, body }) => ({
        details: (await this.#addEverywhere(params.project, body.path)).map(toDetail),
        project: await this.#projectView(params.project),
      }),
      deleteProject: async ({ params }, by) => ({
        details: (await this.#deleteEverywhere(params.project, by)).map(toDetail),
      }),
      pullProject: async ({ params, body }, by) => {
        this.#parts.reach.requireProject(params.project)
        return firstOf((onStep) => this.#pull(params.project, body.nodes ?? null, by, onStep), body.wait)
      },
      listPulls: async ({ params }) => {
        this.#parts.reach.requireProject(params.project)
        return { pulls: [...this.#parts.projects.pulls(params.project)] }
      },
      listSpiders: ({ params, query }) => this.#spiderList(params.project, query.refresh ?? false),
      getLogIndex: (input, by) => {
        const node = this.#holder(input.params.key)
        return node === null
          ? own.getLogIndex(input, by)
          : this.#onHolder(node).call('getLogIndex', where(input), { timeoutMs: 10_000 })
      },
      searchLog: (input, by) => {
        const node = this.#holder(input.params.key)
        return node === null
          ? own.searchLog(input, by)
          : this.#onHolder(node).call('searchLog', where(input), { timeoutMs: 60_000 })
      },
      getItems: (input, by) => {
        const node = this.#holder(input.params.key)
        return node === null
          ? own.getItems(input, by)
          : this.#onHolder(node).call('getItems', where(input), { timeoutMs: 10_000 })
      },
      overview: async () => {
        const projects = await this.#projectViews()
        return overviewOf(
          {
            jobs,
            lists: this.#parts.lists,
            stats: this.#parts.stats,
            nodes: await this.#nodeViews(),
            projects: projects.length,
            spiders: projects.reduce((sum, project) => sum + (project.spiders ?? 0), 0),
            drifting: projects.filter((project) => project.drift).map((project) => project.name),
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
        nodes: await this.#nodeViews(),
        ...desk.counts(),
      }),
      listNodes: async () => ({ nodes: await this.#nodeViews() }),
      getClusterNode: ({ params }) => this.#nodeDetail(params.id),
      addNode: ({ body }) => this.#addNode(body),
      patchNode: ({ params, body }) => this.#patchNode(params.id, body),
      deleteNode: async ({ params }) => {
        if (params.id === LOCAL_NODE) throw new ConflictError('The master cannot be removed from its own cluster')
        await nodes.remove(params.id)
        return { status: 'ok' }
      },
      listForwards: async () => ({ forwards: forwards.list() }),
      deleteForward: async ({ params }) => {
        if (!forwards.drop(params.id)) throw new FileNotFoundError(`there is no forward '${params.id}'`)
        return { status: 'ok' }
      },
    }
  }

  /** "Run anyway": a job on a node that is away is given up, so that it can be run elsewhere. It may run twice. */
  async #giveUp(key: string, by: Requester): Promise<void> {
    const node = this.#holder(key)
    if (node === null || node.isOnline) return
    await this.#parts.ledger.finish(key, {
      outcome: 'lost',
      reason: `Given up${by.name === null ? '' : ` by ${by.name}`} while ${node.name} was offline; run again elsewhere`,
      ended_at: Date.now(),
    })
  }

  async #nodeDetail(id: string): Promise<NodeDetail> {
    const { nodes, local, store } = this.#parts
    if (id === LOCAL_NODE) return { ...(await local.asNode()), latency: [], history: [] }
    const node = nodes.require(id)
    return {
      ...nodes.view(node),
      latency: node.latency.map(({ at, ms }) => ({ at: new Date(at).toISOString(), ms })),
      history: store.history(id).map(({ at, state, reason }) => ({ at: new Date(at).toISOString(), state, reason })),
    }
  }

  async #addNode(body: EndpointInput<'addNode'>['body']): Promise<Node> {
    const parsed = parseNodeAddress(body.host)
    const address = {
      url: parsed.url,
      username: body.username ?? parsed.username,
      password: body.password ?? parsed.password,
      maxProc: body.max_proc ?? parsed.maxProc,
    }
    await this.#parts.probe(address, body.takeover)
    const node = await this.#parts.nodes.add(address)
    if (body.takeover) await this.#takeOver(node)
    return this.#parts.nodes.view(node)
  }

  async #patchNode(id: string, body: EndpointInput<'patchNode'>['body']): Promise<Node> {
    const { nodes, local, membership, dispatcher } = this.#parts
    if (id === LOCAL_NODE) {
      if (body.paused !== undefined) await local.setPaused(body.paused, body.note ?? null)
      return local.asNode()
    }
    const node = nodes.require(id)
    if (body.username !== undefined || body.password !== undefined || body.max_proc !== undefined) {
      await nodes.update(
        node,
        {
          ...(body.username === undefined ? {} : { username: body.username }),
          ...(body.password === undefined ? {} : { password: body.password }),
          ...(body.max_proc === undefined ? {} : { max_proc: body.max_proc }),
        },
        true,
      )
      membership.restart(node)
    }
    if (body.takeover === true) await this.#takeOver(node)
    if (body.paused !== undefined) {
      await this.#setPaused(node, body.paused, body.note ?? null)
      dispatcher.wake()
    }
    return nodes.view(node)
  }

  /** A slave remembers it by itself, one that is away is told when it is back; a stock Scrapyd is paused here alone. */
  async #setPaused(node: ClusterNode, paused: boolean, note: string | null): Promise<void> {
    const { nodes, clients, store, writer } = this.#parts
    const isAlone = node.row.kind === 'scrapyd'
    const isTold = isAlone || (node.isOnline && (await tell()))
    const waiting = store.tasks(node.id).filter((task) => task.kind === 'pause' || task.kind === 'resume')
    if (waiting.length > 0 || !isTold) {
      await writer.write(() => {
        for (const task of waiting) store.deleteTask(task.n)
        if (!isTold) store.addTask(node.id, paused ? 'pause' : 'resume', JSON.stringify({ note }), Date.now())
      })
    }
    await nodes.update(node, { paused: paused ? 1 : 0, pause_note: paused ? note : null }, true)

    async function tell(): Promise<boolean> {
      try {
        if (paused) await clients.of(node).call('pauseNode', { body: { note } })
        else await clients.of(node).call('resumeNode', {})
        return true
      } catch (error) {
        if (error instanceof NodeUnreachableError) return false
        throw error
      }
    }
  }

  async #takeOver(node: ClusterNode): Promise<void> {
    const { clients, membership } = this.#parts
    await clients
      .of(node)
      .call('putOwner', { body: { instance: this.#parts.instance, node_name: this.#parts.nodeName, takeover: true } })
    membership.restart(node)
  }
}

interface DetailRow extends NodeDetailRow {
  readonly spiders: number
}

function detail(node: string, ok: boolean, message: string, spiders = 0): DetailRow {
  return { node_name: node, status: ok ? 'ok' : 'error', message, spiders }
}

function toRow({ node_name, status, message }: DetailRow): NodeDetailRow {
  return { node_name, status, message }
}

function toDetail({ node_name, status, message }: DetailRow): { node: string; ok: boolean; message: string } {
  return { node: node_name, ok: status === 'ok', message }
}

function waitingStep(project: string, node: string): PullStep {
  return {
    project,
    node_name: node,
    state: 'waiting',
    message: '',
    branch: null,
    before: null,
    after: null,
    output: '',
    changes: null,
    stashed: null,
  }
}

function waitingSteps(projects: readonly string[], node: string): readonly PullStep[] {
  return projects.map((project) => waitingStep(project, node))
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

/** Names of all projects of the cluster, sorted. */
export function clusterProjects(projects: LocalProjects, nodes: Nodes): readonly string[] {
  const names = new Set(projects.list().map((project) => project.name))
  for (const node of nodes.list()) for (const code of node.known.projects) names.add(code.project)
  return [...names].toSorted()
}

/** The reach of a whole cluster. */
export function clusterReach(parts: {
  readonly local: Reach
  readonly projects: LocalProjects
  readonly nodes: Nodes
  readonly nodeName: string
  readonly isAllCodeSame: boolean
  readonly passLocalCancel: (row: JobRow) => Promise<void>
  readonly passRemoteCancel: (node: ClusterNode, key: string) => void
  readonly whyPending: Reach['whyPending']
}): Reach {
  const { local, projects, nodes } = parts
  const hasLocal = (name: string) => projects.list().some((project) => project.name === name)
  const holders = (name: string) => nodes.list().filter((node) => node.hasProject(name))
  return {
    requireProject(name) {
      if (!hasLocal(name) && holders(name).length === 0) throw new ProjectNotFoundError(name)
    },
    async requireSpider(project, spider, version) {
      const others = holders(project)
      if (hasLocal(project)) {
        try {
          return await local.requireSpider(project, spider, version)
        } catch (error) {
          // With code that differs, another node may have the spider that this one lacks.
          const elsewhere = others.some((node) => node.known.spiders[project]?.includes(spider))
          if (parts.isAllCodeSame || !(error instanceof SpiderNotFoundError) || !elsewhere) throw error
          return
        }
      }
      if (others.length === 0) throw new ProjectNotFoundError(project)
      const lists = others.map((node) => node.known.spiders[project]).filter((list) => list !== undefined)
      // Without any list yet the nodes themselves say no.
      if (lists.length > 0 && !lists.some((list) => list.includes(spider))) throw new SpiderNotFoundError(spider)
    },
    requireNode(name) {
      if (name !== parts.nodeName && nodes.byName(name) === null) throw new NodeNotFoundError(name)
    },
    async passCancel(row) {
      if (row.node_id === LOCAL_NODE) return parts.passLocalCancel(row)
      const node = row.node_id === null ? null : nodes.get(row.node_id)
      if (node !== null) parts.passRemoteCancel(node, row.key)
    },
    whyPending: parts.whyPending,
  }
}
