import type { JobOutcome, PullRow } from './values.ts'

/**
 * The one interface of the system: Scrapyd's web services as calls. LocalNode does the work on this machine, ScrapydClient
 * speaks HTTP to another one, Cluster composes both; the HTTP server serves any of them.
 * All calls throw classes of errors.ts; the web services turn them into Scrapyd's `status: error` answers.
 */
export interface ScrapydApi {
  schedule(input: ScheduleInput, by: Requester): Promise<ScheduleReply>
  cancel(input: CancelInput, by: Requester): Promise<CancelReply>
  status(input: { readonly job: string; readonly project: string | null }): Promise<StatusReply>
  /** Rows come as an iterator of JSON texts per state, so that 100 000 rows never stand in memory at once. */
  listJobs(input: { readonly project: string | null }): Promise<ListJobsReply>
  listProjects(): Promise<{ readonly projects: readonly string[] }>
  listSpiders(input: ProjectVersionInput): Promise<{ readonly spiders: readonly string[] }>
  listVersions(input: { readonly project: string }): Promise<{ readonly versions: readonly string[] }>
  addProject(input: { readonly project: string; readonly path: string | null }, by: Requester): Promise<AddProjectReply>
  deleteProject(input: { readonly project: string }, by: Requester): Promise<DetailsReply>
  pullCode(input: { readonly project: string | null }, by: Requester): Promise<PullReply>
  daemonStatus(): Promise<DaemonStatusReply>
  crawlLog(input: CrawlLogInput): Promise<{ readonly path: string }>
}

/** Who asks: shown as `scheduled_by` / `cancelled_by`. `name` is the user name, or null without authentication. */
export interface Requester {
  readonly name: string | null
  /** `webservice`, `api`, `console`, `master:<node name>`. */
  readonly via: string
  readonly address: string | null
  /** `Idempotency-Key` header. */
  readonly idempotencyKey: string | null
}

export interface ProjectVersionInput {
  readonly project: string
  readonly version: string | null
}

export interface ScheduleInput {
  readonly project: string
  readonly spider: string
  readonly version: string | null
  readonly jobid: string | null
  readonly priority: number
  readonly settings: Readonly<Record<string, string>>
  readonly args: Readonly<Record<string, string>>
  /** Master only: pin to the node of this name. */
  readonly node: string | null
}

export interface ScheduleReply {
  readonly jobid: string
  readonly key: string
  /** Name of the node that holds the job as the answer is sent. */
  readonly node_name: string
  readonly duplicate?: true
}

export interface CancelInput {
  readonly project: string
  readonly job: string
  /** `SIGINT`-like name or number as Scrapyd takes it; null = SIGINT. */
  readonly signal: NodeJS.Signals | null
  /** Master only: node name or host, a hint. */
  readonly host: string | null
}

export interface CancelReply {
  readonly prevstate: 'pending' | 'running' | null
}

export interface StatusReply {
  readonly currstate: 'pending' | 'running' | 'finished' | null
}

/** Each member yields chunks of JSON text: complete row objects joined by `, ` (never a trailing comma). */
export interface ListJobsReply {
  readonly pending: AsyncIterable<string>
  readonly running: AsyncIterable<string>
  readonly finished: AsyncIterable<string>
}

/** Per-node part of an answer that concerns all nodes. */
export interface NodeDetailRow {
  readonly node_name: string
  readonly status: 'ok' | 'error'
  readonly message: string
}

export interface AddProjectReply {
  readonly project: string
  readonly spiders: number
  /** Master only. */
  readonly message_details?: readonly NodeDetailRow[]
}

export interface DetailsReply {
  readonly message_details?: readonly NodeDetailRow[]
}

export interface PullReply {
  readonly message_details: readonly PullRow[]
}

export interface DaemonStatusReply {
  readonly pending: number
  readonly running: number
  readonly finished: number
  /** Master only. */
  readonly nodes?: readonly DaemonStatusNode[]
}

export interface DaemonStatusNode {
  readonly node_name: string
  readonly host: string
  readonly identity: 'master' | 'slave' | 'scrapyd'
  readonly state: 'online' | 'offline' | 'unknown'
  readonly pending: number
  readonly running: number
  readonly max_proc: number | null
  readonly paused: boolean
}

export interface CrawlLogInput {
  readonly cluster_node: string | null
  readonly project: string
  readonly spider: string
  readonly jobid: string
}

/** A row of `listjobs.json` as the tests and clients see it (times in the daemon's local time, Scrapyd's form). */
export interface ListedJob {
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly pid?: number | null
  readonly start_time?: string | null
  readonly end_time?: string | null
  readonly log_url?: string | null
  readonly items_url?: string | null
  readonly args: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
  readonly version: string | null
  readonly priority: number
  readonly cluster_node: string | null
  readonly exit_code?: number | null
  readonly signal?: string | null
  readonly outcome?: JobOutcome
  readonly reason?: string | null
}
