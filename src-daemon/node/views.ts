import type { Node, Project, ProjectCode } from '../api/contract/values.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { LocalProject, LocalProjects } from './projects-port.ts'

/** How many jobs of a project wait and run. */
export type ProjectLoad = (project: string) => { readonly pending: number; readonly running: number }

/** A project over the nodes that have it. Pure but for what it is given. */
export function projectView(
  local: LocalProject | { readonly name: string; readonly path: null; readonly source: 'added' },
  nodes: readonly { readonly name: string; readonly state: Node['state']; readonly code: ProjectCode }[],
  load: { readonly pending: number; readonly running: number },
  lastPull: Project['last_pull'],
  loadErrors: number,
): Project {
  const commits = new Set(nodes.map((node) => node.code.commit))
  return {
    name: local.name,
    path: local.path,
    source: local.source,
    spiders: nodes.map((node) => node.code.spiders).find((count) => count !== null) ?? null,
    load_errors: loadErrors,
    nodes: nodes.map(({ name, state, code: { project: _, ...code } }) => ({ ...code, node: name, node_state: state })),
    drift: commits.size > 1 || nodes.some((node) => node.code.dirty === true),
    last_pull: lastPull,
    pending: load.pending,
    running: load.running,
  }
}

/** The last pull of a project, as the list shows it. */
export function lastPullOf(projects: LocalProjects, name: string): Project['last_pull'] {
  const [last] = projects.pulls(name)
  if (last === undefined) return null
  return {
    at: last.ended_at ?? last.started_at,
    ok: last.steps.filter((step) => step.project === name).every((step) => step.state !== 'error'),
  }
}

/** Pending and running jobs by project, out of the ledger. */
export function projectLoads(jobs: JobStore): ProjectLoad {
  const loads = jobs.projectLoads()
  return (project) => loads.get(project) ?? { pending: 0, running: 0 }
}
