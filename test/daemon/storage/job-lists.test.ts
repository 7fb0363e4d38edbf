import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { job as jobSchema, type Job } from '../../../src-daemon/api/contract/values.ts'
import { JobLists, type JobPage } from '../../../src-daemon/storage/job-lists.ts'
import type { JobQuery } from '../../../src-daemon/storage/job-query.ts'
import type { JobSort } from '../../../src-daemon/storage/job-sorts.ts'
import type { NewJobRow } from '../../../src-daemon/storage/jobs.ts'
import { newKey } from '../../../src-daemon/storage/key.ts'
import { anyUrl, newRow, openLedger, type LedgerParts } from '../../helpers/ledger-parts.ts'

const NOW = Date.parse('2026-07-08T12:00:00Z')
const ROWS = 2_000

/** Always the same numbers: a failure can be repeated. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

const STATES: readonly Job['state'][] = [
  'pending',
  'assigned',
  'starting',
  'running',
  ...Array.from({ length: 12 }, () => 'finished' as const),
]
const OUTCOMES = ['finished', 'finished', 'finished', 'failed', 'cancelled', 'lost'] as const

function rows(): NewJobRow[] {
  const roll = dice(7)
  return Array.from({ length: ROWS }, (_, i) => {
    const state = STATES[roll(STATES.length)]!
    // Many rows share a time, a priority and a duration, so that only `n` tells them apart.
    const created = NOW - 100_000_000 + roll(500) * 200_000
    const started = created + roll(20) * 500
    const wasStarted = state === 'running' || (state === 'finished' && roll(5) > 0)
    return newRow({
      state,
      key: newKey(created),
      id: `job-${i}`,
      project: `p${roll(4)}`,
      spider: `s${roll(7)}`,
      created_at: created,
      priority: [0, 0, 0, 1, -2.5, 0.1][roll(6)]!,
      args: JSON.stringify({ tag: roll(50) === 0 ? '100%_sure' : 'other' }),
      node: state === 'pending' ? null : `n${roll(3)}`,
      assigned_at: state === 'assigned' ? created + roll(3) : null,
      started_at: wasStarted ? started : null,
      ...(state === 'finished'
        ? {
            outcome: OUTCOMES[roll(OUTCOMES.length)]!,
            ended_at: started + roll(10) * 1_000,
            reason: roll(9) === 0 ? 'Exit code 1' : null,
          }
        : {}),
    })
  })
}

/** All rows with their number, as a plain query gives them. */
type PlainRow = Required<NewJobRow> & { readonly n: number }

/** A ledger of 5 000 jobs in every state. Its tests only read. */
function fill(): LedgerParts & { readonly all: readonly PlainRow[] } {
  const parts = openLedger({ atEnd: afterAll })
  parts.db.transaction(() => {
    for (const row of rows()) parts.jobs.insert(row)
  })()
  return { ...parts, all: parts.db.prepare('SELECT * FROM jobs').all() as PlainRow[] }
}

/** Every page of a listing, one after the other. */
function allPages({ lists }: LedgerParts, query: JobQuery, sort: JobSort, limit: number): readonly Job[] {
  const jobs: Job[] = []
  const pages: JobPage[] = []
  for (let cursor: string | undefined; pages.at(-1)?.next !== null;) {
    const page = lists.page(query, sort, cursor, limit)!
    expect(page.start).toBe(jobs.length)
    expect(page.jobs.length).toBeLessThanOrEqual(limit)
    jobs.push(...page.jobs)
    pages.push(page)
    cursor = page.next ?? undefined
  }
  // Only the last page may be short, and every page knows how many there are.
  expect(pages.slice(0, -1).every((page) => page.jobs.length === limit)).toBe(true)
  expect(new Set(pages.map((page) => page.total))).toEqual(new Set([jobs.length]))
  return jobs
}

const RANK = { pending: 0, assigned: 1, starting: 2, running: 3, finished: 4 } as const

/** The sort of the contract over plain rows. */
function sortedPlainly(all: readonly PlainRow[], sort: JobSort): readonly PlainRow[] {
  const sign = sort.startsWith('-') ? -1 : 1
  const name = sort.replace('-', '')
  const by = (key: (row: PlainRow) => number) => (a: PlainRow, b: PlainRow) => sign * (key(a) - key(b) || a.n - b.n)
  const started = all.filter((row) => row.started_at !== null)
  switch (name) {
    case 'created':
      return all.toSorted((a, b) => sign * (a.key < b.key ? -1 : 1))
    case 'started':
      return started.toSorted(by((row) => row.started_at!))
    case 'ended':
      return all.filter((row) => row.state === 'finished').toSorted(by((row) => row.ended_at!))
    case 'priority':
      return all.toSorted(by((row) => row.priority))
    case 'duration':
      return started.toSorted(by((row) => (row.ended_at ?? NOW) - row.started_at!))
    default: {
      const key: Record<Job['state'], (row: PlainRow) => readonly [number, number]> = {
        pending: (row) => [-row.priority, row.n],
        assigned: (row) => [row.assigned_at!, row.n],
        starting: (row) => [row.created_at, row.n],
        running: (row) => [-row.started_at!, -row.n],
        finished: (row) => [-row.ended_at!, -row.n],
      }
      return all.toSorted((a, b) => {
        if (a.state !== b.state) return RANK[a.state] - RANK[b.state]
        const [one, two] = [key[a.state](a), key[b.state](b)]
        return one[0] - two[0] || one[1] - two[1]
      })
    }
  }
}

