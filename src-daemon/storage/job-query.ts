import type { JobOutcome, JobState } from '../api/contract/values.ts'

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
  /** Only these rows (`JobLists.search`). */
  readonly among?: readonly number[] | undefined
}

/** Jobs that ended, those that did not, or both. Indexes are made for the first two. */
export type JobScope = 'finished' | 'unfinished' | 'all'

/** A condition and the values that it names. */
export interface Where {
  readonly sql: string
  readonly values: Readonly<Record<string, unknown>>
}

/** Whether nothing but states is asked for: such jobs are counted already. */
export function isByStateOnly({ state: _, ...rest }: JobQuery): boolean {
  return Object.values(rest).every((value) => value === undefined || (typeof value !== 'number' && value.length === 0))
}

/** States that a query without an outcome can match; null: any. */
export function statesOf({ state }: JobQuery): readonly JobState[] | null {
  return state === undefined || state.length === 0 ? null : state
}

/** The filter within a scope; null when nothing there can match. */
export function whereOf(query: JobQuery, scope: JobScope): Where | null {
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
  const states = statesPart(query, scope, oneOf)
  if (states === null) return null
  const all = [states, oneOf('project', query.project), oneOf('spider', query.spider), oneOf('node', query.node)]
  for (const part of all) if (part !== null && part !== '') parts.push(part)
  if (query.among !== undefined) {
    values['among'] = JSON.stringify(query.among)
    parts.push('n IN (SELECT value FROM json_each(:among))')
  } else if (query.q !== undefined && query.q !== '') {
    values['q'] = `%${query.q.replace(/[\\%_]/g, (c) => `\\${c}`)}%`
    values['q_key'] = query.q
    const like = ['id', 'spider', 'project', 'args', 'reason'].map((column) => `${column} LIKE :q ESCAPE '\\'`)
    parts.push(`(${like.join(' OR ')} OR key = :q_key)`)
  }
  if (query.from !== undefined && scope !== 'unfinished') {
    // What has not ended goes on now, and so within every stretch of time that has no end.
    values['from'] = query.from
    parts.push(scope === 'finished' ? 'ended_at >= :from' : `(state <> 'finished' OR ended_at >= :from)`)
  }
  if (query.to !== undefined) {
    values['to'] = query.to
    parts.push('coalesce(started_at, created_at) <= :to')
  }
  return { sql: parts.length === 0 ? '1' : parts.join(' AND '), values }
}

/** Condition on state and outcome; empty when there is none, null when nothing in the scope can match. */
function statesPart(
  query: JobQuery,
  scope: JobScope,
  oneOf: (column: string, list: readonly string[] | undefined) => string | null,
): string | null {
  const states = statesOf(query)
  const hasOutcome = query.outcome !== undefined && query.outcome.length > 0
  // An outcome is a kind of "finished": with states beside it, either may hold.
  const others = states?.filter((state) => state !== 'finished')
  if (scope === 'finished') {
    if (hasOutcome) return oneOf('outcome', query.outcome)
    return states === null || states.includes('finished') ? '' : null
  }
  if (scope === 'unfinished') {
    if (states === null) return hasOutcome ? null : ''
    return oneOf('state', others)
  }
  const outcome = oneOf('outcome', query.outcome)
  const state = oneOf('state', outcome === null ? (states ?? undefined) : others)
  if (outcome !== null && state !== null) return `(${state} OR ${outcome})`
  return outcome ?? state ?? ''
}
