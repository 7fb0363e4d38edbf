import type { FileUrl } from './jobs.ts'
import { scrapydTime } from './scrapyd-time.ts'

/** A row of `listjobs.json` as it comes out of the database: the end of its JSON, and what is put before it here. */
export interface ListedRow {
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly version: string | null
  readonly settings: string
  readonly args: string
  readonly pid: number | null
  readonly node_id: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
  /** What only we tell, as JSON members. */
  readonly ours: string
}

/** Columns of a ListedRow beside `ours`. */
export const LISTED_COLUMNS = 'id, project, spider, version, settings, args, pid, node_id, started_at, ended_at'

/**
 * The whole JSON of a row, with Scrapyd's members first and in its order: times in local time, and where its files can be
 * read. Spaced as Python does it, like the answer that it stands in.
 */
export function listedJson(state: 'pending' | 'running' | 'finished', row: ListedRow, fileUrl: FileUrl): string {
  const names = `"id": ${quote(row.id)}, "project": ${quote(row.project)}, "spider": ${quote(row.spider)}`
  const version = `"version": ${quote(row.version)}`
  const settings = `"settings": ${spaced(row.settings)}`
  const args = `"args": ${spaced(row.args)}`
  if (state === 'pending') return `{${names}, ${version}, ${settings}, ${args}, ${row.ours}}`
  const time = (at: number | null) => (at === null ? 'null' : `"${scrapydTime(at)}"`)
  const url = (kind: 'log' | 'items') => {
    const path = fileUrl(kind, row.project, row.spider, row.id, row.node_id)
    return path !== null && path.includes('%') ? quote(bareNames(path)) : quote(path)
  }
  const pid = state === 'running' ? `, "pid": ${row.pid}` : ''
  const end = state === 'finished' ? `, "end_time": ${time(row.ended_at)}` : ''
  const times = `"start_time": ${time(row.started_at ?? row.ended_at)}${end}`
  const files = `"log_url": ${url('log')}, "items_url": ${url('items')}`
  return `{${names}${pid}, ${times}, ${files}, ${args}, ${settings}, ${version}, ${row.ours}}`
}

function quote(text: string | null): string {
  return JSON.stringify(text)
}

/** The JSON of a flat object, with Python's spaces. */
function spaced(json: string): string {
  if (json === '{}') return json
  const members = Object.entries(JSON.parse(json) as Record<string, unknown>)
  return `{${members.map(([name, value]) => `${quote(name)}: ${JSON.stringify(value)}`).join(', ')}}`
}

/**
 * Scrapyd joins the bare names, and its clients build and compare paths like that. Only what would end the path or begin
 * an escape stays escaped, so that it still is the URL of the file.
 */
function bareNames(url: string): string {
  return decodeURIComponent(url).replaceAll(/[%?#]/g, encodeURIComponent)
}
