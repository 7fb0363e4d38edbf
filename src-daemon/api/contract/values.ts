import { z } from 'zod'

/**
 * The values that travel between daemons, desktop and console. Each schema is defined once here; every type in the
 * system is inferred from it. JSON names are snake_case as in Scrapyd; times are ISO 8601 UTC with milliseconds.
 */

export const isoTime = z.iso.datetime({ offset: true })

/** Names of projects and spiders become folder names: one safe path component. */
export function isSafeName(name: string): boolean {
  return (
    name.length > 0 &&
    new TextEncoder().encode(name).length <= 200 &&
    name !== '.' &&
    name !== '..' &&
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
    !/[/\\\u0000-\u001f\u007f]/.test(name)
  )
}

/** Job ids become file names: 1 to 200 of `A-Z a-z 0-9 . _ -`, not beginning with a dot. Source: HTTP_API.md. */
export const JOB_ID_PATTERN = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/

export const projectName = z.string().refine(isSafeName, 'is not usable as a folder name')
export const spiderName = z.string().min(1).max(200)
export const jobId = z
  .string()
  .regex(JOB_ID_PATTERN, 'must be 1 to 200 characters out of A-Z a-z 0-9 . _ -, not beginning with a dot')
export const jobKey = z.string().regex(/^[0-9a-z]{20,40}$/)

export const JOB_STATES = ['pending', 'assigned', 'starting', 'running', 'finished'] as const
export const jobState = z.enum(JOB_STATES)
export type JobState = z.infer<typeof jobState>

export const OUTCOMES = ['finished', 'failed', 'cancelled', 'lost'] as const
export const jobOutcome = z.enum(OUTCOMES)
export type JobOutcome = z.infer<typeof jobOutcome>

const stringMap = z.record(z.string(), z.string())

/** One job (one run, where an id was used again) as every list and event shows it. */
export const job = z.object({
  /** Internal, unique over the whole cluster and for ever; the same on master and slave. Sorts by age. */
  key: jobKey,
  /** The public id, Scrapyd's `jobid`. */
  id: z.string(),
  project: z.string(),
  spider: z.string(),
  state: jobState,
  /** null until the job is finished. */
  outcome: jobOutcome.nullable(),
  /** Why it is pending, why it ended as it did; words for an operator. */
  reason: z.string().nullable(),
  /** Name of the node that holds or ran the job; null while it waits in the master's queue. */
  node: z.string().nullable(),
  /** Name of the node it is pinned to (`node=` of schedule). */
  pinned_node: z.string().nullable(),
  /** The node that holds the unfinished job cannot be reached: the rest is its last known state. */
  node_offline: z.boolean(),
  priority: z.number(),
  args: stringMap,
  settings: stringMap,
  /** The commit (or null outside git) that was current when the job started; the requested one before. */
  version: z.string().nullable(),
  created_at: isoTime,
  started_at: isoTime.nullable(),
  ended_at: isoTime.nullable(),
  pid: z.int().nullable(),
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  finish_reason: z.string().nullable(),
  scheduled_by: z.string().nullable(),
  cancelled_by: z.string().nullable(),
  cancel_requested_at: isoTime.nullable(),
  attempt: z.int(),
  /** How the spider's process was made; null before it exists. */
  runner: z.enum(['cold', 'warm', 'custom']).nullable(),
  runner_note: z.string().nullable(),
  /** Scrapy's response_received_count, item_scraped_count, log_count/ERROR; live while the job runs. */
  pages: z.int().nullable(),
  items: z.int().nullable(),
  errors: z.int().nullable(),
  cpu_seconds: z.number().nullable(),
  max_rss_bytes: z.int().nullable(),
})
export type Job = z.infer<typeof job>

/** What a spider usually needs: medians over its last (at most 20) finished runs. */
export const usual = z.object({
  runs: z.int(),
  duration_seconds: z.number(),
  pages: z.number().nullable(),
  items: z.number().nullable(),
})
export type Usual = z.infer<typeof usual>

/** A point of a running job's short history; rates are per minute since the point before. */
export const ratePoint = z.object({
  at: isoTime,
  pages: z.number(),
  items: z.number(),
  errors: z.number(),
})
export type RatePoint = z.infer<typeof ratePoint>

export const jobDetail = job.extend({
  stats: z.record(z.string(), z.unknown()).nullable(),
  /** Last 30 minutes, at most one point per 10 s; empty when unknown. */
  rates: z.array(ratePoint),
  usual: usual.nullable(),
  /** Relative to the daemon's base; null when the file is gone or was never made. */
  log_url: z.string().nullable(),
  items_url: z.string().nullable(),
  /** The end of stdout/stderr, at most 2 000 characters; null when nothing was printed. */
  output_tail: z.string().nullable(),
})
export type JobDetail = z.infer<typeof jobDetail>

