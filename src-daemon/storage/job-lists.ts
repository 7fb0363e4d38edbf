import type { Database, Statement } from 'better-sqlite3'
import type { Job, JobState } from '../api/contract/values.ts'
import type { FileUrl, JobRow } from './jobs.ts'
import { isByStateOnly, statesOf, whereOf, type JobQuery } from './job-query.ts'
import {
  countedOf,
  FINISHED,
  RUNNING,
  segmentsOf,
  UNFINISHED,
  WAITING,
  type JobSort,
  type Segment,
} from './job-sorts.ts'
import { JOB_JSON } from './job-sql.ts'
import { LISTED_COLUMNS, ListedRows, type ListedRow, type ListedState } from './listed-rows.ts'
import { readCursor, writeCursor, type Cursor } from './list-cursor.ts'

export interface JobPage {
  readonly jobs: readonly Job[]
  readonly total: number
  /** 0-based position of the first row within all that match. */
  readonly start: number
  readonly next: string | null
}

/** Where a row stands in a listing. */
interface RowPlace {
  readonly sort_key: number | string
  readonly n: number
}

/** Long lists of the ledger: keyset pages, JSON made by SQLite, never a whole table in memory. */
export class JobLists {
  readonly #db: Database
  readonly #fileUrl: FileUrl
  readonly #json: Statement

  constructor(db: Database, fileUrl: FileUrl) {
    this.#db = db
    this.#fileUrl = fileUrl
    this.#json = db.prepare(`SELECT ${JOB_JSON} FROM jobs WHERE n = ?`).pluck()
  }

