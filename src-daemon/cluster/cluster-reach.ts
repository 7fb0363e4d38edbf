import { NodeNotFoundError, ProjectNotFoundError, SpiderNotFoundError, VersionNotFoundError } from '../errors.ts'
import type { Reach } from '../jobs/job-desk.ts'
import type { LocalProjects } from '../node/projects-port.ts'
import { LOCAL_NODE, type JobRow } from '../storage/jobs.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Nodes } from './nodes.ts'

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
  /** Whether a version that is asked for is that commit. */
  readonly isVersion: (version: string, commit: string) => boolean
  readonly passLocalCancel: (row: JobRow) => Promise<void>
  readonly passRemoteCancel: (node: ClusterNode, key: string) => void
  readonly whyPending: Reach['whyPending']
}): Reach {
  const { local, projects, nodes } = parts
  const hasLocal = (name: string) => projects.list().some((project) => project.name === name)
  const holders = (name: string) => nodes.list().filter((node) => node.hasProject(name))
  /** The eggs of a stock Scrapyd are its own affair: it is asked when it gets the job. */
  const hasVersion = (node: ClusterNode, project: string, version: string) => {
    const commit = node.known.projects.find((code) => code.project === project)?.commit ?? null
    return node.row.kind === 'scrapyd' || (commit !== null && parts.isVersion(version, commit))
  }
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
      if (version !== null && version !== '' && !others.some((node) => hasVersion(node, project, version))) {
        throw new VersionNotFoundError(version)
      }
      const lists = others.map((node) => node.known.spiders[project]).filter((list) => list !== undefined)
      // Without any list yet the nodes themselves say no.
      if (lists.length > 0 && !lists.some((list) => list.includes(spider))) throw new SpiderNotFoundError(spider)
    },
    requireNode(name) {
      if (name === parts.nodeName) return name
      const node = nodes.byName(name)
      if (node === null) throw new NodeNotFoundError(name)
      // Also when it was asked for by its host: jobs are pinned to names.
      return node.name
    },
    async passCancel(row) {
      if (row.node_id === LOCAL_NODE) return parts.passLocalCancel(row)
      const node = row.node_id === null ? null : nodes.get(row.node_id)
      if (node !== null) parts.passRemoteCancel(node, row.key)
    },
    whyPending: parts.whyPending,
  }
}