export const NODE_STATES = ['online', 'offline', 'unknown'] as const
export const nodeState = z.enum(NODE_STATES)

/** State of one project's code on one node. */
export const projectCode = z.object({
  project: z.string(),
  path: z.string(),
  /** Full hash; null outside git. */
  commit: z.string().nullable(),
  branch: z.string().nullable(),
  subject: z.string().nullable(),
  author: z.string().nullable(),
  committed_at: isoTime.nullable(),
  dirty: z.boolean().nullable(),
  /** Against the upstream branch as last fetched; null when there is none. */
  behind: z.int().nullable(),
  ahead: z.int().nullable(),
  /** Spiders that can be loaded; null while the list was never made. */
  spiders: z.int().nullable(),
  /** What is wrong with the project here (folder missing, settings broken), else null. */
  error: z.string().nullable(),
})
export type ProjectCode = z.infer<typeof projectCode>

/** `GET /api/node`: what a daemon says of itself. */
export const nodeSelf = z.object({
  node_name: z.string(),
  identity: z.enum(['master', 'slave']),
  cluster_name: z.string(),
  version: z.string(),
  /** Id of this life of the database: the event feed's name. */
  feed: z.string(),
  /** Id of the instance itself, stable over restarts. */
  instance: z.string(),
  started_at: isoTime,
  /** The daemon's clock. */
  now: isoTime,
  paused: z.boolean(),
  pause_note: z.string().nullable(),
  pending: z.int(),
  running: z.int(),
  finished: z.int(),
  max_proc: z.int(),
  /** null where the platform cannot say. */
  disk_free_bytes: z.int().nullable(),
  disk_total_bytes: z.int().nullable(),
  cpus: z.int(),
  load_average: z.array(z.number()),
  memory_free_bytes: z.int(),
  memory_total_bytes: z.int(),
  platform: z.string(),
  node_version: z.string(),
  python: z.string().nullable(),
  scrapy: z.string().nullable(),
  /** The master this slave belongs to. */
  owner: z.object({ instance: z.string(), node_name: z.string() }).nullable(),
  projects: z.array(projectCode),
})
export type NodeSelf = z.infer<typeof nodeSelf>

/** A node as the master sees it. The master's own node has `id: "local"`. */
export const node = z.object({
  id: z.string(),
  /** The name the node gives itself; the host until it was seen. */
  name: z.string(),
  url: z.string().nullable(),
  identity: z.enum(['master', 'slave', 'scrapyd']),
  state: nodeState,
  since: isoTime,
  last_seen: isoTime.nullable(),
  latency_ms: z.number().nullable(),
  version: z.string().nullable(),
  paused: z.boolean(),
  pause_note: z.string().nullable(),
  pending: z.int(),
  running: z.int(),
  /** Last known while offline; null when never known. */
  max_proc: z.int().nullable(),
  /** Reason of the last failure, also when the node is back. */
  last_error: z.string().nullable(),
  last_error_at: isoTime.nullable(),
  disk_free_bytes: z.int().nullable(),
  disk_total_bytes: z.int().nullable(),
  python: z.string().nullable(),
  scrapy: z.string().nullable(),
  projects: z.array(projectCode),
  /** Changes that wait for the node to come back (addproject, delproject, cancel). */
  waiting: z.array(z.string()),
})
export type Node = z.infer<typeof node>

export const nodeDetail = node.extend({
  /** One point per ping, last 15 minutes; null latency = no answer. */
  latency: z.array(z.object({ at: isoTime, ms: z.number().nullable() })),
  /** Ups and downs of the last 30 days, newest first. */
  history: z.array(z.object({ at: isoTime, state: nodeState, reason: z.string().nullable() })),
})
export type NodeDetail = z.infer<typeof nodeDetail>

/** A spider of a project with its last run. */
export const spider = z.object({
  name: z.string(),
  module: z.string().nullable(),
  /** Names of the nodes whose list has it. */
  nodes: z.array(z.string()),
  last_job: job.nullable(),
  /** Outcomes (or states) of its last 12 jobs, oldest first. */
  recent: z.array(z.object({ key: jobKey, state: jobState, outcome: jobOutcome.nullable() })),
  usual: usual.nullable(),
})
export type Spider = z.infer<typeof spider>

export const spiderError = z.object({
  node: z.string(),
  module: z.string(),
  traceback: z.string(),
})
export type SpiderError = z.infer<typeof spiderError>