  /**
   * A page of jobs. `cursor` is the `next` of the page before; null when it is none of this sort. `total` as known from
   * `search`, else counted at once.
   */
  page(query: JobQuery, sort: JobSort, cursor: string | undefined, limit: number, total?: number): JobPage | null {
    const segments = segmentsOf(sort)
    const place: Cursor | null =
      cursor === undefined
        ? { sort, segment: 0, key: null, n: 0, start: 0, now: Date.now() }
        : readCursor(cursor, sort, segments.length)
    if (place === null) return null
    const found: (RowPlace & { readonly segment: number })[] = []
    for (let segment = place.segment; segment < segments.length && found.length <= limit; segment++) {
      const after = segment === place.segment && place.key !== null ? { sort_key: place.key, n: place.n } : null
      const rows = this.#places(query, segments[segment]!, after, place.now, limit + 1 - found.length)
      found.push(...rows.map((row) => ({ ...row, segment })))
    }
    const rows = found.slice(0, limit)
    const last = rows.at(-1)
    return {
      jobs: rows.map(({ n }) => JSON.parse(this.#json.get(n) as string) as Job),
      total: total ?? this.count(query, sort),
      start: place.start,
      next:
        last === undefined || found.length <= limit
          ? null
          : writeCursor({
              sort,
              segment: last.segment,
              key: last.sort_key,
              n: last.n,
              start: place.start + rows.length,
              now: place.now,
            }),
    }
  }

  /** The next rows of a segment. Only places: a sorter that carries the rows' JSON takes ten times as long. */
  #places(
    query: JobQuery,
    { sources, descending }: Segment,
    after: RowPlace | null,
    now: number,
    limit: number,
  ): readonly RowPlace[] {
    const direction = descending ? 'DESC' : 'ASC'
    const found = sources.flatMap(({ scope, where, key }) => {
      const filter = whereOf(query, scope)
      if (filter === null) return []
      const behind = after === null ? '' : `AND (${key}, n) ${descending ? '<' : '>'} (:after_key, :after_n)`
      return this.#db
        .prepare(
          `SELECT ${key} AS sort_key, n FROM jobs WHERE ${where} AND ${filter.sql} ${behind}
           ORDER BY ${key} ${direction}, n ${direction} LIMIT :limit`,
        )
        .all({ ...filter.values, now, after_key: after?.sort_key, after_n: after?.n, limit }) as RowPlace[]
    })
    if (sources.length === 1) return found
    const ordered = found.toSorted((a, b) => Number(a.sort_key) - Number(b.sort_key) || a.n - b.n)
    return (descending ? ordered.toReversed() : ordered).slice(0, limit)
  }

  /** How many jobs the listing has. */
  count(query: JobQuery, sort: JobSort = 'default'): number {
    const counted = countedOf(sort)
    if (isByStateOnly(query) && counted.every(({ where }) => where === FINISHED || where === UNFINISHED)) {
      const states = statesOf(query)
      const rows = this.#db.prepare('SELECT state, count FROM job_counts').all() as { state: JobState; count: number }[]
      return rows
        .filter(({ state }) => states === null || states.includes(state))
        .filter(({ state }) => counted.some(({ scope }) => (scope === 'finished') === (state === 'finished')))
        .reduce((sum, { count }) => sum + count, 0)
    }
    return counted.reduce((sum, { scope, where }) => {
      const filter = whereOf(query, scope)
      if (filter === null) return sum
      const sql = `SELECT count(*) FROM jobs WHERE ${where} AND ${filter.sql}`
      return sum + (this.#db.prepare(sql).pluck().get(filter.values) as number)
    }, 0)
  }

  /**
   * A filter that no index helps (text search), looked through in turns with other requests. `among` are the rows that
   * match, for `page`; null when they are many, so that `page` finds enough of them quickly by itself.
   */
  async search(
    query: JobQuery,
    sort: JobSort,
  ): Promise<{ readonly total: number; readonly among: readonly number[] | null }> {
    const { first, last } = this.#db
      .prepare('SELECT coalesce(min(n), 0) AS first, coalesce(max(n), -1) AS last FROM jobs')
      .get() as { first: number; last: number }
    let total = 0
    let among: number[] | null = []
    for (let from = first; from <= last; from += SLICE) {
      const found = this.#matches(query, sort, from)
      total += found.length
      if (total > FEW) among = null
      among?.push(...found)
      await nextTurn()
    }
    return { total, among }
  }

  #matches(query: JobQuery, sort: JobSort, from: number): readonly number[] {
    return countedOf(sort).flatMap(({ scope, where }) => {
      const filter = whereOf(query, scope)
      if (filter === null) return []
      return this.#db
        .prepare(`SELECT n FROM jobs NOT INDEXED WHERE n >= :slice AND n < :slice_end AND ${where} AND ${filter.sql}`)
        .pluck()
        .all({ ...filter.values, slice: from, slice_end: from + SLICE }) as number[]
    })
  }

  /** Keys of the jobs that match, newest first, at most `limit`. */
  keys(query: JobQuery, limit: number): readonly string[] {
    const rows = countedOf('default').flatMap(({ scope, where }) => {
      const filter = whereOf(query, scope)
      if (filter === null) return []
      return this.#db
        .prepare(`SELECT n, key FROM jobs WHERE ${where} AND ${filter.sql} ORDER BY n DESC LIMIT :limit`)
        .all({ ...filter.values, limit }) as { n: number; key: string }[]
    })
    return rows
      .toSorted((a, b) => b.n - a.n)
      .slice(0, limit)
      .map((row) => row.key)
  }

  /** One job in the contract's form. */
  job(key: string): Job | null {
    const json = this.#db.prepare(`SELECT ${JOB_JSON} FROM jobs WHERE key = ?`).pluck().get(key)
    return json === undefined ? null : (JSON.parse(json as string) as Job)
  }

  /** The rows of `listjobs.json` for one state as chunks of JSON text (objects joined by `, `, at most 1 000 each). */
  async *listed(state: ListedState, project: string | null, limit: number): AsyncGenerator<string, void, void> {
    const listed = new ListedRows(state, this.#fileUrl)
    for await (const rows of this.#pages<ListedRow>(LISTED_COLUMNS[state], state, project, limit)) {
      let text = ''
      for (const row of rows) text += text === '' ? listed.json(row) : `, ${listed.json(row)}`
      yield text
    }
  }

  /** The rows of one of Scrapyd's three states, in the order of its pages. */
  async *rows(state: ListedState, limit: number): AsyncGenerator<JobRow, void, void> {
    for await (const rows of this.#pages<JobRow>('jobs.*', state, null, limit)) yield* rows
  }

  /**
   * Pages of jobs for a snapshot: all that have not ended, then the newest `finished`. Each is a JSON array's inside.
   * A job only moves towards the lists that are read later, so none is missed; one may come twice.
   */
  async *snapshot(finished: number): AsyncGenerator<string, void, void> {
    for (const state of ['pending', 'running', 'finished'] as const) {
      const limit = state === 'finished' ? finished : Number.MAX_SAFE_INTEGER
      for await (const rows of this.#pages<{ json: string }>(`${JOB_JSON} AS json`, state, null, limit)) {
        yield rows.map((row) => row.json).join()
      }
    }
  }

  async *#pages<Row>(
    select: string,
    state: ListedState,
    project: string | null,
    limit: number,
  ): AsyncGenerator<readonly Row[], void, void> {
    const { where, key, descending } = LISTED[state]
    const direction = descending ? 'DESC' : 'ASC'
    const scope = project === null ? where : `${where} AND project = :project`
    const sql = (after: string) =>
      `SELECT ${select}, ${key} AS sort_key, n FROM jobs
       WHERE ${scope} ${after} ORDER BY ${key} ${direction}, n ${direction} LIMIT :limit`
    const first = this.#db.prepare(sql(''))
    const rest = this.#db.prepare(sql(`AND (${key}, n) ${descending ? '<' : '>'} (:after_key, :after_n)`))
    let last: RowPlace | null = null
    for (let left = limit; left > 0;) {
      const size = Math.min(PAGE, left)
      const rows = (
        last === null
          ? first.all({ project, limit: size })
          : rest.all({ project, limit: size, after_key: last.sort_key, after_n: last.n })
      ) as (Row & RowPlace)[]
      if (rows.length > 0) yield rows
      if (rows.length < size) return
      left -= rows.length
      last = rows.at(-1)!
      // Other requests get their turn between two pages.
      await nextTurn()
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

const PAGE = 1_000

/** Rows that are looked at in one turn where no index helps. */
const SLICE = 20_000

/** So many matches are put in order by themselves; of more, enough are found on a walk along the order's index. */
const FEW = 5_000

const LISTED = {
  pending: { where: WAITING, key: 'rank', descending: false },
  running: { where: RUNNING, key: 'started_at', descending: false },
  finished: { where: FINISHED, key: 'ended_at', descending: true },
} as const
