import { describe, expect, it } from 'vitest'
import type { Pull } from '../../../src-daemon/api/contract/values.ts'
import { NodeStore } from '../../../src-daemon/storage/nodes.ts'
import { ProjectRows, PullRows, SpiderListRows, VersionRows } from '../../../src-daemon/storage/project-rows.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'

describe('ProjectRows', () => {
  it('keeps what was said of projects', async () => {
    const { db, writer } = openLedger()
    const rows = new ProjectRows(db, writer)
    const news = { name: 'news', path: '/p', state: 'added', configuredPath: null } as const
    await rows.put(news)
    await rows.put({ ...news, name: 'old', state: 'removed', configuredPath: '/q' })
    await rows.put({ ...news, path: '/r' })
    expect(rows.rows()).toEqual([
      { ...news, path: '/r' },
      { ...news, name: 'old', state: 'removed', configuredPath: '/q' },
    ])

    await rows.delete('news')
    expect(rows.rows().map((row) => row.name)).toEqual(['old'])
  })
})

describe('VersionRows', () => {
  it('gives the commits that were current, newest last; one that is current again is the newest', async () => {
    const { db, writer } = openLedger()
    const rows = new VersionRows(db, writer)
    for (const [i, commit] of ['a', 'b', 'b', 'c', 'a'].entries()) await rows.record('news', commit, i)
    await rows.record('other', 'x', 9)

    expect([rows.versions('news'), rows.versions('none')]).toEqual([['b', 'c', 'a'], []])
  })
})

describe('PullRows', () => {
  const pull = (i: number, projects: string[]): Pull => ({
    id: `p${i}`,
    projects,
    started_at: new Date(1_000 * i).toISOString(),
    ended_at: null,
    by: null,
    steps: [],
  })

  it('gives the last pulls of a project, newest first, as they are now', async () => {
    const { db, writer } = openLedger()
    const rows = new PullRows(db, writer)
    for (let i = 0; i < 60; i++) await rows.save(pull(i, i % 2 === 0 ? ['news', 'shop'] : ['shop']))
    await rows.save({ ...pull(58, ['news']), by: 'ann' })

    expect(rows.last('shop')).toHaveLength(50)
    expect(
      rows
        .last('news')
        .map(({ id, by }) => [id, by])
        .slice(0, 2),
    ).toEqual([
      ['p58', 'ann'],
      ['p56', null],
    ])
    expect(rows.last('none')).toEqual([])
  })
})

describe('SpiderListRows', () => {
  it('keeps a list over a restart', async () => {
    const first = openLedger()
    const rows = new SpiderListRows<{ readonly spiders: readonly string[] }>(first.db, first.writer)
    await rows.save('news', { spiders: ['a'] })
    await rows.save('news', { spiders: ['a', 'b'] })
    await rows.save('old', { spiders: [] })
    await rows.delete('old')
    first.close()
    const second = openLedger({ dir: first.dir })
    const again = new SpiderListRows<{ readonly spiders: readonly string[] }>(second.db, second.writer)

    expect([again.load('news'), again.load('old')]).toEqual([{ spiders: ['a', 'b'] }, null])
  })
})

describe('NodeStore', () => {
  function open() {
    const parts = openLedger()
    const nodes = new NodeStore(parts.db)
    nodes.insert({ id: 'x', url: 'http://x:6800', name: 'x', source: 'config', since: 1 })
    return { ...parts, nodes }
  }

  it('keeps a node and what is learned of it', () => {
    const { nodes } = open()
    nodes.update('x', { state: 'online', name: 'n2', cursor: 7, known: '{"a":1}' })

    expect(nodes.get('x')).toMatchObject({
      name: 'n2',
      state: 'online',
      cursor: 7,
      known: '{"a":1}',
      kind: 'unknown',
      paused: 0,
    })
    expect(nodes.all().map((row) => row.id)).toEqual(['x'])
    expect(nodes.get('y')).toBeNull()
    expect(() => nodes.insert({ id: 'y', url: 'http://x:6800', name: 'y', source: 'added', since: 1 })).toThrow(
      /UNIQUE/,
    )
  })

  it('keeps ups and downs of 30 days, newest first, and not without bound', () => {
    const { nodes, db } = open()
    const day = 86_400_000
    for (const at of [day, 2 * day, 33 * day]) nodes.addHistory('x', { at, state: 'offline', reason: 'timeout' })
    expect(nodes.history('x').map((row) => row.at / day)).toEqual([33])

    db.transaction(() => {
      for (let i = 0; i < 2_500; i++) nodes.addHistory('x', { at: 34 * day + i, state: 'online', reason: null })
    })()
    expect(nodes.history('x')).toHaveLength(2_000)
    expect(db.prepare('SELECT count(*) FROM node_history').pluck().get()).toBe(2_000)
  })

  it('keeps what a node must still be told, in order', () => {
    const { nodes } = open()
    nodes.addTask('x', 'addproject', '{"p":1}', 5)
    nodes.addTask('x', 'delproject', '{"p":2}', 6)
    const [first] = nodes.tasks('x')
    expect(nodes.tasks('x').map((task) => task.kind)).toEqual(['addproject', 'delproject'])
    nodes.deleteTask(first!.n)
    expect(nodes.tasks('x').map((task) => task.kind)).toEqual(['delproject'])

    nodes.delete('x')
    expect([nodes.get('x'), nodes.tasks('x'), nodes.history('x')]).toEqual([null, [], []])
  })

  it("counts unfinished jobs by node and state, without the master's own queue", () => {
    const { nodes, jobs } = open()
    for (const state of ['running', 'running', 'finished', 'assigned'] as const)
      jobs.insert(newRow({ state, node_id: 'x' }))
    jobs.insert(newRow({ state: 'pending' }))
    jobs.insert(newRow({ state: 'running', node_id: 'local' }))

    expect(
      nodes
        .loads()
        .toSorted((a, b) => a.count - b.count || a.node_id.localeCompare(b.node_id) || a.state.localeCompare(b.state)),
    ).toEqual([
      { node_id: 'local', state: 'running', count: 1 },
      { node_id: 'x', state: 'assigned', count: 1 },
      { node_id: 'x', state: 'running', count: 2 },
    ])
  })
})
