import { describe, expect, it } from 'vitest'
import type { PendingGroup } from '../../../src-daemon/storage/jobs.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'

const pending = (row: Partial<Parameters<typeof newRow>[0]> = {}) => newRow({ state: 'pending', ...row })

function withRows(...rows: ReturnType<typeof newRow>[]) {
  const parts = openLedger()
  parts.db.transaction(() => {
    for (const row of rows) parts.jobs.insert(row)
  })()
  return parts
}

const shown = (groups: Iterable<PendingGroup>) =>
  [...groups].map(({ priority, project, spider, pinned_node, n }) => [priority, project, spider, pinned_node, n])

describe('JobStore.pendingProjects', () => {
  it('gives the oldest of each priority and project, best priority first', () => {
    const { jobs } = withRows(
      pending({ project: 'a', spider: 'z' }),
      pending({ project: 'a', spider: 'b' }),
      pending({ project: 'b', priority: 5 }),
      pending({ project: 'a', priority: 5 }),
      pending({ project: 'a', priority: -0.5 }),
      pending({ project: 'c', priority: 5 }),
      pending({ project: 'c', priority: 5 }),
    )

    expect(shown(jobs.pendingProjects())).toEqual([
      [5, 'a', 'herald', null, 4],
      [5, 'b', 'herald', null, 3],
      [5, 'c', 'herald', null, 6],
      [0, 'a', 'z', null, 1],
      [-0.5, 'a', 'herald', null, 5],
    ])
  })

  it('leaves out what runs, what ended, and what waits on another node', () => {
    const { jobs } = withRows(
      newRow({ state: 'running' }),
      newRow({ state: 'finished' }),
      newRow({ state: 'starting' }),
      pending({ node_id: 'other', node: 'n2' }),
    )

    expect(shown(jobs.pendingProjects())).toEqual([])
    expect(shown(jobs.pendingGroups())).toEqual([])
  })

  it('takes any finite priority', () => {
    const { jobs } = withRows(
      pending({ priority: Number.MAX_VALUE }),
      pending({ priority: -Number.MAX_VALUE }),
      pending({ priority: 5e-324 }),
      pending({ priority: -0 }),
    )

    expect([...jobs.pendingProjects()].map((head) => head.priority)).toEqual([
      Number.MAX_VALUE,
      5e-324,
      expect.closeTo(0),
      -Number.MAX_VALUE,
    ])
  })

  it('may be left in the middle, and changed meanwhile', () => {
    const { jobs } = withRows(pending({ project: 'a' }), pending({ project: 'b' }))
    for (const head of jobs.pendingProjects()) {
      jobs.update(head.key, { state: 'starting' })
      break
    }

    expect([...jobs.pendingProjects()].map((head) => head.project)).toEqual(['b'])
  })
})

describe('JobStore.pendingGroups', () => {
  it('tells the versions that are asked for apart', () => {
    const { jobs } = withRows(
      pending({ requested_version: 'c1' }),
      pending(),
      pending({ requested_version: 'c1' }),
      pending({ requested_version: 'c0' }),
    )

    expect([...jobs.pendingGroups()].map(({ requested_version, n }) => [requested_version, n])).toEqual([
      [null, 2],
      ['c0', 4],
      ['c1', 1],
    ])
  })

  it('also tells spiders and pins apart', () => {
    const { jobs } = withRows(
      pending({ spider: 'x' }),
      pending({ spider: 'x', pinned_node: 'n2' }),
      pending({ spider: 'x' }),
      pending({ spider: 'y' }),
      pending({ spider: 'x', priority: 1 }),
    )

    expect(shown(jobs.pendingGroups())).toEqual([
      [1, 'news', 'x', null, 5],
      [0, 'news', 'x', null, 1],
      [0, 'news', 'x', 'n2', 2],
      [0, 'news', 'y', null, 4],
    ])
  })
})

