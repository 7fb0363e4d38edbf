import type { Database } from 'better-sqlite3'
import type { Job, JobOutcome, JobState } from '../api/contract/values.ts'
import type { JobRow } from './jobs.ts'
import { JOB_JSON, LISTED_FINISHED_JSON, LISTED_PENDING_JSON, LISTED_RUNNING_JSON } from './job-sql.ts'

/** A filter of jobs with every value resolved (times in milliseconds). */
export interface JobQuery {
  readonly project?: readonly string[] | undefined
  readonly spider?: readonly string[] | undefined
  readonly node?: readonly string[] | undefined
  readonly state?: readonly JobState[] | undefined
  readonly outcome?: readonly JobOutcome[] | undefined
  readonly q?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export type JobSort = 'default' | `${'' | '-'}${'created' | 'started' | 'ended' | 'priority' | 'duration'}`

export interface JobPage {
  readonly jobs: readonly Job[]
  readonly total: number
  /** 0-based position of the first row within all that match. */
  readonly start: number
  readonly next: string | null
}

/** One stretch of a listing: the rows of `where`, in the order of `key` (a number) and `n`. */
interface Segment {
  readonly where: string
  readonly key: string
  readonly descending: boolean
}

const DURATION = `(coalesce(ended_at, unixepoch('subsec') * 1000) - started_at)`

const SEGMENTS: Readonly<Record<string, readonly Segment[]>> = {
  default: [
    { where: `state = 'pending'`, key: 'rank', descending: false },
    { where: `state = 'assigned'`, key: 'assigned_at', descending: false },
    { where: `state = 'starting'`, key: 'created_at', descending: false },
    { where: `state = 'running'`, key: 'started_at', descending: true },
    { where: `state = 'finished'`, key: 'ended_at', descending: true },
  ],
  created: [{ where: '1', key: 'created_at', descending: false }],
  started: [{ where: 'started_at IS NOT NULL', key: 'started_at', descending: false }],
  ended: [{ where: `state = 'finished'`, key: 'ended_at', descending: false }],
  priority: [{ where: '1', key: 'priority', descending: false }],
  duration: [{ where: 'started_at IS NOT NULL', key: DURATION, descending: false }],
}

function segmentsOf(sort: JobSort): readonly Segment[] {
  const descending = sort.startsWith('-')
  const segments = SEGMENTS[descending ? sort.slice(1) : sort] ?? []
  return descending ? segments.map((segment) => ({ ...segment, descending: !segment.descending })) : segments
}

/** Long lists of the ledger: keyset pages, JSON made by SQLite, never a whole table in memory. */
export class JobLists {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** A page of jobs. `cursor` is the `next` of the page before; `null` when it cannot be read. */
  page(query: JobQuery, sort: JobSort, cursor: string | undefined, limit: number): JobPage | null {
    const place = cursor === undefined ? { segment: 0, key: null, n: null, start: 0 } : readCursor(cursor)
    if (place === null) return null
    const { where, values } = whereOf(query)
    const segments = segmentsOf(sort)
    const jobs: Job[] = []
    let last: { segment: number; key: number; n: number } | null = null
    for (let index = place.segment; index < segments.length && jobs.length <= limit; index++) {
      const segment = segments[index]!
      const after =
        index === place.segment && place.key !== null
          ? `AND (${segment.key}, n) ${segment.descending ? '<' : '>'} (:key, :n)`
          : ''
      const direction = segment.descending ? 'DESC' : 'ASC'
      const rows = this.#db
        .prepare(
          `SELECT ${JOB_JSON} AS json, ${segment.key} AS sort_key, n FROM jobs
           WHERE ${segment.where} AND ${where} ${after}
           ORDER BY ${segment.key} ${direction}, n ${direction} LIMIT :limit`,
        )
        .all({
          ...values,
          ...(after === '' ? {} : { key: place.key, n: place.n }),
          limit: limit + 1 - jobs.length,
        }) as {
        json: string
        sort_key: number
        n: number
      }[]
      for (const row of rows) {
        if (jobs.length === limit)
          return { jobs, total: this.count(query, sort), start: place.start, next: next(last!) }
        jobs.push(JSON.parse(row.json) as Job)
        last = { segment: index, key: row.sort_key, n: row.n }
      }
    }
    return { jobs, total: this.count(query, sort), start: place.start, next: null }

    function next(at: { segment: number; key: number; n: number }): string {
      return `${at.segment}_${at.key}_${at.n}_${place!.start + limit}`
    }
  }

