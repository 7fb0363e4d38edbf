import type { Database } from 'better-sqlite3'
import { Statements } from './statements.ts'

/** A node as the master keeps it (times in milliseconds). */
export interface NodeRow {
  readonly id: string
  readonly url: string
  /** The name the node gives itself; the host until it was seen. */
  readonly name: string
  readonly source: 'config' | 'added'
  readonly removed: number
  readonly kind: 'unknown' | 'slave' | 'scrapyd'
  readonly username: string | null
  readonly password: string | null
  /** Configured capacity of a stock Scrapyd; of a slave what it last said. */
  readonly max_proc: number | null
  readonly state: 'online' | 'offline' | 'unknown'
  readonly since: number
  readonly last_seen: number | null
  readonly last_error: string | null
  readonly last_error_at: number | null
  readonly paused: number
  readonly pause_note: string | null
  /** Where the follower stands in the node's event feed. */
  readonly feed: string | null
  readonly cursor: number
  /** Time of the event at the cursor, so that a restored database is noticed. */
  readonly cursor_at: number
  readonly instance: string | null
  /** JSON: what the node last said of itself (projects, versions, disk), shown while it is offline. */
  readonly known: string
  /** Fingerprint of the credentials that the configuration gave it when it was last read; null: none. */
  readonly configured_login: string | null
  /** The capacity that the configuration gave it when it was last read; null: none. */
  readonly configured_max_proc: number | null
}

export type NodePatch = Partial<Omit<NodeRow, 'id'>>

/** A change of a node's state. */
export interface NodeHistoryRow {
  readonly at: number
  readonly state: 'online' | 'offline' | 'unknown'
  readonly reason: string | null
}

/** What a node must still be told. */
export interface NodeTask {
  readonly n: number
  readonly kind: 'addproject' | 'delproject' | 'pause' | 'resume'
  /** JSON of the request's body. */
  readonly body: string
  readonly at: number
}

/** The tables of nodes, their ups and downs, and what waits for them. Changes belong inside `Writer.write`. */
export class NodeStore {
  readonly #db: Database
  readonly #sql: Statements
  /** By node; asked for with every ping and almost always empty. null: read it again. */
  #tasks: ReadonlyMap<string, readonly NodeTask[]> | null = null

  constructor(db: Database) {
    this.#db = db
    this.#sql = new Statements(db)
  }

  /** All rows, also those of removed configured nodes. */
  all(): readonly NodeRow[] {
    return this.#sql.of('SELECT * FROM nodes ORDER BY name, id').all() as NodeRow[]
  }

  get(id: string): NodeRow | null {
    return (this.#sql.of('SELECT * FROM nodes WHERE id = ?').get(id) as NodeRow | undefined) ?? null
  }

  insert(row: Pick<NodeRow, 'id' | 'url' | 'name' | 'source' | 'since'> & NodePatch): void {
    const columns = Object.keys(row)
    this.#sql
      .of(`INSERT INTO nodes (${columns.join(', ')}) VALUES (${columns.map((c) => `:${c}`).join(', ')})`)
      .run(row)
  }

  update(id: string, patch: NodePatch): void {
    const set = Object.keys(patch).map((column) => `${column} = :${column}`)
    this.#sql.of(`UPDATE nodes SET ${set.join(', ')} WHERE id = :id`).run({ ...patch, id })
  }

  delete(id: string): void {
    this.#sql.of('DELETE FROM nodes WHERE id = ?').run(id)
    this.clear(id)
  }

  /** Forgets what belongs to the node beside its row. */
  clear(id: string): void {
    this.#tasks = null
    this.#sql.of('DELETE FROM node_tasks WHERE node_id = ?').run(id)
    this.#sql.of('DELETE FROM node_history WHERE node_id = ?').run(id)
  }

  addHistory(id: string, row: NodeHistoryRow): void {
    this.#sql
      .of('INSERT INTO node_history (node_id, at, state, reason) VALUES (?, ?, ?, ?)')
      .run(id, row.at, row.state, row.reason)
    this.#sql.of('DELETE FROM node_history WHERE node_id = ? AND at < ?').run(id, row.at - HISTORY_MS)
    // A node that flaps must not fill the disk.
    this.#sql
      .of(
        `DELETE FROM node_history WHERE node_id = :id AND n <= coalesce(
           (SELECT n FROM node_history WHERE node_id = :id ORDER BY n DESC LIMIT 1 OFFSET 2000), 0)`,
      )
      .run({ id })
  }

  /** Ups and downs, newest first. */
  history(id: string): readonly NodeHistoryRow[] {
    return this.#sql
      .of('SELECT at, state, reason FROM node_history WHERE node_id = ? ORDER BY n DESC LIMIT 2000')
      .all(id) as NodeHistoryRow[]
  }

  addTask(id: string, kind: NodeTask['kind'], body: string, at: number): void {
    this.#tasks = null
    this.#sql.of('INSERT INTO node_tasks (node_id, kind, body, at) VALUES (?, ?, ?, ?)').run(id, kind, body, at)
  }

  /** What waits for the node, oldest first. */
  tasks(id: string): readonly NodeTask[] {
    // Inside of a transaction nothing is remembered: it may be undone.
    if (this.#db.inTransaction) return this.#allTasks().get(id) ?? []
    this.#tasks ??= this.#allTasks()
    return this.#tasks.get(id) ?? []
  }

  #allTasks(): ReadonlyMap<string, readonly NodeTask[]> {
    const rows = this.#sql.of('SELECT node_id, n, kind, body, at FROM node_tasks ORDER BY n').all() as (NodeTask & {
      node_id: string
    })[]
    return Map.groupBy(rows, (row) => row.node_id)
  }

  deleteTask(n: number): void {
    this.#tasks = null
    this.#sql.of('DELETE FROM node_tasks WHERE n = ?').run(n)
  }

  /** Unfinished jobs by node and state (not the master's own queue). */
  loads(): readonly { readonly node_id: string; readonly state: string; readonly count: number }[] {
    return this.#sql
      .of(
        `SELECT node_id, state, count(*) AS count FROM jobs INDEXED BY jobs_held
         WHERE state <> 'finished' AND node_id IS NOT NULL GROUP BY node_id, state`,
      )
      .all() as { node_id: string; state: string; count: number }[]
  }
}

const HISTORY_MS = 30 * 24 * 60 * 60 * 1000
