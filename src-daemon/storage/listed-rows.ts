import type { FileUrl } from './jobs.ts'
import { scrapydTime } from './scrapyd-time.ts'

/** A row of `listjobs.json` as it comes out of the database: most of its JSON, and what is put to it here. */
export interface ListedRow {
  readonly json: string
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly node_id: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
}

/** Columns of a ListedRow beside `json`. */
export const LISTED_COLUMNS = 'id, project, spider, node_id, started_at, ended_at'

/** The whole JSON of a running or finished row: times in local time, and where its files can be read. */
export function listedJson(row: ListedRow, fileUrl: FileUrl): string {
  const begin = row.started_at ?? row.ended_at
  const time = (at: number | null) => (at === null ? 'null' : `"${scrapydTime(at)}"`)
  const url = (kind: 'log' | 'items') => {
    const path = fileUrl(kind, row.project, row.spider, row.id, row.node_id)
    return path === null ? 'null' : JSON.stringify(path.includes('%') ? bareNames(path) : path)
  }
  const end = row.ended_at === null ? '' : `"end_time":${time(row.ended_at)},`
  return `${row.json.slice(0, -1)},"start_time":${time(begin)},${end}"log_url":${url('log')},"items_url":${url('items')}}`
}

/**
 * Scrapyd joins the bare names, and its clients build and compare paths like that. Only what would end the path or begin
 * an escape stays escaped, so that it still is the URL of the file.
 */
function bareNames(url: string): string {
  return decodeURIComponent(url).replaceAll(/[%?#]/g, encodeURIComponent)
}
