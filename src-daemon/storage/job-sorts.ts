import type { JobScope } from './job-query.ts'

export type JobSort = 'default' | `${'' | '-'}${'created' | 'started' | 'ended' | 'priority' | 'duration'}`

/** Rows that one index yields in the order of `key`, then `n`. */
export interface Source {
  readonly scope: JobScope
  readonly where: string
  readonly key: string
}

/** One stretch of a listing: its sources are merged by their keys. */
export interface Segment {
  readonly sources: readonly Source[]
  readonly descending: boolean
}

// A partial index serves a query only where its condition stands word by word.

/** The jobs that Scrapyd calls pending, as in the index `jobs_waiting`. */
export const WAITING = `state IN ('pending', 'assigned', 'starting')`

/** The jobs that run, as in the index `jobs_running`. */
export const RUNNING = `state = 'running'`

/** The jobs that have not ended, as in the index `jobs_unfinished`. */
export const UNFINISHED = `state <> 'finished'`

/** The jobs that ended, as in the indexes `jobs_finished`, `jobs_outcome` and `jobs_spider`. */
export const FINISHED = `state = 'finished'`

/** The jobs that ran and ended, as in the indexes `jobs_started` and `jobs_duration`. */
const STARTED = `state = 'finished' AND started_at IS NOT NULL`

/** How long a job that still runs had been running when the listing began. */
const RUNNING_FOR = '(:now - started_at)'

const waiting = (state: string, key: string): Segment => ({
  sources: [{ scope: 'unfinished', where: `${WAITING} AND state = '${state}'`, key }],
  descending: false,
})

const SEGMENTS: Readonly<Record<string, readonly Segment[]>> = {
  default: [
    waiting('pending', 'rank'),
    waiting('assigned', 'coalesce(assigned_at, created_at)'),
    waiting('starting', 'created_at'),
    { sources: [{ scope: 'unfinished', where: RUNNING, key: 'started_at' }], descending: true },
    { sources: [{ scope: 'finished', where: FINISHED, key: 'ended_at' }], descending: true },
  ],
  // A key begins with the time of its making.
  created: [{ sources: [{ scope: 'all', where: '1', key: 'key' }], descending: false }],
  started: [
    {
      sources: [
        { scope: 'finished', where: STARTED, key: 'started_at' },
        { scope: 'unfinished', where: RUNNING, key: 'started_at' },
      ],
      descending: false,
    },
  ],
  ended: [{ sources: [{ scope: 'finished', where: FINISHED, key: 'ended_at' }], descending: false }],
  priority: [{ sources: [{ scope: 'all', where: '1', key: 'priority' }], descending: false }],
  duration: [
    {
      sources: [
        { scope: 'finished', where: STARTED, key: 'duration' },
        { scope: 'unfinished', where: RUNNING, key: RUNNING_FOR },
      ],
      descending: false,
    },
  ],
}

/** The stretches of a listing, in order. */
export function segmentsOf(sort: JobSort): readonly Segment[] {
  const descending = sort.startsWith('-')
  const segments = SEGMENTS[descending ? sort.slice(1) : sort] ?? []
  return descending ? segments.map((segment) => ({ ...segment, descending: !segment.descending })) : segments
}

/** The rows that a listing has without a filter, by scope. */
export function countedOf(sort: JobSort): readonly { readonly scope: JobScope; readonly where: string }[] {
  switch (sort) {
    case 'ended':
    case '-ended':
      return [{ scope: 'finished', where: FINISHED }]
    case 'started':
    case '-started':
    case 'duration':
    case '-duration':
      return [
        { scope: 'unfinished', where: RUNNING },
        { scope: 'finished', where: STARTED },
      ]
    default:
      return [
        { scope: 'unfinished', where: UNFINISHED },
        { scope: 'finished', where: FINISHED },
      ]
  }
}