const SORTS: readonly JobSort[] = [
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
]

const noon = NOW - 50_000_000
const FILTERS: readonly (readonly [string, JobQuery, (row: PlainRow) => boolean])[] = [
  ['nothing', {}, () => true],
  ['project', { project: ['p1'] }, (row) => row.project === 'p1'],
  ['projects', { project: ['p1', 'p3'] }, (row) => row.project === 'p1' || row.project === 'p3'],
  ['project and spider', { project: ['p0'], spider: ['s2'] }, (row) => row.project === 'p0' && row.spider === 's2'],
  ['spider', { spider: ['s6'] }, (row) => row.spider === 's6'],
  ['node', { node: ['n1'] }, (row) => row.node === 'n1'],
  ['no such project', { project: ['none'] }, () => false],
  ['state', { state: ['running'] }, (row) => row.state === 'running'],
  ['states', { state: ['pending', 'assigned'] }, (row) => row.state === 'pending' || row.state === 'assigned'],
  ['finished', { state: ['finished'] }, (row) => row.state === 'finished'],
  ['outcome', { outcome: ['failed'] }, (row) => row.outcome === 'failed'],
  ['outcomes', { outcome: ['failed', 'lost'] }, (row) => row.outcome === 'failed' || row.outcome === 'lost'],
  ['outcome of finished', { state: ['finished'], outcome: ['lost'] }, (row) => row.outcome === 'lost'],
  [
    'running or failed',
    { state: ['running', 'finished'], outcome: ['failed'] },
    (row) => row.state === 'running' || row.outcome === 'failed',
  ],
  ['empty lists', { project: [], state: [], outcome: [], q: '' }, () => true],
  ['since', { from: noon }, (row) => row.ended_at === null || row.ended_at >= noon],
  ['until', { to: noon }, (row) => (row.started_at ?? row.created_at) <= noon],
  [
    'between, of one project that failed',
    { from: noon - 20_000_000, to: noon, project: ['p2'], outcome: ['failed'] },
    (row) =>
      row.outcome === 'failed' &&
      row.project === 'p2' &&
      row.ended_at! >= noon - 20_000_000 &&
      (row.started_at ?? row.created_at) <= noon,
  ],
]

const holds = (name: string) => FILTERS.find(([other]) => other === name)![2]

