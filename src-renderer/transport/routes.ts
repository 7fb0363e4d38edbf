import type { ENDPOINTS } from '../../src-daemon/api/contract/endpoints.ts'

/** What the console calls: the contract without what masters and slaves say to each other. */
export type ConsoleEndpoint = Exclude<
  keyof typeof ENDPOINTS,
  | 'events'
  | 'addTail'
  | 'dropTail'
  | 'ackEvents'
  | 'putDispatch'
  | 'getDispatch'
  | 'deleteDispatch'
  | 'getOwner'
  | 'putOwner'
  | 'deleteOwner'
  | 'openapi'
  | 'getLog'
  | 'getOutput'
  | 'getProjectCode'
>

/** Endpoints that answer with the bytes of a file. */
export type BytesEndpoint = 'getLog' | 'getOutput'

type Route<N extends keyof typeof ENDPOINTS> = readonly [(typeof ENDPOINTS)[N]['method'], (typeof ENDPOINTS)[N]['path']]

/**
 * Method and path of each endpoint. Only types cross the border to the daemon, so the table stands here again; the
 * compiler compares every entry with the contract.
 */
export const ROUTES: { readonly [N in ConsoleEndpoint | BytesEndpoint]: Route<N> } = {
  health: ['GET', '/healthz'],
  getNode: ['GET', '/api/node'],
  pauseNode: ['POST', '/api/node/pause'],
  resumeNode: ['POST', '/api/node/resume'],
  listProjects: ['GET', '/api/projects'],
  getProject: ['GET', '/api/projects/{project}'],
  addProject: ['POST', '/api/projects/{project}'],
  deleteProject: ['DELETE', '/api/projects/{project}'],
  pullProject: ['POST', '/api/projects/{project}/pull'],
  listPulls: ['GET', '/api/projects/{project}/pulls'],
  listCommits: ['GET', '/api/projects/{project}/commits'],
  listSpiders: ['GET', '/api/projects/{project}/spiders'],
  spiderHints: ['GET', '/api/projects/{project}/spiders/{spider}/hints'],
  listJobs: ['GET', '/api/jobs'],
  createJobs: ['POST', '/api/jobs'],
  cancelJobs: ['POST', '/api/jobs/cancel'],
  rerunJobs: ['POST', '/api/jobs/rerun'],
  getJob: ['GET', '/api/jobs/{key}'],
  cancelJob: ['POST', '/api/jobs/{key}/cancel'],
  rerunJob: ['POST', '/api/jobs/{key}/rerun'],
  getLog: ['GET', '/api/jobs/{key}/log'],
  getLogIndex: ['GET', '/api/jobs/{key}/log/index'],
  searchLog: ['GET', '/api/jobs/{key}/log/search'],
  getItems: ['GET', '/api/jobs/{key}/items'],
  getOutput: ['GET', '/api/jobs/{key}/output'],
  overview: ['GET', '/api/overview'],
  createSession: ['POST', '/api/session'],
  getSession: ['GET', '/api/session'],
  deleteSession: ['DELETE', '/api/session'],
  getCluster: ['GET', '/api/cluster'],
  listNodes: ['GET', '/api/nodes'],
  addNode: ['POST', '/api/nodes'],
  getClusterNode: ['GET', '/api/nodes/{id}'],
  patchNode: ['PATCH', '/api/nodes/{id}'],
  deleteNode: ['DELETE', '/api/nodes/{id}'],
  listForwards: ['GET', '/api/forwards'],
  deleteForward: ['DELETE', '/api/forwards/{id}'],
}

type Scalar = string | number | boolean
type QueryValue = Scalar | readonly Scalar[] | null | undefined

/** Relative path with parameters and query filled in, without the leading slash (it is joined to the base). */
export function buildPath(
  path: string,
  params: Readonly<Record<string, unknown>>,
  query: Readonly<Record<string, unknown>>,
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query) as [string, QueryValue][]) {
    for (const single of Array.isArray(value) ? value : [value]) {
      if (single !== undefined && single !== null) search.append(name, String(single))
    }
  }
  const text = search.toString()
  return filled.slice(1) + (text === '' ? '' : `?${text}`)
}
