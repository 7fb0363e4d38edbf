import type { FileUrl } from './jobs.ts'
import { scrapydTime } from './scrapyd-time.ts'

/** A row of `listjobs.json` as it comes out of the database: the begin and the end of its JSON, and what is put between. */
export interface ListedRow {
  readonly head: string
  readonly tail: string
  readonly settings: string
  readonly args: string
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly node_id: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
}

/** Columns of a ListedRow beside its `head` and `tail`. */
export const LISTED_COLUMNS = 'settings, args, id, project, spider, node_id, started_at, ended_at'

/**
 * The whole JSON of a row, with Scrapyd's members first and in its order: times in local time, and where its files can be
 * read. Spaced as Python does it, like the answer that it stands in.
 */
export function listedJson(state: 'pending' | 'running' | 'finished', row: ListedRow, fileUrl: FileUrl): string {
  const settings = `"settings": ${spaced(row.settings)}`
  const args = `"args": ${spaced(row.args)}`
  if (state === 'pending') return `{${row.head}, ${settings}, ${args}, ${row.tail}}`
  const time = (at: number | null) => (at === null ? 'null' : `"${scrapydTime(at)}"`)
  const url = (kind: 'log' | 'items') => {
    const path = fileUrl(kind, row.project, row.spider, row.id, row.node_id)
    return path === null ? 'null' : JSON.stringify(path.includes('%') ? bareNames(path) : path)
  }
  const end = state === 'finished' ? `, "end_time": ${time(row.ended_at)}` : ''
  const times = `"start_time": ${time(row.started_at ?? row.ended_at)}${end}`
  const files = `"log_url": ${url('log')}, "items_url": ${url('items')}`
  return `{${row.head}, ${times}, ${files}, ${args}, ${settings}, ${row.tail}}`
}

/** The JSON of a flat object, with Python's spaces. */
function spaced(json: string): string {
  if (json === '{}') return json
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
