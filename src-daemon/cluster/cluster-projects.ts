import { reasonText } from '../api/contract/reasons.ts'
import type { NodeDetailRow, ProjectVersionInput, Requester } from '../api/contract/scrapyd-api.ts'
import type { Node, Project, ProjectCode, SpiderList } from '../api/contract/values.ts'
import { InvalidParameterError, NodeUnreachableError, ProjectNotFoundError } from '../errors.ts'
import type { JobDesk, Reach } from '../jobs/job-desk.ts'
import type { Ledger } from '../jobs/ledger.ts'
import { spiderHistory, type LocalNode } from '../node/local-node.ts'
import type { LocalProjects } from '../node/projects-port.ts'
import { lastPullOf, projectLoads, projectView } from '../node/views.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { NodeStore, NodeTask } from '../storage/nodes.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import { clusterProjects } from './cluster-reach.ts'
import { concurrently } from './concurrently.ts'
import type { NodeClients } from './node-client.ts'
import type { Nodes } from './nodes.ts'

/** How many nodes are asked at once. */
const AT_ONCE = 16
const LIST_MS = 60_000

export interface ClusterProjectsParts {
  readonly nodeName: string
  readonly isAllCodeSame: boolean
  readonly local: LocalNode
  readonly projects: LocalProjects
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly reach: Pick<Reach, 'requireProject'>
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly stats: StatsStore
  readonly desk: JobDesk
  readonly store: NodeStore
  readonly writer: Writer
}

/** What became of a change on one node. */
export interface DetailRow extends NodeDetailRow {
  readonly spiders: number
}

/** The projects of the cluster: which node has which, at which commit, with which spiders. */
export class ClusterProjects {
  readonly #parts: ClusterProjectsParts

  constructor(parts: ClusterProjectsParts) {
    this.#parts = parts
  }

  /** Names of all projects, sorted. */
  names(): readonly string[] {
    return clusterProjects(this.#parts.projects, this.#parts.nodes)
  }

  /** A project over all nodes. Throws ProjectNotFoundError. */
  async view(name: string): Promise<Project> {
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

  /** The commits that are there: those of the master last, as its present one is the newest. */
  async versions(input: { readonly project: string }): Promise<{ readonly versions: readonly string[] }> {
    const { versions } = await this.#parts.local.listVersions(input)
    const others = this.#parts.nodes
      .list()
      .flatMap((node) => node.known.projects.filter(({ project }) => project === input.project))
      .flatMap(({ commit }) => (commit === null || versions.includes(commit) ? [] : [commit]))
    return { versions: [...new Set(others), ...versions] }
  }

  /** All of them, by name. */
  async views(): Promise<Project[]> {
    return Promise.all(this.names().map((name) => this.view(name)))
  }

  /** Appends the `project` event with the project over all nodes. */
  async announce(name: string): Promise<void> {
    try {
      await this.#parts.ledger.note('project', { project: await this.view(name) })
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
    // Before the lists, which take a second each to come: a master that dies meanwhile knows the projects all the same.
    await nodes.update(node, { known: JSON.stringify(node.known) }, false)
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
      await this.announce(name)
    }
    await nodes.update(node, { known: JSON.stringify(node.known) }, false)
  }

  /** Names of the spiders of a project: the master's own code decides, where all code is the same. */
  async spiderNames({ project, version }: ProjectVersionInput): Promise<readonly string[]> {
    const { projects, nodes, isAllCodeSame } = this.#parts
    const hasLocal = projects.list().some((one) => one.name === project)
    if (hasLocal && (isAllCodeSame || version !== null)) {
      const { spiders } = await projects.spiders(project, { version })
      return spiders.map((spider) => spider.name)
    }
    this.#parts.reach.requireProject(project)
    const names = new Set<string>()
    if (hasLocal) for (const spider of (await projects.spiders(project)).spiders) names.add(spider.name)
    for (const node of nodes.list()) for (const name of node.known.spiders[project] ?? []) names.add(name)
    return [...names].toSorted()
  }

  /** The spiders of a project, with the nodes that have them. */
  async spiderList(name: string, refresh: boolean): Promise<SpiderList> {
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

  /** Takes a project into service on every node. Throws when no node can. */
  async add(project: string, path: string | null): Promise<readonly DetailRow[]> {
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
          .call('addProject', { params: { project }, body: { path } }, { timeoutMs: LIST_MS, signal: node.untilAway })
        const spiders = reply.project.spiders ?? 0
        return detail(node.name, true, `${spiders} spiders`, spiders)
      },
      'addproject',
      { project, path },
    )
    const all = [own, ...others]
    if (!all.some((row) => row.status === 'ok'))
      throw new InvalidParameterError('path', all.map((row) => `${row.node_name}: ${row.message}`).join('; '))
    await this.announce(project)
    return all
  }

  /** Takes a project out of service on every node. */
  async remove(project: string, by: Requester): Promise<readonly DetailRow[]> {
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
        await clients.of(node).call('deleteProject', { params: { project } }, { signal: node.untilAway })
        return detail(node.name, true, 'out of service; the code stays on disk')
      },
      'delproject',
      { project },
    )
    for (const node of this.#parts.nodes.list()) {
      const had = node.hasProject(project)
      node.dropProject(project)
      if (had) await this.#parts.nodes.update(node, { known: JSON.stringify(node.known) }, false)
    }
    await this.announce(project)
    return [...rows, ...others]
  }

  /** Asks every one of our slaves; what an offline one misses waits for it. */
  async #everywhere(
    ask: (node: ClusterNode) => Promise<DetailRow>,
    task: 'addproject' | 'delproject',
    body: { readonly project: string; readonly path?: string | null },
  ): Promise<readonly DetailRow[]> {
    const { nodes, store, writer } = this.#parts
    const later = async (node: ClusterNode, why: string) => {
      await writer.write(() => {
        // The last word on a project counts: a script that goes on asking for a dead node must not fill the database.
        for (const waiting of store.tasks(node.id)) if (isAbout(waiting, body.project)) store.deleteTask(waiting.n)
        store.addTask(node.id, task, JSON.stringify(body), Date.now())
      })
      return detail(node.name, false, `${why}; ${reasonText('getsItLater')}`)
    }
    const slaves = nodes.list().filter((node) => node.row.kind !== 'scrapyd')
    const results = await concurrently(slaves, AT_ONCE, async (node) => {
      if (!node.isOnline) {
        return later(node, reasonText('offlineNow', { detail: node.row.last_error ?? reasonText('neverSeen') }))
      }
      // In order: what it missed before comes first.
      if (store.tasks(node.id).length > 0) return later(node, reasonText('othersFirst'))
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
}

function isAbout({ kind, body }: NodeTask, project: string): boolean {
  const isOfProject = kind === 'addproject' || kind === 'delproject'
  return isOfProject && (JSON.parse(body) as { project?: string }).project === project
}

function detail(node: string, ok: boolean, message: string, spiders = 0): DetailRow {
  return { node_name: node, status: ok ? 'ok' : 'error', message, spiders }
}
