import { z } from 'zod'
import { feedEvent } from './events.ts'
import {
  forward,
  isoTime,
  job,
  jobDetail,
  jobId,
  jobKey,
  jobOutcome,
  jobState,
  logIndex,
  logMatch,
  node,
  nodeDetail,
  nodeSelf,
  overview,
  project,
  projectCode,
  projectName,
  pull,
  spiderList,
  spiderName,
} from './values.ts'

/**
 * The `/api` family as data. Express routes, the client, the desktop's IPC bridge, the OpenAPI document and all types are
 * derived from this table. `node`: every daemon; `cluster`: master only (a slave answers 404 with a problem that says so).
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
  readonly path: string
  readonly scope: 'node' | 'cluster'
  readonly summary: string
  /** Path parameters. */
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  readonly body: z.ZodType
  readonly reply: z.ZodType
  /** `json`: the reply is JSON; `stream` and `bytes` are written by the server itself. */
  readonly kind: 'json' | 'stream' | 'bytes'
  /** No credentials are asked. */
  readonly open?: true
}

const none = z.object({})
/** One value or several (a query key given once or repeated). */
const list = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), z.array(item)) as z.ZodType<
    z.output<T>[],
    z.input<T>[] | undefined
  >
const count = (max: number, fallback: number) => z.coerce.number().int().min(1).max(max).default(fallback)
const byteOffset = z.coerce.number().int().min(0)

/** Repeated query keys (`state=pending&state=running`) give several values; `from=-24h` is relative to now. */
export const jobFilter = z.object({
  project: list(z.string()).optional(),
  spider: list(z.string()).optional(),
  node: list(z.string()).optional(),
  state: list(jobState).optional(),
  outcome: list(jobOutcome).optional(),
  /** Part of id, spider, project, argument or reason. */
  q: z.string().max(200).optional(),
  from: z.string().max(40).optional(),
  to: z.string().max(40).optional(),
})
export type JobFilter = z.infer<typeof jobFilter>

/** `default`: pending, starting, running, then newest end; a leading `-` is descending. */
export const jobSort = z.enum([
  'default',
  'created',
  '-created',
  'started',
  '-started',
  'ended',
  '-ended',
  'priority',
  '-priority',
  'duration',
  '-duration',
])

export const newJob = z.object({
  project: projectName,
  spider: spiderName,
  jobid: jobId.optional(),
  version: z.string().max(200).optional(),
  priority: z.number().default(0),
  args: z.record(z.string().min(1), z.string()).default({}),
  settings: z.record(z.string().min(1), z.string()).default({}),
  /** Cluster: name of the node to pin it to. */
  node: z.string().optional(),
})
export type NewJob = z.infer<typeof newJob>

/** Result per job of a batch, in the order of the request. */
export const scheduled = z.object({
  ok: z.boolean(),
  job: job.nullable(),
  duplicate: z.boolean(),
  error: z.string().nullable(),
  code: z.string().nullable(),
})

/** Jobs for a batch action: by key, or all that a filter matches. A misspelt key that was passed over would mean all jobs. */
const jobSelection = z.union([
  z.strictObject({ keys: z.array(jobKey).min(1).max(10_000) }),
  z.strictObject({ filter: z.strictObject(jobFilter.shape) }),
])

export const dispatchRequest = z.object({
  /** The owning master. */
  owner: z.object({ instance: z.string(), node_name: z.string() }),
  attempt: z.int().min(1),
  /** The request is refused after this moment of the *slave's* clock (ISO); null: never. */
  expires_at: isoTime.nullable(),
  job: job.pick({
    id: true,
    project: true,
    spider: true,
    priority: true,
    args: true,
    settings: true,
    version: true,
    scheduled_by: true,
    created_at: true,
  }),
  /** Take the slave over from another master. */
  takeover: z.boolean().default(false),
})
export type DispatchRequest = z.infer<typeof dispatchRequest>

