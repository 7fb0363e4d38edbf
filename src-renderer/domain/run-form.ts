import type { NewJob } from '../../src-daemon/api/contract/endpoints.ts'
import type { CurlJob } from './curl.ts'

/** A row of arguments or settings as it is typed. */
export interface PairRow {
  readonly id: number
  name: string
  value: string
}

export interface RunForm {
  project: string
  spiders: string[]
  args: PairRow[]
  settings: PairRow[]
  /** Name of the node it is pinned to; empty: any. */
  node: string
  priority: number
}

/** What is wrong with a row: a value without a name, or a name that an earlier row has. */
export type PairProblem = 'empty' | 'repeated'

let lastRow = 0

export function pairRow(name = '', value = ''): PairRow {
  lastRow += 1
  return { id: lastRow, name, value }
}

/** Rows of a map, or one empty row to begin with. */
export function pairRows(map: Readonly<Record<string, string>>): PairRow[] {
  return Object.entries(map).map(([name, value]) => pairRow(name, value))
}

/** Problems by the id of their row. A row with neither name nor value is simply not there. */
export function pairProblems(rows: readonly PairRow[]): ReadonlyMap<number, PairProblem> {
  const problems = new Map<number, PairProblem>()
  const seen = new Set<string>()
  for (const { id, name, value } of rows) {
    const key = name.trim()
    if (key === '') {
      if (value !== '') problems.set(id, 'empty')
    } else if (seen.has(key)) problems.set(id, 'repeated')
    else seen.add(key)
  }
  return problems
}

function filled(rows: readonly PairRow[]): [string, string][] {
  return rows.filter(({ name }) => name.trim() !== '').map(({ name, value }) => [name.trim(), value])
}

/** The jobs that a form asks for, one per spider. */
export function jobsOf(form: RunForm, spiders: readonly string[] = form.spiders): NewJob[] {
  return spiders.map((spider) => ({
    project: form.project,
    spider,
    priority: form.priority,
    args: Object.fromEntries(filled(form.args)),
    settings: Object.fromEntries(filled(form.settings)),
    ...(form.node === '' ? {} : { node: form.node }),
  }))
}

/** The same for curl. */
export function curlJobOf(form: RunForm, spider: string): CurlJob {
  return {
    project: form.project,
    spider,
    args: filled(form.args),
    settings: filled(form.settings),
    node: form.node === '' ? null : form.node,
    priority: form.priority,
  }
}

/** Names in a pasted text: one a line, or separated by commas, semicolons or blanks. */
export function pastedNames(text: string): string[] {
  return [...new Set(text.split(/[\s,;，；、]+/).filter((name) => name !== ''))]
}

/** Settings that are often set for one run (Scrapy's documentation, "Settings"). */
export const SCRAPY_SETTINGS = [
  'AUTOTHROTTLE_ENABLED',
  'CLOSESPIDER_ERRORCOUNT',
  'CLOSESPIDER_ITEMCOUNT',
  'CLOSESPIDER_PAGECOUNT',
  'CLOSESPIDER_TIMEOUT',
  'CONCURRENT_ITEMS',
  'CONCURRENT_REQUESTS',
  'CONCURRENT_REQUESTS_PER_DOMAIN',
  'COOKIES_ENABLED',
  'DEPTH_LIMIT',
  'DOWNLOAD_DELAY',
  'DOWNLOAD_MAXSIZE',
  'DOWNLOAD_TIMEOUT',
  'FEED_EXPORT_ENCODING',
  'HTTPCACHE_ENABLED',
  'JOBDIR',
  'LOG_LEVEL',
  'MEMUSAGE_LIMIT_MB',
  'RANDOMIZE_DOWNLOAD_DELAY',
  'REDIRECT_MAX_TIMES',
  'RETRY_ENABLED',
  'RETRY_TIMES',
  'ROBOTSTXT_OBEY',
  'USER_AGENT',
] as const
