import type { FileUrl } from './jobs.ts'
import { scrapydTime } from './scrapyd-time.ts'

/** One of Scrapyd's three states. */
export type ListedState = 'pending' | 'running' | 'finished'

/** A row of `listjobs.json` as it comes out of the database. */
export interface ListedRow {
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly version: string | null
  /** JSON of a flat object; null: an empty one. */
  readonly settings: string | null
  readonly args: string | null
  readonly pid: number | null
  readonly priority: number
  readonly node: string | null
  readonly node_id: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly exit_code: number | null
  readonly signal: string | null
  readonly outcome: string | null
  readonly reason: string | null
}

const ALL = `id, project, spider, version, NULLIF(settings, '{}') AS settings, NULLIF(args, '{}') AS args, priority, node`
const BEGUN = 'node_id, started_at, ended_at'

/** The columns of a ListedRow that its state needs. As values: text that SQLite puts together costs more than what is made of them here. */
export const LISTED_COLUMNS = {
  pending: ALL,
  running: `${ALL}, ${BEGUN}, pid`,
  finished: `${ALL}, ${BEGUN}, exit_code, signal, outcome, reason`,
} as const

/**
 * Makes the JSON of rows that come in an order: with Scrapyd's members first and in its order, times in local time, and where
 * the files can be read. Spaced as Python does it, like the answer that it stands in.
 */
export class ListedRows {
  readonly #fileUrl: FileUrl
  readonly #state: ListedState
  #last: ListedRow | null = null
  #lastEnd = ''

  constructor(state: ListedState, fileUrl: FileUrl) {
    this.#state = state
    this.#fileUrl = fileUrl
  }

  json(row: ListedRow): string {
    const names = `{"id": ${quote(row.id)}, "project": ${quote(row.project)}, "spider": ${quote(row.spider)}`
    const settings = `"settings": ${spaced(row.settings)}`
    const args = `"args": ${spaced(row.args)}`
    const end = this.#end(row)
    if (this.#state === 'pending') return `${names}, "version": ${quote(row.version)}, ${settings}, ${args}, ${end}`
    const pid = this.#state === 'running' ? `, "pid": ${row.pid}` : ''
    const endTime = this.#state === 'finished' ? `, "end_time": ${time(row.ended_at)}` : ''
    const times = `"start_time": ${time(row.started_at ?? row.ended_at)}${endTime}`
    const files = `"log_url": ${this.#url('log', row)}, "items_url": ${this.#url('items', row)}`
    return `${names}${pid}, ${times}, ${files}, ${args}, ${settings}, ${end}`
  }

  /** What comes behind all else. Mostly that of the row before. */
  #end(row: ListedRow): string {
    if (this.#last === null || !hasSameEnd(row, this.#last)) {
      const version = this.#state === 'pending' ? '' : `"version": ${quote(row.version)}, `
      const ours = `"priority": ${row.priority}, "cluster_node": ${quote(row.node)}`
      const ending =
        this.#state === 'finished'
          ? `, "exit_code": ${row.exit_code}, "signal": ${quote(row.signal)}, "outcome": ${quote(row.outcome)}, "reason": ${quote(row.reason)}`
          : ''
      this.#lastEnd = `${version}${ours}${ending}}`
    }
    this.#last = row
    return this.#lastEnd
  }

  #url(kind: 'log' | 'items', { project, spider, id, node_id }: ListedRow): string {
    const path = this.#fileUrl(kind, project, spider, id, node_id)
    return quote(path !== null && path.includes('%') ? bareNames(path) : path)
  }
}

function hasSameEnd(a: ListedRow, b: ListedRow): boolean {
  return (
    a.version === b.version &&
    a.priority === b.priority &&
    a.node === b.node &&
    a.exit_code === b.exit_code &&
    a.signal === b.signal &&
    a.outcome === b.outcome &&
    a.reason === b.reason
  )
}

function time(at: number | null): string {
  return at === null ? 'null' : `"${scrapydTime(at)}"`
}

/** What JSON writes as it is. */
const PLAIN = /^[\w.:/ -]*$/

function quote(text: string | null): string {
  if (text === null) return 'null'
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** The JSON of a flat object, with Python's spaces. */
function spaced(json: string | null): string {
  if (json === null) return '{}'
  const members = Object.entries(JSON.parse(json) as Record<string, unknown>)
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(', ')}}`
}

/**
 * Scrapyd joins the bare names, and its clients build and compare paths like that. Only what would end the path or begin
 * an escape stays escaped, so that it still is the URL of the file.
 */
function bareNames(url: string): string {
  return decodeURIComponent(url).replaceAll(/[%?#]/g, encodeURIComponent)
}
