import type { Database, Statement } from 'better-sqlite3'
import type { JobOutcome, JobState, Usual } from '../api/contract/values.ts'

const HALF_HOUR = 1_800_000
/** Failures in a row are counted up to here. */
const MOST_FAILURES = 100

/** Final Scrapy stats of jobs, and the aggregates that the console asks for. */
export class StatsStore {
  readonly #db: Database
  readonly #put: Statement
  readonly #get: Statement
  readonly #usual: Statement
  readonly #recent: Statement
  readonly #last: Statement
  readonly #throughput: Statement
  readonly #totals: Statement

  constructor(db: Database) {
    this.#db = db
    this.#put = db.prepare('INSERT OR REPLACE INTO job_stats (key, stats) VALUES (?, ?)')
    this.#get = db.prepare('SELECT stats FROM job_stats WHERE key = ?')
    this.#usual = db.prepare(
      `SELECT (ended_at - started_at) / 1000.0 AS duration, pages, items FROM jobs
       WHERE state = 'finished' AND project = ? AND spider = ? AND outcome = 'finished' AND started_at IS NOT NULL
       ORDER BY ended_at DESC, n DESC LIMIT 20`,
    )
    this.#recent = db.prepare(
      `SELECT key, state, outcome FROM (
         SELECT key, state, outcome, n FROM jobs WHERE project = :project AND spider = :spider AND state <> 'finished'
         UNION ALL
         SELECT * FROM (SELECT key, state, outcome, n FROM jobs WHERE state = 'finished' AND project = :project AND spider = :spider
                        ORDER BY ended_at DESC, n DESC LIMIT :limit)
       ) ORDER BY n DESC LIMIT :limit`,
    )
    this.#last = db.prepare(
      `SELECT key FROM jobs WHERE state = 'finished' AND project = ? AND spider = ? ORDER BY ended_at DESC, n DESC LIMIT 1`,
    )
    this.#throughput = db.prepare('SELECT at, outcome, count FROM half_hours WHERE at >= ?')
    this.#totals = db.prepare(
      `SELECT coalesce(sum(items), 0) AS items, coalesce(sum(pages), 0) AS pages FROM (
         SELECT items, pages FROM half_hours WHERE at >= :whole
         UNION ALL
         SELECT items, pages FROM jobs WHERE state = 'finished' AND ended_at >= :from AND ended_at < :whole
       )`,
    )
  }

  /** Inside `Writer.write`. `stats` is JSON text. */
  put(key: string, stats: string): void {
    this.#put.run(key, stats)
  }

  get(key: string): Record<string, unknown> | null {
    const row = this.#get.get(key) as { stats: string } | undefined
    return row === undefined ? null : (JSON.parse(row.stats) as Record<string, unknown>)
  }

  /** Medians over the spider's last 20 good runs; null when there was none. */
  usual(project: string, spider: string): Usual | null {
    const rows = this.#usual.all(project, spider) as { duration: number; pages: number | null; items: number | null }[]
    if (rows.length === 0) return null
    return {
      runs: rows.length,
      duration_seconds: median(rows.map((row) => row.duration)) ?? 0,
      pages: median(rows.map((row) => row.pages).filter((value) => value !== null)),
      items: median(rows.map((row) => row.items).filter((value) => value !== null)),
    }
  }

  /** The spider's newest jobs, oldest first. */
  recent(
    project: string,
    spider: string,
    limit: number,
  ): { key: string; state: JobState; outcome: JobOutcome | null }[] {
    return (
      this.#recent.all({ project, spider, limit }) as { key: string; state: JobState; outcome: JobOutcome | null }[]
    ).toReversed()
  }

  /** Key of the spider's newest finished job. */
  lastFinished(project: string, spider: string): string | null {
    return (this.#last.get(project, spider) as { key: string } | undefined)?.key ?? null
  }

  /** Ended jobs per half hour and outcome since `from` (ms), the begin of one; keys are the half hour's begin. */
  throughput(from: number): readonly { readonly at: number; readonly outcome: JobOutcome; readonly count: number }[] {
    return this.#throughput.all(from) as { at: number; outcome: JobOutcome; count: number }[]
  }

  /** Items and pages of the jobs that ended since `from` (ms). */
  totals(from: number): { readonly items: number; readonly pages: number } {
    // The half hour that `from` lies in counts in part: its jobs are looked at one by one.
    const whole = Math.ceil(from / HALF_HOUR) * HALF_HOUR
    return this.#totals.get({ from, whole }) as { items: number; pages: number }
  }

  /** Spiders whose newest finished jobs all failed, at least `least` in a row, among those that failed since `from`. */
  failingInARow(
    from: number,
    least: number,
  ): readonly {
    readonly project: string
    readonly spider: string
    readonly failures: number
    readonly since: number
  }[] {
    const spiders = this.#db
      .prepare(
        `SELECT DISTINCT project, spider FROM jobs WHERE state = 'finished' AND outcome = 'failed' AND ended_at >= ?`,
      )
      .all(from) as { project: string; spider: string }[]
    const runs = this.#db.prepare(
      `SELECT outcome, ended_at FROM jobs WHERE state = 'finished' AND project = ? AND spider = ? AND outcome <> 'cancelled'
       ORDER BY ended_at DESC, n DESC LIMIT ?`,
    )
    type Run = { readonly outcome: JobOutcome; readonly ended_at: number }
    return spiders.flatMap(({ project, spider }) => {
      // Most have failed once and not again: a few rows of each tell.
      const newest = runs.all(project, spider, least) as Run[]
      if (newest.length < least || newest.some((row) => row.outcome !== 'failed')) return []
      const rows = runs.all(project, spider, MOST_FAILURES) as Run[]
      const good = rows.findIndex((row) => row.outcome !== 'failed')
      const failures = good === -1 ? rows.length : good
      return [{ project, spider, failures, since: rows[failures - 1]!.ended_at }]
    })
  }

  /** Names of arguments or settings that earlier jobs of the spider had, most used first. */
  usedNames(column: 'args' | 'settings', project: string, spider: string): readonly string[] {
    return (
      this.#db
        .prepare(
          `SELECT each.key AS name, count(*) AS uses FROM
             (SELECT ${column} FROM jobs WHERE state = 'finished' AND project = ? AND spider = ?
              ORDER BY ended_at DESC, n DESC LIMIT 200) AS recent,
             json_each(recent.${column}) AS each
           GROUP BY 1 ORDER BY uses DESC, name LIMIT 50`,
        )
        .all(project, spider) as { name: string }[]
    ).map((row) => row.name)
  }
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