export const dispatchReply = z.object({
  answer: z.enum([
    'accepted',
    'already',
    'busy',
    'no-project',
    'no-spider',
    'unstartable',
    'foreign',
    'expired',
    'revoked',
  ]),
  job: job.nullable(),
  reason: z.string().nullable(),
})
export type DispatchReply = z.infer<typeof dispatchReply>

const keyParam = z.object({ key: jobKey })
const projectParam = z.object({ project: z.string() })
const nodeParam = z.object({ id: z.string() })

export const ENDPOINTS = {
  health: {
    method: 'GET',
    path: '/healthz',
    scope: 'node',
    kind: 'json',
    open: true,
    summary: 'Whether the daemon serves',
    params: none,
    query: none,
    body: none,
    reply: z.object({ status: z.literal('ok') }),
  },
  getNode: {
    method: 'GET',
    path: '/api/node',
    scope: 'node',
    kind: 'json',
    summary: 'What this daemon says of itself',
    params: none,
    query: none,
    body: none,
    reply: nodeSelf,
  },
  pauseNode: {
    method: 'POST',
    path: '/api/node/pause',
    scope: 'node',
    kind: 'json',
    summary: 'Takes no new jobs; running ones go on',
    params: none,
    query: none,
    body: z.object({ note: z.string().max(500).nullable().default(null) }),
    reply: nodeSelf,
  },
  resumeNode: {
    method: 'POST',
    path: '/api/node/resume',
    scope: 'node',
    kind: 'json',
    summary: 'Takes jobs again',
    params: none,
    query: none,
    body: none,
    reply: nodeSelf,
  },
  listProjects: {
    method: 'GET',
    path: '/api/projects',
    scope: 'node',
    kind: 'json',
    summary: 'Projects with their code on every node',
    params: none,
    query: none,
    body: none,
    reply: z.object({ projects: z.array(project) }),
  },
  getProject: {
    method: 'GET',
    path: '/api/projects/{project}',
    scope: 'node',
    kind: 'json',
    summary: 'One project',
    params: projectParam,
    query: none,
    body: none,
    reply: project,
  },
  addProject: {
    method: 'POST',
    path: '/api/projects/{project}',
    scope: 'node',
    kind: 'json',
    summary: 'Exposes a folder as a project',
    params: z.object({ project: projectName }),
    query: none,
    body: z.object({ path: z.string().nullable().default(null) }),
    reply: z.object({
      project,
      details: z.array(z.object({ node: z.string(), ok: z.boolean(), message: z.string() })),
    }),
  },
  deleteProject: {
    method: 'DELETE',
    path: '/api/projects/{project}',
    scope: 'node',
    kind: 'json',
    summary: 'Takes a project out of service',
    params: projectParam,
    query: none,
    body: none,
    reply: z.object({
      details: z.array(z.object({ node: z.string(), ok: z.boolean(), message: z.string() })),
    }),
  },
  pullProject: {
    method: 'POST',
    path: '/api/projects/{project}/pull',
    scope: 'node',
    kind: 'json',
    summary: 'Starts a pull and answers at once; progress comes as `pull` events and by GET',
    params: projectParam,
    query: none,
    body: z.object({ nodes: z.array(z.string()).optional(), wait: z.boolean().default(false) }),
    reply: pull,
  },
  listPulls: {
    method: 'GET',
    path: '/api/projects/{project}/pulls',
    scope: 'node',
    kind: 'json',
    summary: 'The last pulls, newest first',
    params: projectParam,
    query: none,
    body: none,
    reply: z.object({ pulls: z.array(pull) }),
  },
  listCommits: {
    method: 'GET',
    path: '/api/projects/{project}/commits',
    scope: 'node',
    kind: 'json',
    summary: 'Commits between two, newest first (what changed between a good and a bad run)',
    params: projectParam,
    query: z.object({ from: z.string().max(64).optional(), to: z.string().max(64).optional() }),
    body: none,
    reply: z.object({
      commits: z.array(z.object({ commit: z.string(), subject: z.string(), author: z.string(), at: isoTime })),
    }),
  },
  listSpiders: {
    method: 'GET',
    path: '/api/projects/{project}/spiders',
    scope: 'node',
    kind: 'json',
    summary: 'Spiders with load errors and last runs',
    params: projectParam,
    query: z.object({ refresh: z.stringbool().optional() }),
    body: none,
    reply: spiderList,
  },
  spiderHints: {
    method: 'GET',
    path: '/api/projects/{project}/spiders/{spider}/hints',
    scope: 'node',
    kind: 'json',
    summary: 'Names of arguments and settings of earlier jobs, most used first',
    params: z.object({ project: z.string(), spider: z.string() }),
    query: none,
    body: none,
    reply: z.object({ args: z.array(z.string()), settings: z.array(z.string()) }),
  },
  listJobs: {
    method: 'GET',
    path: '/api/jobs',
    scope: 'node',
    kind: 'json',
    summary: 'A page of jobs by filter (keyset cursor)',
    params: none,
    query: jobFilter.extend({
      sort: jobSort.default('default'),
      cursor: z.string().max(400).optional(),
      limit: count(1_000, 100),
    }),
    body: none,
    reply: z.object({
      jobs: z.array(job),
      total: z.int(),
      /** Of this page's first row, 0-based. */
      start: z.int(),
      next: z.string().nullable(),
    }),
  },
  createJobs: {
    method: 'POST',
    path: '/api/jobs',
    scope: 'node',
    kind: 'json',
    summary: 'Schedules one or many jobs; a result per job',
    params: none,
    query: none,
    body: z.union([newJob, z.object({ jobs: z.array(newJob).min(1).max(1_000) })]),
    reply: z.object({ results: z.array(scheduled) }),
  },
  cancelJobs: {
    method: 'POST',
    path: '/api/jobs/cancel',
    scope: 'node',
    kind: 'json',
    summary: 'Cancels many jobs',
    params: none,
    query: none,
    body: jobSelection,
    reply: z.object({
      cancelled: z.int(),
      skipped: z.int(),
      errors: z.array(z.object({ key: jobKey, message: z.string() })),
    }),
  },
  rerunJobs: {
    method: 'POST',
    path: '/api/jobs/rerun',
    scope: 'node',
    kind: 'json',
    summary: 'Runs many jobs again with their arguments',
    params: none,
    query: none,
    body: jobSelection,
    reply: z.object({ results: z.array(scheduled) }),
  },
  getJob: {
    method: 'GET',
    path: '/api/jobs/{key}',
    scope: 'node',
    kind: 'json',
    summary: 'One job with everything known of it',
    params: keyParam,
    query: none,
    body: none,
    reply: jobDetail,
  },
  cancelJob: {
    method: 'POST',
    path: '/api/jobs/{key}/cancel',
    scope: 'node',
    kind: 'json',
    summary: 'Cancels a pending or running job',
    params: keyParam,
    query: none,
    body: z.object({ signal: z.string().optional() }),
    reply: job,
  },
  rerunJob: {
    method: 'POST',
    path: '/api/jobs/{key}/rerun',
    scope: 'node',
    kind: 'json',
    summary: 'Runs it again with its arguments',
    params: keyParam,
    query: none,
    body: z.object({ anyway: z.boolean().default(false) }),
    reply: job,
  },
  getLog: {
    method: 'GET',
    path: '/api/jobs/{key}/log',
    scope: 'node',
    kind: 'bytes',
    summary: 'Bytes of the log; `X-Log-Size` is the size now; a negative offset counts from the end',
    params: keyParam,
    query: z.object({
      offset: z.coerce.number().int().default(0),
      limit: count(4_194_304, 262_144),
      download: z.stringbool().optional(),
    }),
    body: none,
    reply: z.string(),
  },
  getLogIndex: {
    method: 'GET',
    path: '/api/jobs/{key}/log/index',
    scope: 'node',
    kind: 'json',
    summary: 'Lines, levels and error map of the log',
    params: keyParam,
    query: none,
    body: none,
    reply: logIndex,
  },
  searchLog: {
    method: 'GET',
    path: '/api/jobs/{key}/log/search',
    scope: 'node',
    kind: 'json',
    summary: 'Searches the whole log on its node; continue with `next`',
    params: keyParam,
    query: z.object({
      q: z.string().max(500).default(''),
      level: list(z.enum(['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'])).optional(),
      from: byteOffset.default(0),
      limit: count(10_000, 1_000),
    }),
    body: none,
    reply: z.object({
      matches: z.array(logMatch),
      total: z.int(),
      next: z.int().nullable(),
      size: z.int(),
    }),
  },
  getItems: {
    method: 'GET',
    path: '/api/jobs/{key}/items',
    scope: 'node',
    kind: 'json',
    summary: 'Items of the .jl file, by row or byte offset',
    params: keyParam,
    query: z.object({ offset: byteOffset.default(0), limit: count(500, 50) }),
    body: none,
    reply: z.object({
      /** Parsed rows; a row that is not JSON comes as its text. */
      items: z.array(z.unknown()),
      /** Byte offset of the next row; null at the end. */
      next: z.int().nullable(),
      size: z.int(),
    }),
  },
  getOutput: {
    method: 'GET',
    path: '/api/jobs/{key}/output',
    scope: 'node',
    kind: 'bytes',
    summary: 'What spider and supervisor printed',
    params: keyParam,
    query: z.object({
      offset: z.coerce.number().int().default(0),
      limit: count(4_194_304, 262_144),
    }),
    body: none,
    reply: z.string(),
  },
  overview: {
    method: 'GET',
    path: '/api/overview',
    scope: 'node',
    kind: 'json',
    summary: 'One aggregate for the first page',
    params: none,
    query: none,
    body: none,
    reply: overview,
  },
  events: {
    method: 'GET',
    path: '/api/events',
    scope: 'node',
    kind: 'stream',
    summary: 'Server-sent events: replay from the cursor, then live; `tail=1` (a page) sends no snapshot',
    params: none,
    query: z.object({
      cursor: z.string().max(80).optional(),
      /** Time (ms since 1970) of the event at the cursor: another one there means a database restored from a copy. */
      check: z.coerce.number().int().optional(),
      /** `live`: begin at the head without replay or snapshot (a page that has loaded its own state). */
      from: z.enum(['live']).optional(),
    }),
    body: none,
    reply: feedEvent,
  },
  ackEvents: {
    method: 'POST',
    path: '/api/events/ack',
    scope: 'node',
    kind: 'json',
    summary: 'The owning master has everything up to `seq`: it may be pruned, ended dispatches forgotten',
    params: none,
    query: none,
    body: z.object({ instance: z.string(), feed: z.string(), seq: z.int().min(0) }),
    reply: z.object({ status: z.literal('ok') }),
  },
  addTail: {
    method: 'PUT',
    path: '/api/events/{stream}/tails/{tail}',
    scope: 'node',
    kind: 'json',
    summary:
      'Adds a log tail to an open event stream; `log` events begin at `offset` (negative: that many bytes before the end)',
    params: z.object({
      stream: z.string().max(64),
      tail: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    }),
    query: none,
    body: z.object({ key: jobKey, offset: z.int() }),
    reply: z.object({ size: z.int() }),
  },
  dropTail: {
    method: 'DELETE',
    path: '/api/events/{stream}/tails/{tail}',
    scope: 'node',
    kind: 'json',
    summary: 'Ends a log tail',
    params: z.object({ stream: z.string().max(64), tail: z.string().max(64) }),
    query: none,
    body: none,
    reply: z.object({ status: z.literal('ok') }),
  },
  putDispatch: {
    method: 'PUT',
    path: '/api/dispatch/{key}',
    scope: 'node',
    kind: 'json',
    summary: 'Master to slave: run this job now, or say why not',
    params: keyParam,
    query: none,
    body: dispatchRequest,
    reply: dispatchReply,
  },
  getDispatch: {
    method: 'GET',
    path: '/api/dispatch/{key}',
    scope: 'node',
    kind: 'json',
    summary: 'What became of a dispatch',
    params: keyParam,
    query: none,
    body: none,
    reply: z.object({ known: z.boolean(), revoked: z.boolean(), job: job.nullable() }),
  },
  deleteDispatch: {
    method: 'DELETE',
    path: '/api/dispatch/{key}',
    scope: 'node',
    kind: 'json',
    summary: 'Revokes a dispatch: a late request with this key and attempt will not start it',
    params: keyParam,
    query: z.object({ attempt: z.coerce.number().int().min(1) }),
    body: none,
    reply: z.object({ revoked: z.boolean(), job: job.nullable() }),
  },
  getOwner: {
    method: 'GET',
    path: '/api/owner',
    scope: 'node',
    kind: 'json',
    summary: 'The master this slave belongs to',
    params: none,
    query: none,
    body: none,
    reply: z.object({
      owner: z.object({ instance: z.string(), node_name: z.string() }).nullable(),
    }),
  },
  putOwner: {
    method: 'PUT',
    path: '/api/owner',
    scope: 'node',
    kind: 'json',
    summary: 'A master takes the slave; 409 when it has another one',
    params: none,
    query: none,
    body: z.object({
      instance: z.string(),
      node_name: z.string(),
      takeover: z.boolean().default(false),
    }),
    reply: z.object({ owner: z.object({ instance: z.string(), node_name: z.string() }) }),
  },
  deleteOwner: {
    method: 'DELETE',
    path: '/api/owner',
    scope: 'node',
    kind: 'json',
    summary: 'A master that removes the slave lets it go; what another master says changes nothing',
    params: none,
    query: z.object({ instance: z.string() }),
    body: none,
    reply: z.object({ owner: z.object({ instance: z.string(), node_name: z.string() }).nullable() }),
  },
  createSession: {
    method: 'POST',
    path: '/api/session',
    scope: 'node',
    kind: 'json',
    open: true,
    summary: 'Signs in; sets the cookie',
    params: none,
    query: none,
    body: z.object({
      username: z.string().max(1_000),
      password: z.string().max(1_000),
      /** Where a form without script is sent back to: path and query below the prefix. */
      next: z.string().max(4_000).optional(),
    }),
    reply: z.object({ username: z.string() }),
  },
  getSession: {
    method: 'GET',
    path: '/api/session',
    scope: 'node',
    kind: 'json',
    summary: 'Who is signed in, and whether a password is needed at all',
    params: none,
    query: none,
    body: none,
    reply: z.object({ username: z.string().nullable(), authentication: z.boolean() }),
  },
  deleteSession: {
    method: 'DELETE',
    path: '/api/session',
    scope: 'node',
    kind: 'json',
    summary: 'Signs out',
    params: none,
    query: none,
    body: none,
    reply: z.object({ status: z.literal('ok') }),
  },
  openapi: {
    method: 'GET',
    path: '/api/openapi.json',
    scope: 'node',
    kind: 'json',
    summary: 'This table as OpenAPI 3.1',
    params: none,
    query: none,
    body: none,
    reply: z.record(z.string(), z.unknown()),
  },
  getCluster: {
    method: 'GET',
    path: '/api/cluster',
    scope: 'cluster',
    kind: 'json',
    summary: 'Cluster, nodes and totals',
    params: none,
    query: none,
    body: none,
    reply: z.object({
      cluster_name: z.string(),
      node_name: z.string(),
      version: z.string(),
      feed: z.string(),
      head: z.int(),
      nodes: z.array(node),
      pending: z.int(),
      running: z.int(),
      finished: z.int(),
    }),
  },
  listNodes: {
    method: 'GET',
    path: '/api/nodes',
    scope: 'cluster',
    kind: 'json',
    summary: 'Nodes as the master sees them',
    params: none,
    query: none,
    body: none,
    reply: z.object({ nodes: z.array(node) }),
  },
  addNode: {
    method: 'POST',
    path: '/api/nodes',
    scope: 'cluster',
    kind: 'json',
    summary: 'Adds a node; tells precisely why it cannot be one',
    params: none,
    query: none,
    body: z.object({
      /** `host:port` or `http(s)://user:password@host:port`. */
      host: z.string().min(1).max(500),
      username: z.string().nullable().default(null),
      password: z.string().nullable().default(null),
      max_proc: z.int().min(1).nullable().default(null),
      takeover: z.boolean().default(false),
    }),
    reply: node,
  },
  getClusterNode: {
    method: 'GET',
    path: '/api/nodes/{id}',
    scope: 'cluster',
    kind: 'json',
    summary: 'One node with latency and history',
    params: nodeParam,
    query: none,
    body: none,
    reply: nodeDetail,
  },
  patchNode: {
    method: 'PATCH',
    path: '/api/nodes/{id}',
    scope: 'cluster',
    kind: 'json',
    summary: 'Pauses, resumes, takes over, changes credentials',
    params: nodeParam,
    query: none,
    body: z.object({
      paused: z.boolean().optional(),
      note: z.string().max(500).nullable().optional(),
      takeover: z.literal(true).optional(),
      username: z.string().nullable().optional(),
      password: z.string().nullable().optional(),
      max_proc: z.int().min(1).nullable().optional(),
    }),
    reply: node,
  },
  deleteNode: {
    method: 'DELETE',
    path: '/api/nodes/{id}',
    scope: 'cluster',
    kind: 'json',
    summary: 'Removes a node; its running jobs become lost here, its daemon runs on',
    params: nodeParam,
    query: none,
    body: none,
    reply: z.object({ status: z.literal('ok') }),
  },
  listForwards: {
    method: 'GET',
    path: '/api/forwards',
    scope: 'cluster',
    kind: 'json',
    summary: 'Live forwards',
    params: none,
    query: none,
    body: none,
    reply: z.object({ forwards: z.array(forward) }),
  },
  deleteForward: {
    method: 'DELETE',
    path: '/api/forwards/{id}',
    scope: 'cluster',
    kind: 'json',
    summary: 'Drops a forward',
    params: z.object({ id: z.string() }),
    query: none,
    body: none,
    reply: z.object({ status: z.literal('ok') }),
  },
  getProjectCode: {
    method: 'GET',
    path: '/api/projects/{project}/code',
    scope: 'node',
    kind: 'json',
    summary: 'Commit, branch, drift of a project here, read anew',
    params: projectParam,
    query: none,
    body: none,
    reply: projectCode,
  },
} as const satisfies Record<string, Endpoint>

export type EndpointName = keyof typeof ENDPOINTS
type Part<N extends EndpointName, P extends 'params' | 'query' | 'body' | 'reply'> = (typeof ENDPOINTS)[N][P]

/** What a handler gets (validated, defaults filled in). */
export interface EndpointInput<N extends EndpointName> {
  readonly params: z.output<Part<N, 'params'>>
  readonly query: z.output<Part<N, 'query'>>
  readonly body: z.output<Part<N, 'body'>>
}

/** What a client passes (defaults may be left out). */
export interface EndpointCall<N extends EndpointName> {
  readonly params?: z.input<Part<N, 'params'>>
  readonly query?: z.input<Part<N, 'query'>>
  readonly body?: z.input<Part<N, 'body'>>
}

export type EndpointReply<N extends EndpointName> = z.output<Part<N, 'reply'>>