  /** How many jobs match. */
  count(query: JobQuery, sort: JobSort = 'default'): number {
    const { where, values, unfiltered } = whereOf(query)
    if (unfiltered && sort === 'default') {
      return (this.#db.prepare('SELECT sum(count) AS total FROM job_counts').get() as { total: number }).total
    }
    const scope = segmentsOf(sort).length === 1 ? segmentsOf(sort)[0]!.where : '1'
    const row = this.#db.prepare(`SELECT count(*) AS total FROM jobs WHERE ${scope} AND ${where}`).get(values)
    return (row as { total: number }).total
  }

  /** Keys of the jobs that match, newest first, at most `limit`. */
  keys(query: JobQuery, limit: number): readonly string[] {
    const { where, values } = whereOf(query)
    return (
      this.#db
        .prepare(`SELECT key FROM jobs WHERE ${where} ORDER BY n DESC LIMIT :limit`)
        .all({ ...values, limit }) as {
        key: string
      }[]
    ).map((row) => row.key)
  }

  /** One job in the contract's form. */
  job(key: string): Job | null {
    const row = this.#db.prepare(`SELECT ${JOB_JSON} AS json FROM jobs WHERE key = ?`).get(key) as
      | { json: string }
      | undefined
    return row === undefined ? null : (JSON.parse(row.json) as Job)
  }

  /** The rows of `listjobs.json` for one state as chunks of JSON text (objects joined by commas, at most 1 000 each). */
  async *listed(
    state: 'pending' | 'running' | 'finished',
    project: string | null,
    limit: number,
  ): AsyncGenerator<string, void, void> {
    for await (const rows of this.#pages<{ json: string }>(`${LISTED[state].select} AS json`, state, project, limit)) {
      yield rows.map((row) => row.json).join()
    }
  }

  /** The rows of one of Scrapyd's three states, in the order of its pages. */
  async *rows(state: 'pending' | 'running' | 'finished', limit: number): AsyncGenerator<JobRow, void, void> {
    for await (const rows of this.#pages<JobRow>('jobs.*', state, null, limit)) yield* rows
  }

  async *#pages<Row>(
    select: string,
    state: 'pending' | 'running' | 'finished',
    project: string | null,
    limit: number,
  ): AsyncGenerator<readonly Row[], void, void> {
    const { where, key, descending } = LISTED[state]
    const direction = descending ? 'DESC' : 'ASC'
    const sql = (after: string) =>
      `SELECT ${select}, ${key} AS place, n FROM jobs
       WHERE ${where} AND (:project IS NULL OR project = :project) ${after}
       ORDER BY ${key} ${direction}, n ${direction} LIMIT :limit`
    const first = this.#db.prepare(sql(''))
    const rest = this.#db.prepare(sql(`AND (${key}, n) ${descending ? '<' : '>'} (:place, :n)`))
    let last: Place | null = null
    for (let left = limit; left > 0;) {
      const size = Math.min(PAGE, left)
      const rows = (
        last === null
          ? first.all({ project, limit: size })
          : rest.all({ project, limit: size, place: last.place, n: last.n })
      ) as (Row & Place)[]
      if (rows.length > 0) yield rows
      if (rows.length < size) return
      left -= rows.length
      last = rows.at(-1)!
      // Other requests get their turn between two pages.
      await nextTurn()
    }
  }

  /** Pages of jobs for a snapshot: all that have not ended, then the newest `finished`. Each is a JSON array's inside. */
  async *snapshot(finished: number): AsyncGenerator<string, void, void> {
    const unfinished = this.#db.prepare(
      `SELECT ${JOB_JSON} AS json, n, 0 AS place FROM jobs WHERE state <> 'finished' AND n > :n ORDER BY n LIMIT ${PAGE}`,
    )
    const ended = this.#db.prepare(
      `SELECT ${JOB_JSON} AS json, n, 0 AS place FROM jobs WHERE state = 'finished' AND n < :n ORDER BY n DESC LIMIT :limit`,
    )
    for (let n = 0; ;) {
      const rows = unfinished.all({ n }) as ListedRow[]
      if (rows.length === 0) break
      yield rows.map((row) => row.json).join()
      n = rows.at(-1)!.n
      await nextTurn()
    }
    for (let n = Number.MAX_SAFE_INTEGER, left = finished; left > 0;) {
      const rows = ended.all({ n, limit: Math.min(PAGE, left) }) as ListedRow[]
      if (rows.length === 0) break
      yield rows.map((row) => row.json).join()
      n = rows.at(-1)!.n
      left -= rows.length
      await nextTurn()
    }
  }
}

