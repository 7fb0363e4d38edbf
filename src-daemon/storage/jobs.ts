import type { Database, Statement } from 'better-sqlite3'
import type { JobOutcome, JobState } from '../api/contract/values.ts'
import { JOB_JSON } from './job-sql.ts'
import { Statements } from './statements.ts'

/** The id of this daemon's own node in `jobs.node_id`. */
export const LOCAL_NODE = 'local'

/** A row of the ledger, as the database holds it (times in milliseconds since 1970, UTC). */
export interface JobRow {
  readonly n: number
  readonly key: string
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly state: JobState
  readonly outcome: JobOutcome | null
  readonly reason: string | null
  readonly node_id: string | null
  readonly node: string | null
  readonly pinned_node: string | null
  readonly priority: number
  /** JSON object of strings. */
  readonly args: string
  /** JSON object of strings. */
  readonly settings: string
  readonly version: string | null
  readonly requested_version: string | null
  readonly created_at: number
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly pid: number | null
  readonly exit_code: number | null
  readonly signal: string | null
  readonly finish_reason: string | null
  readonly scheduled_by: string | null
  readonly cancelled_by: string | null
  readonly cancel_requested_at: number | null
  readonly cancel_signal: string | null
  readonly cancel_delivered: number
  readonly attempt: number
  readonly token: string | null
  readonly owner: string | null
  readonly owner_attempt: number | null
  readonly assigned_at: number | null
  readonly runner: 'cold' | 'warm' | 'custom' | null
  readonly runner_note: string | null
  readonly pages: number | null
  readonly items: number | null
  readonly errors: number | null
  readonly cpu_seconds: number | null
  readonly max_rss_bytes: number | null
  readonly output_tail: string | null
  readonly end_seq: number | null
}

/** What a change of a job may set. */
export type JobPatch = Partial<Omit<JobRow, 'n' | 'key'>>

/** What a new row must have; the rest is NULL or its default. */
export type NewJobRow = Pick<
  JobRow,
  'key' | 'id' | 'project' | 'spider' | 'state' | 'priority' | 'args' | 'settings' | 'created_at'
> &
  JobPatch

/** What is still to be placed: the oldest pending job of each (priority, project, spider, pin, version asked for). */
export interface PendingGroup {
  readonly n: number
  readonly key: string
  readonly priority: number
  readonly project: string
  readonly spider: string
  readonly pinned_node: string | null
  readonly requested_version: string | null
}

interface GroupPlace {
  readonly rank: number
  readonly project: string
  readonly spider: string
  readonly pin: string
  readonly wanted: string
}

/** Where the log or the items of a job can be read, as a path of this daemon's site; null when the file is gone. */
export type FileUrl = (
  kind: 'log' | 'items',
  project: string,
  spider: string,
  id: string,
  nodeId: string | null,
) => string | null

const GROUP = 'n, key, priority, project, spider, pinned_node, requested_version, rank, pin, wanted'

/** The `jobs` table: single rows and changes. Every method is synchronous; changes belong inside `Writer.write`. */
export class JobStore {
  readonly #sql: Statements
  readonly #byKey: Statement
  readonly #event: Statement
  readonly #unfinishedById: Statement
  readonly #newestById: Statement
  readonly #nextProject: Statement
  readonly #nextGroup: Statement
  readonly #counts: Statement