export const spiderList = z.object({
  project: z.string(),
  spiders: z.array(spider),
  errors: z.array(spiderError),
  /** null while the first list is being made. */
  listed_at: isoTime.nullable(),
})
export type SpiderList = z.infer<typeof spiderList>

export const pullRow = z.object({
  node_name: z.string(),
  status: z.enum(['ok', 'error']),
  message: z.string(),
  branch: z.string().nullable(),
  before: z.string().nullable(),
  after: z.string().nullable(),
})
export type PullRow = z.infer<typeof pullRow>

/** One node's part of a pull, as it goes on. */
export const pullStep = pullRow.omit({ status: true }).extend({
  project: z.string(),
  state: z.enum(['waiting', 'running', 'ok', 'error']),
  /** What git printed, at most 20 000 characters. */
  output: z.string(),
  /** Files changed, insertions, deletions in words of `git diff --shortstat`; null when nothing changed. */
  changes: z.string().nullable(),
  stashed: z.string().nullable(),
})
export type PullStep = z.infer<typeof pullStep>

export const pull = z.object({
  id: z.string(),
  projects: z.array(z.string()),
  started_at: isoTime,
  ended_at: isoTime.nullable(),
  by: z.string().nullable(),
  steps: z.array(pullStep),
})
export type Pull = z.infer<typeof pull>

/** A project over all nodes (on a slave: over itself). */
export const project = z.object({
  name: z.string(),
  path: z.string().nullable(),
  source: z.enum(['config', 'scrapy.cfg', 'added']),
  spiders: z.int().nullable(),
  load_errors: z.int(),
  /** One entry a node that has or should have it. */
  nodes: z.array(projectCode.omit({ project: true }).extend({ node: z.string(), node_state: nodeState })),
  /** Whether the nodes are at different commits, or one has local changes. */
  drift: z.boolean(),
  last_pull: z.object({ at: isoTime, ok: z.boolean() }).nullable(),
  pending: z.int(),
  running: z.int(),
})
export type Project = z.infer<typeof project>

export const forward = z.object({
  id: z.string(),
  node: z.string(),
  url: z.string(),
  created_at: isoTime,
  last_used_at: isoTime,
  /** Transfers that are open now. */
  open: z.int(),
})
export type Forward = z.infer<typeof forward>

/** Something an operator should look at, most urgent first. Texts are made by the console from `kind` and `data`. */
export const attention = z.object({
  kind: z.enum([
    'node-offline',
    'spider-failing',
    'jobs-lost',
    'code-drift',
    'jobs-waiting',
    'disk-low',
    'node-problem',
    'project-broken',
  ]),
  since: isoTime.nullable(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string()), z.null()])),
})
export type Attention = z.infer<typeof attention>

/** `GET /api/overview`: one aggregate for the console's first page. */
export const overview = z.object({
  now: isoTime,
  nodes: z.object({ online: z.int(), offline: z.int(), unknown: z.int(), paused: z.int() }),
  jobs: z.object({ pending: z.int(), running: z.int() }),
  slots: z.object({ used: z.int(), total: z.int() }),
  /** Of the last 24 h. */
  day: z.object({
    finished: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    lost: z.int(),
    items: z.int(),
    pages: z.int(),
  }),
  /** 48 half hours, oldest first. */
  throughput: z.array(
    z.object({
      at: isoTime,
      finished: z.int(),
      failed: z.int(),
      cancelled: z.int(),
      lost: z.int(),
    }),
  ),
  attention: z.array(attention),
  last_failures: z.array(job),
  projects: z.int(),
  spiders: z.int().nullable(),
})
export type Overview = z.infer<typeof overview>

/** What is known of a log file without reading it again. Built while the file is indexed. */
export const logIndex = z.object({
  size: z.int(),
  /** Bytes indexed so far; counts are exact for these only. */
  indexed: z.int(),
  lines: z.int(),
  levels: z.object({
    CRITICAL: z.int(),
    ERROR: z.int(),
    WARNING: z.int(),
    INFO: z.int(),
    DEBUG: z.int(),
  }),
  first_error: z.object({ line: z.int(), offset: z.int() }).nullable(),
  /** Coarse map over the file in 200 equal byte ranges: errors and warnings in each. */
  map: z.array(z.object({ errors: z.int(), warnings: z.int() })),
  /** Byte offset of every `step`-th line, so that a viewer can jump to a line. */
  step: z.int(),
  offsets: z.array(z.int()),
})
export type LogIndex = z.infer<typeof logIndex>

export const logMatch = z.object({
  offset: z.int(),
  /** 0-based line number; null when the file is not indexed that far. */
  line: z.int().nullable(),
  level: z.string().nullable(),
  text: z.string(),
})
export type LogMatch = z.infer<typeof logMatch>
