import { describe, expect, it } from 'vitest'
import { overview as overviewSchema, type Node, type Project } from '../../../src-daemon/api/contract/values.ts'
import { brokenProjects, overviewOf, type OverviewParts } from '../../../src-daemon/node/overview.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'

const NOW = Date.parse('2026-07-08T10:10:00Z')
const HOUR = 3_600_000
const iso = (at: number) => new Date(at).toISOString()

const node = (changes: Partial<Node>): Node => ({
  id: 'local',
  name: 'n1',
  url: null,
  identity: 'slave',
  state: 'online',
  since: iso(NOW - HOUR),
  last_seen: iso(NOW),
  latency_ms: 1,
  version: '1',
  paused: false,
  pause_note: null,
  pending: 0,
  running: 0,
  max_proc: 4,
  last_error: null,
  last_error_at: null,
  disk_free_bytes: 50,
  disk_total_bytes: 100,
  python: null,
  scrapy: null,
  projects: [],
  waiting: [],
  ...changes,
})

function open(rows: readonly Parameters<typeof newRow>[0][], changes: Partial<OverviewParts> = {}) {
  const parts = openLedger()
  parts.db.transaction(() => {
    for (const row of rows) parts.jobs.insert(newRow(row))
  })()
  return overviewSchema.parse(
    overviewOf(
      {
        ...parts,
        nodes: [node({})],
        projects: 1,
        spiders: 3,
        drifting: [],
        broken: [],
        whyPending: () => 'Waits',
        ...changes,
      },
      NOW,
    ),
  )
}

const ended = (hoursAgo: number, row: Partial<Parameters<typeof newRow>[0]> = {}) => {
  const at = NOW - hoursAgo * HOUR
  return { state: 'finished', created_at: at - 20, started_at: at - 10, ended_at: at, ...row } as const
}

describe('overviewOf', () => {
  it('is all zero for an empty ledger, with 48 half hours that end now', () => {
    const overview = open([])

    expect(overview.throughput).toHaveLength(48)
    expect(overview.throughput[0]!.at).toBe('2026-07-07T10:30:00.000Z')
    expect(overview.throughput.at(-1)!.at).toBe('2026-07-08T10:00:00.000Z')
    expect(overview).toMatchObject({
      jobs: { pending: 0, running: 0 },
      day: { finished: 0, failed: 0, cancelled: 0, lost: 0, items: 0, pages: 0 },
      attention: [],
      last_failures: [],
      projects: 1,
      spiders: 3,
    })
  })

  it('counts nodes, slots and jobs', () => {
    const overview = open([{ state: 'pending' }, { state: 'starting' }, { state: 'assigned' }, { state: 'running' }], {
      nodes: [
        node({ running: 2 }),
        node({ id: 'b', name: 'n2', running: 1, max_proc: 2, paused: true }),
        node({ id: 'c', name: 'n3', state: 'offline', running: 9, max_proc: 9 }),
        node({ id: 'd', name: 'n4', state: 'unknown', max_proc: null }),
      ],
    })

    expect(overview.nodes).toEqual({ online: 2, offline: 1, unknown: 1, paused: 1 })
    expect(overview.slots).toEqual({ used: 3, total: 6 })
    expect(overview.jobs).toEqual({ pending: 3, running: 1 })
  })

  it('counts the ends of the last day by half hour, with items and pages', () => {
    const overview = open([
      ended(0.1, { items: 2, pages: 5 }),
      ended(0.1, { outcome: 'failed', items: 1, pages: 1 }),
      ended(3, { outcome: 'lost' }),
      ended(23, { outcome: 'cancelled' }),
      ended(25),
    ])

    expect(overview.day).toEqual({ finished: 1, failed: 1, cancelled: 1, lost: 1, items: 3, pages: 6 })
    expect(overview.throughput.at(-1)).toMatchObject({ finished: 1, failed: 1, lost: 0 })
    expect(overview.throughput.reduce((sum, point) => sum + point.cancelled, 0)).toBe(1)
  })

  it('shows the last failures, newest first', () => {
    const overview = open([
      ...Array.from({ length: 12 }, (_, i) => ended(20 - i, { id: `f${i}`, outcome: 'failed' })),
      ended(1, { id: 'lost', outcome: 'lost' }),
      ended(0.5),
    ])

    expect(overview.last_failures.map((job) => job.id).slice(0, 3)).toEqual(['lost', 'f11', 'f10'])
    expect(overview.last_failures).toHaveLength(10)
  })

  it('says what needs an operator, the most urgent first', () => {
    const overview = open(
      [
        { state: 'running', node: 'n3', node_id: 'c' },
        { state: 'pending', created_at: NOW - HOUR },
        ended(3, { outcome: 'failed' }),
        ended(2, { outcome: 'failed' }),
        ended(1, { outcome: 'failed' }),
        ended(5, { outcome: 'lost', spider: 'gazette' }),
        ended(30, { outcome: 'lost', spider: 'gazette' }),
      ],
      {
        nodes: [
          node({ disk_free_bytes: 4 }),
          node({ id: 'b', name: 'n2', state: 'offline', last_error: 'timeout' }),
          node({ id: 'c', name: 'n3', state: 'offline' }),
          node({ id: 'd', name: 'n4', state: 'unknown', last_error: 'wrong password', last_error_at: iso(NOW) }),
        ],
        drifting: ['news'],
        broken: [{ project: 'press', node: null, reason: null, modules: 2 }],
      },
    )

    expect(
      overview.attention.map(({ kind, data }) => [
        kind,
        data['node'] ?? data['spider'] ?? data['project'] ?? data['jobs'],
      ]),
    ).toEqual([
      ['node-offline', 'n3'],
      ['node-offline', 'n2'],
      ['node-problem', 'n4'],
      ['project-broken', 'press'],
      ['spider-failing', 'herald'],
      ['jobs-lost', 1],
      ['code-drift', 'news'],
      ['jobs-waiting', 1],
      ['disk-low', 'n1'],
    ])
    expect(overview.attention[4]).toMatchObject({ since: iso(NOW - 3 * HOUR), data: { failures: 3 } })
    expect(overview.attention[7]).toMatchObject({ since: iso(NOW - HOUR), data: { reason: 'Waits' } })
  })
})

describe('brokenProjects', () => {
  const project = (name: string, errors: Readonly<Record<string, string | null>>, modules = 0) =>
    ({
      name,
      load_errors: modules,
      nodes: Object.entries(errors).map(([at, error]) => ({ node: at, error })),
    }) as unknown as Project

  it('are those that a node cannot use, and those with modules that do not load', () => {
    expect(
      brokenProjects([
        project('well', { n1: null, n2: null }),
        project('gone', { n1: null, n2: 'the folder /srv/gone does not exist' }, 1),
        project('half', { n1: null }, 3),
      ]),
    ).toEqual([
      { project: 'gone', node: 'n2', reason: 'the folder /srv/gone does not exist', modules: 1 },
      { project: 'half', node: null, reason: null, modules: 3 },
    ])
  })
})