/** Where a page ended. */
interface Place {
  readonly place: number
  readonly n: number
}

type ListedRow = Place & { readonly json: string }

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

const PAGE = 1_000

const LISTED = {
  pending: {
    select: LISTED_PENDING_JSON,
    where: `state IN ('pending', 'assigned', 'starting')`,
    key: 'rank',
    descending: false,
  },
  running: { select: LISTED_RUNNING_JSON, where: `state = 'running'`, key: 'started_at', descending: false },
  finished: { select: LISTED_FINISHED_JSON, where: `state = 'finished'`, key: 'ended_at', descending: true },
} as const

function readCursor(text: string): { segment: number; key: number | null; n: number | null; start: number } | null {
  const match = /^(\d)_(-?[\d.]+(?:e[+-]?\d+)?)_(\d+)_(\d+)$/.exec(text)
  if (match === null) return null
  return { segment: Number(match[1]), key: Number(match[2]), n: Number(match[3]), start: Number(match[4]) }
}

/** The filter as SQL over bound values. */
function whereOf(query: JobQuery): { where: string; values: Record<string, unknown>; unfiltered: boolean } {
  const parts: string[] = []
  const values: Record<string, unknown> = {}
  const oneOf = (column: string, list: readonly string[] | undefined): string | null => {
    if (list === undefined || list.length === 0) return null
    const names = list.map((value, i) => {
      values[`${column}_${i}`] = value
      return `:${column}_${i}`
    })
    return `${column} IN (${names.join(', ')})`
  }
  for (const column of ['project', 'spider', 'node'] as const) {
    const part = oneOf(column, query[column])
    if (part !== null) parts.push(part)
  }
  // An outcome is a kind of "finished": both together mean either.
  const state = oneOf('state', query.state)
  const outcome = oneOf('outcome', query.outcome)
  if (state !== null && outcome !== null) {
    const others = query.state!.filter((one) => one !== 'finished')
    const states = oneOf('state', others)
    parts.push(states === null ? outcome : `(${states} OR ${outcome})`)
  } else if (state !== null) parts.push(state)
  else if (outcome !== null) parts.push(`state = 'finished' AND ${outcome}`)
  if (query.q !== undefined && query.q !== '') {
    values['q'] = `%${query.q.replace(/[\\%_]/g, (c) => `\\${c}`)}%`
    parts.push(
      `(id LIKE :q ESCAPE '\\' OR spider LIKE :q ESCAPE '\\' OR project LIKE :q ESCAPE '\\' OR args LIKE :q ESCAPE '\\' OR reason LIKE :q ESCAPE '\\' OR key = :q_key)`,
    )
    values['q_key'] = query.q
  }
  if (query.from !== undefined) {
    values['from'] = query.from
    parts.push(`coalesce(ended_at, started_at, created_at) >= :from`)
  }
  if (query.to !== undefined) {
    values['to'] = query.to
    parts.push(`coalesce(started_at, created_at) <= :to`)
  }
  return { where: parts.length === 0 ? '1' : parts.join(' AND '), values, unfiltered: parts.length === 0 }
}
