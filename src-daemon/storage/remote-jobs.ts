import type { Database, Statement } from 'better-sqlite3'
import { LOCAL_NODE, type JobRow } from './jobs.ts'

/** How many names of one folder are told: the newest. */
const MOST_NAMES = 1_000

/** A job's file, as far as the ledger knows it. */
export interface RemoteFile {
  readonly id: string
  readonly at: number
}

/** What the master's ledger knows of jobs on other nodes, by the places of their files. */
export class RemoteJobs {
  readonly #db: Database
  readonly #newest: Statement
  readonly #keys: Statement

  constructor(db: Database) {
    this.#db = db
    this.#newest = db.prepare('SELECT * FROM jobs WHERE id = ? AND project = ? AND spider = ? ORDER BY n DESC LIMIT 1')
    this.#keys = db.prepare(
      `SELECT seq, json_extract(body, '$.job.key') AS key FROM events WHERE seq > ? AND type = 'job' ORDER BY seq LIMIT 1000`,
    )
  }

  /** The newest run of a spider under an id. */
  newest(project: string, spider: string, id: string): JobRow | null {
    return (this.#newest.get(id, project, spider) as JobRow | undefined) ?? null
  }

  projects(): readonly string[] {
    return this.#names(`SELECT DISTINCT project AS name FROM jobs WHERE ${REMOTE} LIMIT ${MOST_NAMES}`)
  }

  spiders(project: string): readonly string[] {
    return this.#names(
      `SELECT DISTINCT spider AS name FROM jobs WHERE ${REMOTE} AND project = ? LIMIT ${MOST_NAMES}`,
      project,
    )
  }

  /** Ids of the newest runs of a spider; `withItems`: only those that have stored some. */
  files(project: string, spider: string, withItems: boolean): readonly RemoteFile[] {
    return this.#db
      .prepare(
        `SELECT id, max(coalesce(ended_at, started_at)) AS at FROM jobs
         WHERE ${REMOTE} AND project = ? AND spider = ? ${withItems ? 'AND items > 0' : ''}
         GROUP BY id ORDER BY at DESC LIMIT ${MOST_NAMES}`,
      )
      .all(project, spider) as RemoteFile[]
  }

  hasItems(): boolean {
    return this.#db.prepare(`SELECT 1 FROM jobs WHERE ${REMOTE} AND items > 0 LIMIT 1`).get() !== undefined
  }

  /** Keys of the jobs that changed after an event, with the last event's number. */
  changedAfter(seq: number): { readonly seq: number; readonly keys: readonly string[] } {
    const rows = this.#keys.all(seq) as { seq: number; key: string }[]
    return { seq: rows.at(-1)?.seq ?? seq, keys: rows.map((row) => row.key) }
  }

  #names(sql: string, ...values: readonly string[]): readonly string[] {
    return (this.#db.prepare(sql).all(...values) as { name: string }[]).map((row) => row.name)
  }
}

const REMOTE = `node_id IS NOT NULL AND node_id <> '${LOCAL_NODE}' AND started_at IS NOT NULL`
