import { describe, expect, it } from 'vitest'
import { migrate } from '../../../src-daemon/storage/migrations.ts'
import { newRow, openLedger, type LedgerParts } from '../../helpers/ledger-parts.ts'

const T = Date.parse('2026-07-08T10:00:00Z')
const HALF_HOUR = 1_800_000

/** A finished run that began `minutes` after T and took `seconds`. */
function run(minutes: number, seconds: number, row: Partial<Parameters<typeof newRow>[0]> = {}) {
  const started = T + minutes * 60_000
  return newRow({
    state: 'finished',
    created_at: started - 5,
    started_at: started,
    ended_at: started + seconds * 1_000,
    pages: seconds * 10,
    items: seconds,
    ...row,
  })
}

function withRows(...rows: ReturnType<typeof newRow>[]): LedgerParts {
  const parts = openLedger()
  parts.db.transaction(() => {
    for (const row of rows) parts.jobs.insert(row)
  })()
  return parts
}

describe('StatsStore', () => {
  it('gives the medians of the last 20 good runs', () => {
    const runs = Array.from({ length: 30 }, (_, i) => run(i, i))
    const { stats } = withRows(
      ...runs,
      run(90, 999, { outcome: 'failed' }),
      run(91, 999, { spider: 'other' }),
      run(92, 999, { started_at: null }),
      newRow({ state: 'running' }),
    )

    expect(stats.usual('news', 'herald')).toEqual({ runs: 20, duration_seconds: 19.5, pages: 195, items: 19.5 })
    expect(stats.usual('news', 'none')).toBeNull()
  })

  it('leaves out what is not known', () => {
    const { stats } = withRows(run(0, 4, { pages: null, items: null }), run(1, 6, { pages: 8, items: null }))

    expect(stats.usual('news', 'herald')).toEqual({ runs: 2, duration_seconds: 5, pages: 8, items: null })
  })

  it("gives a spider's newest jobs, oldest first, those that have not ended included", () => {
    const { stats } = withRows(
      ...Array.from({ length: 15 }, (_, i) => run(i, 1)),
      newRow({ state: 'running' }),
      newRow({ state: 'pending', spider: 'other' }),
      newRow({ state: 'pending' }),
    )
    const recent = stats.recent('news', 'herald', 12)

    expect(recent.map(({ state, outcome }) => outcome ?? state)).toEqual([
      ...Array.from({ length: 10 }, () => 'finished'),
      'running',
      'pending',
    ])
  })

  it('knows the newest finished job', () => {
    const last = run(5, 1)
    const { stats } = withRows(run(9, 1, { spider: 'other' }), last, run(1, 1))

    expect(stats.lastFinished('news', 'herald')).toBe(last.key)
    expect(stats.lastFinished('news', 'none')).toBeNull()
  })

  it('counts ends per half hour and outcome, and sums pages and items', () => {
    const { stats } = withRows(
      run(0, 10),
      run(1, 10, { outcome: 'failed' }),
      run(29, 59),
      run(29, 60),
      run(-60, 10),
      newRow({ state: 'running', pages: 1_000_000 }),
    )

    expect(stats.throughput(T)).toEqual([
      { at: T, outcome: 'failed', count: 1 },
      { at: T, outcome: 'finished', count: 2 },
      { at: T + HALF_HOUR, outcome: 'finished', count: 1 },
    ])
    expect(stats.totals(T)).toEqual({ items: 10 + 10 + 59 + 60, pages: 1_390 })
    expect(stats.totals(T + 10 * HALF_HOUR)).toEqual({ items: 0, pages: 0 })
  })

  it('sums from any moment, also within a half hour', () => {
    const { stats } = withRows(run(0, 10), run(20, 10), run(40, 10, { items: null, pages: null }), run(50, 10))

    expect(stats.totals(T + 15 * 60_000)).toEqual({ items: 20, pages: 200 })
    expect(stats.totals(T + 55 * 60_000)).toEqual({ items: 0, pages: 0 })
  })

  it('counts right whatever becomes of jobs, and keeps nothing of half hours that are empty again', () => {
    const rows = [run(0, 1), run(10, 1, { outcome: 'lost' }), run(40, 1), newRow({ state: 'running' })]
    const { stats, jobs, db } = withRows(...rows)
    const [first, second, third, running] = rows.map(({ key }) => key) as [string, string, string, string]
    const counts = () => stats.throughput(0).map(({ at, outcome, count }) => [(at - T) / HALF_HOUR, outcome, count])

    jobs.update(running, { state: 'finished', outcome: 'finished', ended_at: T + 5, items: 3, pages: 4 })
    expect(counts()).toEqual([
      [0, 'finished', 2],
      [0, 'lost', 1],
      [1, 'finished', 1],
    ])
    // A slave that comes back knows how a lost job ended, and when.
    jobs.update(second, { outcome: 'failed', ended_at: T + HALF_HOUR + 5, items: 7, pages: null })
    jobs.update(first, { reason: 'no matter' })
    expect(counts()).toEqual([
      [0, 'finished', 2],
      [1, 'failed', 1],
      [1, 'finished', 1],
    ])
    expect(stats.totals(0)).toEqual({ items: 1 + 3 + 7 + 1, pages: 10 + 4 + 10 })
    db.prepare('DELETE FROM jobs WHERE key IN (?, ?)').run(first, third)
    db.prepare('DELETE FROM jobs WHERE key = ?').run(running)
    expect(counts()).toEqual([[1, 'failed', 1]])
    expect(db.prepare('SELECT count(*) FROM half_hours').pluck().get()).toBe(1)
  })

  it('counts what a database of an earlier version holds', () => {
    const { db } = withRows(
      run(0, 10),
      run(1, 10, { outcome: 'failed', items: null }),
      run(40, 5),
      newRow({ state: 'running' }),
    )
    const counted = db.prepare('SELECT * FROM half_hours').all()
    expect(counted).toHaveLength(3)
    db.exec(`
      DROP TRIGGER jobs_ended_in; DROP TRIGGER jobs_ended_out; DROP TRIGGER jobs_ended_over; DROP TABLE half_hours;
      PRAGMA user_version = 3;
    `)

    migrate(db, 'file')

    expect(db.prepare('SELECT * FROM half_hours').all()).toEqual(counted)
  })

  it('finds spiders that fail again and again; a cancel in between says nothing', () => {
    const failed = (minutes: number, spider: string) => run(minutes, 60, { spider, outcome: 'failed' })
    const { stats } = withRows(
      failed(0, 'bad'),
      run(1, 1, { spider: 'bad' }),
      failed(2, 'bad'),
      failed(3, 'bad'),
      run(4, 1, { spider: 'bad', outcome: 'cancelled' }),
      failed(5, 'bad'),
      failed(6, 'recovered'),
      failed(7, 'recovered'),
      failed(8, 'recovered'),
      run(9, 1, { spider: 'recovered' }),
      failed(10, 'once'),
      failed(-9_000, 'long-ago'),
      failed(-9_001, 'long-ago'),
      failed(-9_002, 'long-ago'),
    )

    expect(stats.failingInARow(T, 3)).toEqual([{ project: 'news', spider: 'bad', failures: 3, since: T + 3 * 60_000 }])
  })

  it('keeps final stats', async () => {
    const { stats, writer } = openLedger()
    await writer.write(() => stats.put('k', '{"a":{"b":1}}'))
    await writer.write(() => stats.put('k', '{"a":2}'))

    expect(stats.get('k')).toEqual({ a: 2 })
    expect(stats.get('none')).toBeNull()
  })

  it('names arguments and settings of earlier jobs, most used first', () => {
    const { stats } = withRows(
      run(0, 1, { args: '{"tag":"a"}', settings: '{"LOG_LEVEL":"INFO"}' }),
      run(1, 1, { args: '{"tag":"b","section":"world"}' }),
      run(2, 1, { args: '{"other":"1"}', spider: 'other' }),
    )

    expect(stats.usedNames('args', 'news', 'herald')).toEqual(['tag', 'section'])
    expect(stats.usedNames('settings', 'news', 'herald')).toEqual(['LOG_LEVEL'])
  })
})