  constructor(db: Database) {
    this.#sql = new Statements(db)
    this.#byKey = db.prepare('SELECT * FROM jobs WHERE key = ?')
    this.#event = db.prepare(
      `INSERT INTO events (at, type, body) SELECT ?, 'job', json_object('job', json(${JOB_JSON})) FROM jobs WHERE key = ?`,
    )
    this.#unfinishedById = db.prepare(
      `SELECT * FROM jobs WHERE id = ? AND project = ? AND state <> 'finished' ORDER BY n`,
    )
    this.#newestById = db.prepare(
      `SELECT * FROM jobs WHERE id = :id AND (:project IS NULL OR project = :project)
       ORDER BY (state <> 'finished') DESC, n DESC LIMIT 1`,
    )
    // Steps of loose index scans: the first row behind the given place.
    this.#nextProject = db.prepare(
      `SELECT ${GROUP} FROM jobs INDEXED BY jobs_queue
       WHERE state = 'pending' AND node_id IS NULL AND (rank, project) > (:rank, :project) ORDER BY rank, project, n LIMIT 1`,
    )
    this.#nextGroup = db.prepare(
      `SELECT ${GROUP} FROM jobs INDEXED BY jobs_groups
       WHERE state = 'pending' AND node_id IS NULL AND (rank, project, spider, pin, wanted) > (:rank, :project, :spider, :pin, :wanted)
       ORDER BY rank, project, spider, pin, wanted, n LIMIT 1`,
    )
    this.#counts = db.prepare('SELECT state, count FROM job_counts')
  }

  insert(row: NewJobRow): void {
    const columns = Object.keys(row)
    const values = columns.map((column) => `:${column}`)
    this.#sql.of(`INSERT INTO jobs (${columns.join(', ')}) VALUES (${values.join(', ')})`).run(row)
  }

  update(key: string, patch: JobPatch): void {
    const set = Object.keys(patch).map((column) => `${column} = :${column}`)
    this.#sql.of(`UPDATE jobs SET ${set.join(', ')} WHERE key = :key`).run({ ...patch, key })
  }

  /** Appends the numbered event that carries the row as it is now. */
  appendEvent(key: string, at: number): void {
    this.#event.run(at, key)
  }

  get(key: string): JobRow | null {
    return (this.#byKey.get(key) as JobRow | undefined) ?? null
  }

  /** All jobs of that public id that have not ended (one, unless another node scheduled the same id). */
  unfinished(project: string, id: string): readonly JobRow[] {
    return this.#unfinishedById.all(id, project) as JobRow[]
  }

  /** The job that `status.json` speaks of: one that has not ended, else the newest run. */
  newest(id: string, project: string | null): JobRow | null {
    return (this.#newestById.get({ id, project }) as JobRow | undefined) ?? null
  }

  /** The runs of a spider under one id, those that have not ended and then the newest first. */
  runsOf(project: string, spider: string, id: string): readonly JobRow[] {
    return this.#sql
      .of(
        `SELECT * FROM jobs WHERE id = ? AND project = ? AND spider = ? ORDER BY (state <> 'finished') DESC, n DESC LIMIT 100`,
      )
      .all(id, project, spider) as JobRow[]
  }

  /** Jobs of a node that have not ended, oldest first. */
  unfinishedOf(nodeId: string): readonly JobRow[] {
    return this.#sql
      .of(
        `SELECT * FROM jobs INDEXED BY jobs_held
         WHERE state <> 'finished' AND state IN ('assigned', 'starting', 'running') AND node_id = ? ORDER BY n`,
      )
      .all(nodeId) as JobRow[]
  }

  /** The runs under one id on a node, newest first. */
  runsOnNode(nodeId: string, id: string): readonly JobRow[] {
    return this.#sql
      .of('SELECT * FROM jobs WHERE id = ? AND node_id = ? ORDER BY n DESC LIMIT 100')
      .all(id, nodeId) as JobRow[]
  }

  /** Jobs that were given to a node whose answer is not known. */
  assigned(): readonly JobRow[] {
    return this.#sql
      .of(`SELECT * FROM jobs WHERE state <> 'finished' AND state = 'assigned' ORDER BY n`)
      .all() as JobRow[]
  }

  /** Jobs of a node that have not ended, those that wait there included. */
  unfinishedOn(nodeId: string): readonly JobRow[] {
    return this.#sql
      .of(`SELECT * FROM jobs INDEXED BY jobs_held WHERE state <> 'finished' AND node_id = ? ORDER BY n`)
      .all(nodeId) as JobRow[]
  }

  /** Keys of jobs of a node whose cancel it was not told yet. */
  undeliveredCancels(nodeId: string): readonly string[] {
    return this.#sql
      .of(
        `SELECT key FROM jobs INDEXED BY jobs_held WHERE state <> 'finished' AND node_id = ?
         AND cancel_requested_at IS NOT NULL AND cancel_delivered = 0 ORDER BY n`,
      )
      .pluck()
      .all(nodeId) as string[]
  }

  /** Jobs of a node that were given up since then (ms), newest first. */
  lostOf(nodeId: string, since: number): readonly JobRow[] {
    return this.#sql
      .of(
        `SELECT * FROM jobs WHERE state = 'finished' AND outcome = 'lost' AND ended_at >= ? AND node_id = ?
         ORDER BY ended_at DESC, n DESC LIMIT 200`,
      )
      .all(since, nodeId) as JobRow[]
  }

  /** The oldest pending job of each (priority, project), best priority first; microseconds each, however many wait. */
  pendingProjects(): Generator<PendingGroup> {
    return this.#walk(this.#nextProject)
  }

  /** The oldest pending job of each (priority, project, spider, pin, version asked for), best priority first. */
  pendingGroups(): Generator<PendingGroup> {
    return this.#walk(this.#nextGroup)
  }

  *#walk(step: Statement): Generator<PendingGroup> {
    let at: GroupPlace = { rank: -Number.MAX_VALUE, project: '', spider: '', pin: '', wanted: '' }
    for (;;) {
      const row = step.get(at) as (PendingGroup & GroupPlace) | undefined
      if (row === undefined) return
      yield row
      at = { rank: row.rank, project: row.project, spider: row.spider, pin: row.pin, wanted: row.wanted }
    }
  }

  /** Waiting and running jobs by project. */
  projectLoads(): ReadonlyMap<string, { readonly pending: number; readonly running: number }> {
    const rows = this.#sql
      .of(
        `SELECT project, sum(state <> 'running') AS pending, sum(state = 'running') AS running
         FROM jobs WHERE state <> 'finished' GROUP BY project`,
      )
      .all() as { project: string; pending: number; running: number }[]
    return new Map(rows.map(({ project, pending, running }) => [project, { pending, running }]))
  }

  /** How many slots of the whole cluster each project uses, those that are being filled included. */
  slotsByProject(): ReadonlyMap<string, number> {
    const rows = this.#sql
      .of(
        `SELECT project, count(*) AS count FROM jobs INDEXED BY jobs_held
         WHERE state <> 'finished' AND state IN ('assigned', 'starting', 'running') AND node_id IS NOT NULL GROUP BY project`,
      )
      .all() as { project: string; count: number }[]
    return new Map(rows.map(({ project, count }) => [project, count]))
  }

  /** The job that waits for the longest time. */
  oldestPending(): JobRow | null {
    const row = this.#sql
      .of(`SELECT * FROM jobs WHERE state <> 'finished' AND state = 'pending' ORDER BY created_at LIMIT 1`)
      .get()
    return (row as JobRow | undefined) ?? null
  }

  /** How many jobs are in each state. */
  counts(): Readonly<Record<JobState, number>> {
    const rows = this.#counts.all() as { state: JobState; count: number }[]
    return Object.fromEntries(rows.map((row) => [row.state, row.count])) as Record<JobState, number>
  }
}