describe('JobLists', () => {
  let ledger: ReturnType<typeof fill>
  beforeAll(() => {
    ledger = fill()
  })
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each(SORTS)('pages through every row once, in the order of %s, whatever the filter', (sort) => {
    const sorted = sortedPlainly(ledger.all, sort)
    for (const [name, query, isMatch] of FILTERS) {
      const expected = sorted.filter(isMatch).map((row) => row.key)
      const found = allPages(ledger, query, sort, 193).map((job) => job.key)
      expect({ filter: name, keys: found }).toEqual({ filter: name, keys: expected })
      expect({ filter: name, count: ledger.lists.count(query, sort) }).toEqual({ filter: name, count: expected.length })
    }
  })

  it.each(SORTS)('gives pages of one row and of all rows in the order of %s', (sort) => {
    const query = { project: ['p1'], outcome: ['lost'], state: ['running', 'pending'] } as const
    const one = allPages(ledger, query, sort, 1).map((job) => job.key)
    const all = allPages(ledger, query, sort, 10_000).map((job) => job.key)

    expect(one.length).toBeGreaterThan(50)
    expect(one).toEqual(all)
  })

  it('keeps the place of running jobs between pages of a sort by duration', () => {
    const first = ledger.lists.page({ state: ['running'] }, 'duration', undefined, 30)!
    // An hour passes before the next page is asked for.
    vi.setSystemTime(NOW + 3_600_000)
    const seen = new Set(first.jobs.map((job) => job.key))
    for (let cursor = first.next; cursor !== null;) {
      const page = ledger.lists.page({ state: ['running'] }, 'duration', cursor, 30)!
      for (const job of page.jobs) {
        expect(seen.has(job.key)).toBe(false)
        seen.add(job.key)
      }
      cursor = page.next
    }

    expect(seen.size).toBe(ledger.all.filter((row) => row.state === 'running').length)
  })

  it('finds text in id, spider, project, argument, reason and key, with % and _ as they are', async () => {
    const find = async (q: string, sort: JobSort = 'default') => {
      const { total, among } = await ledger.lists.search({ q }, sort)
      const page = ledger.lists.page({ q, among: among ?? undefined }, sort, undefined, ROWS, total)!
      expect(page.total).toBe(page.jobs.length)
      return page.jobs.map((job) => job.key)
    }
    const plainly = (isMatch: (row: PlainRow) => boolean) =>
      sortedPlainly(ledger.all, 'default')
        .filter(isMatch)
        .map((row) => row.key)

    expect(await find('JOB-1234')).toEqual(plainly((row) => row.id === 'job-1234'))
    expect(await find('100%_s')).toEqual(plainly((row) => row.args.includes('100%_sure')))
    expect(await find('100%%')).toEqual([])
    expect(await find('100__')).toEqual([])
    expect(await find('exit code')).toEqual(plainly((row) => row.reason !== null))
    expect(await find(ledger.all[70]!.key)).toEqual([ledger.all[70]!.key])
    expect(await find('no such text')).toEqual([])
    expect(await find('s', 'ended')).toEqual(sortedPlainly(ledger.all, 'ended').map((row) => row.key))
  })

  it('searches among many matches without holding them, with the same pages', async () => {
    const query = { q: 'other', project: ['p1'] }
    const { total, among } = await ledger.lists.search(query, '-created')
    const expected = sortedPlainly(ledger.all, '-created').filter(
      (row) => row.project === 'p1' && row.args.includes('other'),
    )

    expect(total).toBe(expected.length)
    for (const how of [among ?? undefined, undefined]) {
      const page = ledger.lists.page({ ...query, among: how }, '-created', undefined, 100, total)!
      expect(page.jobs.map((job) => job.key)).toEqual(expected.slice(0, 100).map((row) => row.key))
    }
  })

  it.each([
    '',
    'rubbish',
    '0_1_2_3',
    'default_9_1_2_3_4',
    'default_0_NaN_2_3_4',
    'default_0_1_2_3_99999999999999999999',
    'ended_0_1_2_3_4',
    "default_0_1' OR 1_2_3_4",
  ])('refuses the cursor %j', (cursor) => {
    expect(ledger.lists.page({}, 'default', cursor, 10)).toBeNull()
  })

  it('takes a cursor for its own sort only', () => {
    const { next } = ledger.lists.page({}, 'started', undefined, 10)!

    expect(ledger.lists.page({}, 'started', next!, 10)).not.toBeNull()
    expect(ledger.lists.page({}, '-started', next!, 10)).toBeNull()
    expect(ledger.lists.page({}, 'duration', next!, 10)).toBeNull()
  })

  it('gives rows that fit the contract', () => {
    const { jobs } = ledger.lists.page({}, '-created', undefined, 500)!

    expect(jobs.map((job) => jobSchema.parse(job))).toEqual(jobs)
  })

  it('gives the keys that match, newest first', () => {
    const newestFirst = ledger.all.toReversed()
    const keys = (name: string, limit: number) =>
      newestFirst
        .filter(holds(name))
        .slice(0, limit)
        .map((row) => row.key)

    expect(ledger.lists.keys({ outcome: ['failed'] }, 10_000)).toEqual(keys('outcome', 10_000))
    expect(ledger.lists.keys({ project: ['p1'] }, 77)).toEqual(keys('project', 77))
    expect(ledger.lists.keys({ state: ['pending', 'assigned'] }, Number.MAX_SAFE_INTEGER)).toEqual(
      keys('states', 10_000),
    )
  })

  it.each(SORTS)('walks along indexes in the order of %s, and sorts nothing', (sort) => {
    const asked: string[] = []
    const db = new Proxy(ledger.db, {
      get(target, name) {
        if (name !== 'prepare') return Reflect.get(target, name) as unknown
        return (sql: string) => {
          asked.push(sql)
          return target.prepare(sql)
        }
      },
    })
    new JobLists(db, anyUrl).page({}, sort, undefined, 2_000)

    const listed = asked.filter((sql) => sql.includes('ORDER BY'))
    expect(listed.length).toBeGreaterThan(0)
    for (const sql of listed) {
      // The few jobs that are on their way to a process, and those that run, may be sorted.
      if (sql.includes(`'assigned' AND`) || sql.includes(`'starting' AND`) || sql.includes(':now -')) continue
      const plan = ledger.db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all({ now: 0, limit: 1, after_key: 0, after_n: 0 }) as { detail: string }[]
      expect(`${plan.map((row) => row.detail).join()} ${sql}`).toMatch(
        /^(SCAN|SEARCH) jobs USING (COVERING )?INDEX \w+ (\([^)]*\)(<>\([^)]*\)\))? )?SELECT/,
      )
    }
  })

  it('reads no rows to count by state', () => {
    for (const state of ['pending', 'assigned', 'starting', 'running', 'finished'] as const) {
      const expected = ledger.all.filter((row) => row.state === state).length
      expect(ledger.lists.count({ state: [state] })).toBe(expected)
      expect(ledger.jobs.counts()[state]).toBe(expected)
    }
  })
})