describe('JobStore.counts', () => {
  it('follows every insert, change and removal', () => {
    const { jobs, db } = withRows(pending(), pending(), newRow({ state: 'running' }), newRow({ state: 'finished' }))
    const [first] = db.prepare('SELECT key FROM jobs ORDER BY n').pluck().all() as string[]
    expect(jobs.counts()).toEqual({ pending: 2, assigned: 0, starting: 0, running: 1, finished: 1 })

    jobs.update(first!, { state: 'starting' })
    jobs.update(first!, { reason: 'no change of state' })
    expect(jobs.counts()).toEqual({ pending: 1, assigned: 0, starting: 1, running: 1, finished: 1 })

    jobs.update(first!, { state: 'finished', outcome: 'lost', ended_at: 1 })
    expect(jobs.counts()).toEqual({ pending: 1, assigned: 0, starting: 0, running: 1, finished: 2 })

    db.prepare('DELETE FROM jobs').run()
    expect(jobs.counts()).toEqual({ pending: 0, assigned: 0, starting: 0, running: 0, finished: 0 })
  })

  it('follows a change that is undone', async () => {
    const { jobs, writer } = withRows(pending())
    await writer
      .write(() => {
        jobs.insert(pending())
        throw new Error('undone')
      })
      .catch(() => {})

    expect(jobs.counts().pending).toBe(1)
  })
})

describe('JobStore', () => {
  it('finds the unfinished jobs of a public id within a project', () => {
    const { jobs } = withRows(
      newRow({ state: 'finished', id: 'daily' }),
      pending({ id: 'daily', project: 'other' }),
      newRow({ state: 'running', id: 'daily' }),
    )

    expect(jobs.unfinished('news', 'daily').map((row) => row.state)).toEqual(['running'])
    expect(jobs.unfinished('news', 'none')).toEqual([])
  })

  it('means the job that has not ended by an id, else the newest run', () => {
    const { jobs, db } = withRows(
      newRow({ state: 'running', id: 'daily' }),
      newRow({ state: 'finished', id: 'daily' }),
      newRow({ state: 'finished', id: 'daily', project: 'other' }),
    )

    expect(jobs.newest('daily', null)!.n).toBe(1)
    expect(jobs.newest('daily', 'other')!.n).toBe(3)
    db.prepare(`UPDATE jobs SET state = 'finished', outcome = 'finished', ended_at = 1 WHERE n = 1`).run()
    expect(jobs.newest('daily', null)!.n).toBe(3)
    expect(jobs.newest('daily', 'news')!.n).toBe(2)
    expect(jobs.newest('none', null)).toBeNull()
  })

  it('finds what a node holds', () => {
    const { jobs } = withRows(
      newRow({ state: 'running' }),
      pending({ node_id: 'local' }),
      newRow({ state: 'assigned', node_id: 'x' }),
      newRow({ state: 'finished' }),
      newRow({ state: 'starting', node_id: 'local' }),
    )

    expect(jobs.unfinishedOf('local').map((row) => row.n)).toEqual([1, 5])
    expect(jobs.unfinishedOn('local').map((row) => row.n)).toEqual([1, 2, 5])
    expect(jobs.unfinishedOf('x').map((row) => row.n)).toEqual([3])
    expect(jobs.projectLoads().get('news')).toEqual({ pending: 3, running: 1 })
  })

  it('knows the job that waits for the longest time', () => {
    const { jobs } = withRows(
      newRow({ state: 'finished', created_at: 1 }),
      pending({ created_at: 3_000 }),
      pending({ created_at: 2_000 }),
    )

    expect(jobs.oldestPending()!.created_at).toBe(2_000)
    expect(openLedger().jobs.oldestPending()).toBeNull()
  })

  it.each([
    ['an unknown state', { state: 'waiting' as 'pending' }],
    ['an outcome before the end', { state: 'running' as const, outcome: 'finished' as const }],
    ['an end without an outcome', { state: 'finished' as const, outcome: null }],
    ['an end without a time', { state: 'finished' as const, ended_at: null }],
    ['a run without a start', { state: 'running' as const, started_at: null }],
    ['a fraction of a millisecond', { state: 'pending' as const, created_at: 1.5 }],
  ])('does not take %s', (_what, row) => {
    const { jobs } = openLedger()

    expect(() => jobs.insert(newRow(row))).toThrow(/constraint failed|cannot store/)
  })

  it('does not take a key twice', () => {
    const row = pending()
    const { jobs } = withRows(row)

    expect(() => jobs.insert(row)).toThrow(/UNIQUE/)
  })
})
