import type { Database } from 'better-sqlite3'

/** A finished job that retention takes out of the ledger. */
export interface ExpiredJob {
  readonly n: number
  readonly key: string
}

/** What is stored for too long. Every call touches a bounded number of rows. */
export class RetentionStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Newest time in the ledger (ms): a clock that runs behind it must not delete anything by date. */
  newest(): number {
    return (this.#db.prepare('SELECT coalesce(max(created_at), 0) AS at FROM jobs').get() as { at: number }).at
  }

  /** Oldest finished jobs beyond `keep`, at most `limit`. */
  overCount(keep: number, limit: number): readonly ExpiredJob[] {
    const edge = this.#db
      .prepare(`SELECT ended_at, n FROM jobs WHERE state = 'finished' ORDER BY ended_at DESC, n DESC LIMIT 1 OFFSET ?`)
      .get(keep) as { ended_at: number; n: number } | undefined
    if (edge === undefined) return []
    return this.#db
      .prepare(
        `SELECT n, key FROM jobs WHERE state = 'finished' AND (ended_at, n) <= (?, ?) ORDER BY ended_at, n LIMIT ?`,
      )
      .all(edge.ended_at, edge.n, limit) as ExpiredJob[]
  }

  /** Finished jobs that ended before `time` (ms), oldest first, at most `limit`. */
  before(time: number, limit: number): readonly ExpiredJob[] {
    return this.#db
      .prepare(`SELECT n, key FROM jobs WHERE state = 'finished' AND ended_at < ? ORDER BY ended_at, n LIMIT ?`)
      .all(time, limit) as ExpiredJob[]
  }

  /** Inside `Writer.write`. */
  remove(key: string): void {
    this.#db.prepare(`DELETE FROM jobs WHERE key = ? AND state = 'finished'`).run(key)
    this.#db.prepare('DELETE FROM job_stats WHERE key = ?').run(key)
  }
}
