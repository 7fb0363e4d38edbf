import type { Database, Statement } from 'better-sqlite3'

/** A finished job as retention looks at it (times in ms). */
export interface EndedJob {
  readonly n: number
  readonly key: string
  readonly attempt: number
  readonly ended_at: number
  readonly owner: string | null
  readonly end_seq: number | null
}

/** What is stored for too long. Every call touches a bounded number of rows. */
export class RetentionStore {
  readonly #db: Database
  readonly #newest: Statement
  readonly #oldest: Statement
  readonly #removeJob: Statement
  readonly #removeStats: Statement

  constructor(db: Database) {
    this.#db = db
    this.#newest = db
      .prepare(
        `SELECT max(coalesce((SELECT created_at FROM jobs ORDER BY n DESC LIMIT 1), 0),
                    coalesce((SELECT ended_at FROM jobs WHERE state = 'finished' ORDER BY ended_at DESC LIMIT 1), 0),
                    coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0))`,
      )
      .pluck()
    this.#oldest = db.prepare(
      `SELECT n, key, attempt, ended_at, owner, end_seq FROM jobs
       WHERE state = 'finished' AND (ended_at, n) > (:ended_at, :n) ORDER BY ended_at, n LIMIT :limit`,
    )
    this.#removeJob = db.prepare(`DELETE FROM jobs WHERE key = ? AND state = 'finished'`)
    this.#removeStats = db.prepare('DELETE FROM job_stats WHERE key = ?')
  }

  /** Newest time that is stored (ms); 0 when there is none. */
  newest(): number {
    return this.#newest.get() as number
  }

  /** Finished jobs in the order of their ends, behind `after`. */
  endedAfter(after: Pick<EndedJob, 'ended_at' | 'n'> | null, limit: number): readonly EndedJob[] {
    return this.#oldest.all({
      ended_at: after?.ended_at ?? -Number.MAX_SAFE_INTEGER,
      n: after?.n ?? 0,
      limit,
    }) as EndedJob[]
  }

  /** Spiders that have finished jobs. */
  spiders(): readonly { readonly project: string; readonly spider: string }[] {
    return this.#db.prepare(`SELECT DISTINCT project, spider FROM jobs WHERE state = 'finished'`).all() as {
      project: string
      spider: string
    }[]
  }

  /** Inside `Writer.write`. Returns whether it was there. */
  remove(key: string): boolean {
    this.#removeStats.run(key)
    return this.#removeJob.run(key).changes > 0
  }
}
