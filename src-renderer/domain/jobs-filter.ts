import type { JobFilter } from '../../src-daemon/api/contract/endpoints.ts'
import type { Job, JobOutcome, JobState } from '../../src-daemon/api/contract/values.ts'
import { isMoment, momentOf } from './moment.ts'

/** What an address says after `?`: a name with one value or several. */
export type AddressQuery = Readonly<Record<string, string | null | readonly (string | null)[] | undefined>>

export type ListName = 'project' | 'spider' | 'node' | 'outcome'
export type StateChoice = 'pending' | 'running' | 'finished'

/** The filter of the jobs page as its address says it. */
export interface JobsFilter {
  readonly state: StateChoice | null
  readonly outcome: readonly JobOutcome[]
  readonly project: readonly string[]
  readonly spider: readonly string[]
  readonly node: readonly string[]
  readonly q: string
  readonly from: string
  readonly to: string
  readonly sort: JobsSort
}

export const JOBS_SORTS = [
  'default',
  'created',
  '-created',
  'started',
  '-started',
  'ended',
  '-ended',
  'priority',
  '-priority',
  'duration',
  '-duration',
] as const
export type JobsSort = (typeof JOBS_SORTS)[number]

const OUTCOMES: readonly JobOutcome[] = ['finished', 'failed', 'cancelled', 'lost']
const CHOICES: readonly StateChoice[] = ['pending', 'running', 'finished']
/** For an operator a job that is on its way to a node runs. */
const STATES: Readonly<Record<StateChoice, JobState[]>> = {
  pending: ['pending'],
  running: ['assigned', 'starting', 'running'],
  finished: ['finished'],
}
const NAMES = ['state', 'outcome', 'project', 'spider', 'node', 'q', 'from', 'to', 'sort']
const LONGEST_QUERY = 200

export function readFilter(query: AddressQuery): JobsFilter {
  const values = (name: string): string[] => {
    const value = query[name]
    return (Array.isArray(value) ? value : [value]).filter(
      (each): each is string => typeof each === 'string' && each !== '',
    )
  }
  const first = (name: string) => values(name)[0] ?? ''
  const moment = (name: string) => (isMoment(first(name)) ? first(name) : '')
  return {
    state: CHOICES.find((choice) => choice === first('state')) ?? null,
    outcome: OUTCOMES.filter((outcome) => values('outcome').includes(outcome)),
    project: values('project'),
    spider: values('spider'),
    node: values('node'),
    q: first('q').slice(0, LONGEST_QUERY),
    from: moment('from'),
    to: moment('to'),
    sort: JOBS_SORTS.find((sort) => sort === first('sort')) ?? 'default',
  }
}

/** The address of a filter; what else the address says (`run`, `pull`) stays. */
export function writeFilter(filter: JobsFilter, query: AddressQuery): Record<string, string | string[]> {
  const rest = Object.fromEntries(
    Object.entries(query).filter(([name, value]) => !NAMES.includes(name) && value != null),
  ) as Record<string, string | string[]>
  const { state, outcome, project, spider, node, q, from, to, sort } = filter
  const lists = { outcome, project, spider, node }
  return {
    ...rest,
    ...(state === null ? {} : { state }),
    ...Object.fromEntries(
      Object.entries(lists).flatMap(([name, values]) =>
        values.length === 0 ? [] : [[name, values.length === 1 ? (values[0] ?? '') : [...values]]],
      ),
    ),
    ...(q === '' ? {} : { q }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
    ...(sort === 'default' ? {} : { sort }),
  }
}

/** The same in the words of the API. */
export function apiFilter(filter: JobsFilter): JobFilter {
  const { state, outcome, project, spider, node, q, from, to } = filter
  return {
    // An outcome says more than "finished", which would match every one of them.
    ...(state === null || (state === 'finished' && outcome.length > 0) ? {} : { state: [...STATES[state]] }),
    ...(outcome.length === 0 || state === 'pending' || state === 'running' ? {} : { outcome: [...outcome] }),
    ...(project.length === 0 ? {} : { project: [...project] }),
    ...(spider.length === 0 ? {} : { spider: [...spider] }),
    ...(node.length === 0 ? {} : { node: [...node] }),
    ...(q === '' ? {} : { q }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
  }
}

/** Whether it narrows anything. */
export function isNarrowed(filter: JobsFilter): boolean {
  return Object.keys(apiFilter(filter)).length > 0
}

/** Whether a job is one of those that a filter shows, at `now` in milliseconds. */
export function matchesFilter(job: Job, filter: JobFilter, now: number): boolean {
  const { state, outcome, project, spider, node, q = '', from, to } = filter
  const one = (list: readonly string[] | undefined, value: string | null) =>
    list === undefined || list.length === 0 || (value !== null && list.includes(value))
  if (state !== undefined || outcome !== undefined) {
    const byState = state?.includes(job.state) ?? false
    const byOutcome = job.outcome !== null && (outcome?.includes(job.outcome) ?? false)
    if (!byState && !byOutcome) return false
  }
  if (!one(project, job.project) || !one(spider, job.spider) || !one(node, job.node)) return false
  if (q !== '') {
    const texts = [job.id, job.spider, job.project, JSON.stringify(job.args), job.reason ?? '']
    const wanted = q.toLowerCase()
    if (job.key !== q && !texts.some((text) => text.toLowerCase().includes(wanted))) return false
  }
  if (from !== undefined && job.ended_at !== null && Date.parse(job.ended_at) < momentOf(from, now)) return false
  return to === undefined || Date.parse(job.started_at ?? job.created_at) <= momentOf(to, now)
}

/** What jobs can be sorted by, besides their usual order. */
export const SORT_COLUMNS = ['created', 'started', 'ended', 'duration', 'priority'] as const
export type SortColumn = (typeof SORT_COLUMNS)[number]

/** The column of a sort and its direction; null: the usual order. */
export function sortColumn(sort: JobsSort): { readonly column: SortColumn; readonly isDown: boolean } | null {
  const column = SORT_COLUMNS.find((name) => sort === name || sort === `-${name}`)
  return column === undefined ? null : { column, isDown: sort.startsWith('-') }
}

/** What a click on a column's head sorts by next: down, up, not at all. */
export function nextSort(current: JobsSort, column: SortColumn): JobsSort {
  if (current === `-${column}`) return column
  return current === column ? 'default' : `-${column}`
}
