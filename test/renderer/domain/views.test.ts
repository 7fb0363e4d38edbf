// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { summarizeCode } from '../../../src-renderer/domain/code-summary.ts'
import {
  codeView,
  masterCode,
  shownCells,
  type CodeOnNode,
  type CodeStatus,
} from '../../../src-renderer/domain/code-view.ts'
import { compareJobs, isCancelling, jobSeconds, jobStatus, shortCommit } from '../../../src-renderer/domain/job-view.ts'
import {
  byAttention,
  diskIsLow,
  freeSlots,
  nodeAddress,
  nodeStatus,
  railNodes,
} from '../../../src-renderer/domain/node-view.ts'
import { isGitError, pullGlyph } from '../../../src-renderer/domain/pull-view.ts'
import { jobsOf, pairProblems, pairRow, pastedNames } from '../../../src-renderer/domain/run-form.ts'
import { upDays } from '../../../src-renderer/domain/uptime.ts'
import { sampleCluster, sampleJob } from '../../helpers/sample-cluster.ts'

const cluster = sampleCluster()
const [local] = cluster.nodes
if (local === undefined) throw new Error('a cluster has a master')

describe('jobs', () => {
  it.each([
    ['pending', null, 'pending'],
    ['assigned', null, 'starting'],
    ['starting', null, 'starting'],
    ['running', null, 'running'],
    ['finished', 'finished', 'finished'],
    ['finished', 'lost', 'lost'],
  ] as const)('%s %s is shown as %s', (state, outcome, status) => {
    expect(jobStatus({ state, outcome })).toBe(status)
  })

  it('are listed pending, starting, running, then newest end', () => {
    const at = (minute: number) => `2026-11-22T10:${String(minute).padStart(2, '0')}:00.000Z`
    const jobs = [
      sampleJob({ id: 'ended 1', ended_at: at(1) }),
      sampleJob({ id: 'running', state: 'running', outcome: null, ended_at: null, started_at: at(9) }),
      sampleJob({ id: 'ended 5', ended_at: at(5) }),
      sampleJob({ id: 'starting', state: 'starting', outcome: null, ended_at: null }),
      sampleJob({ id: 'low', state: 'pending', outcome: null, ended_at: null, priority: 0 }),
      sampleJob({ id: 'high', state: 'pending', outcome: null, ended_at: null, priority: 9 }),
    ]
    expect(jobs.toSorted(compareJobs).map(({ id }) => id)).toEqual([
      'high',
      'low',
      'starting',
      'running',
      'ended 5',
      'ended 1',
    ])
  })

  it('run until they end, or until now', () => {
    const job = { started_at: '2026-11-22T10:00:00.000Z', ended_at: null }
    expect(jobSeconds(job, Date.parse('2026-11-22T10:00:42.000Z'))).toBe(42)
    expect(jobSeconds({ ...job, ended_at: '2026-11-22T10:00:02.000Z' }, 0)).toBe(2)
    expect(jobSeconds({ started_at: null, ended_at: null }, 0)).toBeNull()
  })

  it('are being cancelled only until they end', () => {
    expect(isCancelling({ state: 'running', cancel_requested_at: 'x' })).toBe(true)
    expect(isCancelling({ state: 'finished', cancel_requested_at: 'x' })).toBe(false)
  })

  it('show commits as git does, and other versions as they are', () => {
    expect(shortCommit('a81d40f3c2b1908d7e6f5a4b3c2d1e0f9a8b7c6d')).toBe('a81d40f')
    expect(shortCommit('r23')).toBe('r23')
  })
})

describe('nodes', () => {
  it('are paused only while they are online', () => {
    expect([nodeStatus({ state: 'online', paused: true }), nodeStatus({ state: 'offline', paused: true })]).toEqual([
      'paused',
      'offline',
    ])
  })

  it('that need somebody come first', () => {
    expect(byAttention(cluster.nodes).map((node) => nodeStatus(node))).toEqual([
      'offline',
      'paused',
      'unknown',
      'online',
      'online',
      'online',
    ])
  })

  it('all stand in the rail up to twelve; above that those not online, then the fullest', () => {
    expect(railNodes(cluster.nodes)).toEqual(cluster.nodes)
    const many = Array.from({ length: 40 }, (_, index) => ({
      ...local,
      id: `n${index}`,
      name: `n${index}`,
      running: index % 12,
      state: index === 30 ? ('offline' as const) : ('online' as const),
    }))
    const rail = railNodes(many)
    expect(rail).toHaveLength(12)
    expect(rail[0]?.name).toBe('n30')
    expect(rail.slice(1).map(({ running }) => running)).toEqual([11, 11, 11, 10, 10, 10, 9, 9, 9, 8, 8])
  })

  it('know their address, free slots and a full disk', () => {
    expect([nodeAddress({ url: 'http://10.20.0.23:6800' }), nodeAddress({ url: null })]).toEqual([
      '10.20.0.23:6800',
      null,
    ])
    expect([
      freeSlots({ ...local, running: 3 }),
      freeSlots({ ...local, paused: true }),
      freeSlots({ ...local, running: 20 }),
    ]).toEqual([9, 0, 0])
    expect([
      diskIsLow({ disk_free_bytes: 4, disk_total_bytes: 100 }),
      diskIsLow({ disk_free_bytes: 5, disk_total_bytes: 100 }),
      diskIsLow({ disk_free_bytes: null, disk_total_bytes: 9 }),
    ]).toEqual([true, false, false])
  })
})

describe('up and down of 30 days', () => {
  const now = Date.parse('2026-11-22T12:00:00.000Z')
  const at = (days: number) => new Date(now - days * 86_400_000).toISOString()

  it('marks each day by its worst moment, and nothing before the first entry', () => {
    const days = upDays(
      [
        { at: at(1.2), state: 'online', reason: null },
        { at: at(3.5), state: 'offline', reason: 'x' },
        { at: at(10.5), state: 'online', reason: null },
      ],
      now,
    )
    expect(days.slice(0, 19)).toEqual(Array.from({ length: 19 }, () => 'unknown'))
    expect(days.slice(19)).toEqual(['up', 'up', 'up', 'up', 'up', 'up', 'up', 'down', 'down', 'down', 'up'])
  })

  it('knows nothing of a new node', () => {
    expect(new Set(upDays([], now))).toEqual(new Set(['unknown']))
  })
})

describe('code', () => {
  const newspapers = cluster.projects.find(({ name }) => name === 'newspapers')
  if (newspapers === undefined) throw new Error('the cluster has newspapers')
  const master = masterCode(newspapers, 'hq-01')
  const on = (node: string) => newspapers.nodes.find((code) => code.node === node)
  const own = on('hq-01') as CodeOnNode
  const other = { ...own, node: 'x', commit: 'b'.repeat(40) }

  it.each([
    ['the same commit', { ...own, node: 'x' }, 'same', 0],
    ['local changes', { ...own, dirty: true }, 'dirty', 0],
    ['two commits behind', on('crawl-02'), 'behind', 2],
    ['a commit ahead', { ...other, ahead: 1 }, 'ahead', 1],
    ['a commit that nobody can place', { ...other, behind: null, ahead: null }, 'other', 0],
    ['both ahead and behind', { ...other, behind: 1, ahead: 1 }, 'other', 0],
    ['a node that is away', on('crawl-03'), 'offline', 0],
    ['a folder that is missing', { ...own, error: 'no such folder' }, 'broken', 0],
    ['no such project there', undefined, 'absent', 0],
    ['a folder beside a repository', { ...own, commit: null }, 'other', 0],
  ] as const)('%s', (_, code, status, distance) => {
    expect(codeView(code, master)).toEqual({ status, distance })
  })

  it('is behind where the master is behind less', () => {
    expect(codeView({ ...other, behind: 5 }, { commit: 'a', behind: 2, ahead: 0 })).toEqual({
      status: 'behind',
      distance: 3,
    })
  })

  it('says in one line what is most worth saying', () => {
    expect(summarizeCode(newspapers, 'hq-01', 6)).toMatchObject({ kind: 'drift', node: 'crawl-02' })
    const same = { ...newspapers, nodes: [own, { ...own, node: 'b' }] }
    expect(summarizeCode(same, 'hq-01', 2)).toEqual({ kind: 'same', on: 2 })
    expect(summarizeCode(same, 'hq-01', 5)).toEqual({ kind: 'some', on: 2, of: 5 })
    expect(summarizeCode({ ...newspapers, nodes: [own] }, 'hq-01', 5)).toEqual({ kind: 'only', node: 'hq-01' })
  })
})

describe('the cells of a project', () => {
  const cell = (name: string, status: CodeStatus) => ({ name, status })
  it('are all there, in their order, as long as there is room', () => {
    const cells = [cell('a', 'absent'), cell('b', 'same'), cell('c', 'dirty')]
    expect(shownCells(cells, 3)).toEqual(cells)
  })

  it('are those that differ, then those that have it, when there are many nodes', () => {
    const cells = [
      ...Array.from({ length: 100 }, (_, index) => cell(`x${index}`, 'absent')),
      cell('a', 'same'),
      cell('b', 'offline'),
      cell('c', 'behind'),
      cell('d', 'broken'),
      cell('e', 'same'),
    ]
    expect(shownCells(cells, 6).map(({ name }) => name)).toEqual(['d', 'c', 'b', 'a', 'e', 'x0'])
  })
})

describe('a pull', () => {
  it('has a shape for each step and knows what git complains about', () => {
    expect((['waiting', 'running', 'ok', 'error'] as const).map((state) => pullGlyph({ state }))).toEqual([
      'pending',
      'starting',
      'finished',
      'failed',
    ])
    expect(
      ['error: Your local changes', 'fatal: not a git repository', 'Updating 3f9c1e2..a81d40f'].map(isGitError),
    ).toEqual([true, true, false])
  })
})

describe('the run form', () => {
  it('marks a value without a name and a name that is there already', () => {
    const rows = [pairRow('since', '1'), pairRow('', ''), pairRow('', 'x'), pairRow(' since ', '2')]
    expect([...pairProblems(rows)]).toEqual([
      [rows[2]?.id, 'empty'],
      [rows[3]?.id, 'repeated'],
    ])
  })

  it('makes one job a spider', () => {
    const form = {
      project: 'p',
      spiders: ['a', 'b'],
      args: [pairRow(' since ', ' 1 '), pairRow()],
      settings: [pairRow('LOG_LEVEL', 'INFO')],
      node: '',
      priority: 2,
    }
    expect(jobsOf(form)).toEqual([
      { project: 'p', spider: 'a', priority: 2, args: { since: ' 1 ' }, settings: { LOG_LEVEL: 'INFO' } },
      { project: 'p', spider: 'b', priority: 2, args: { since: ' 1 ' }, settings: { LOG_LEVEL: 'INFO' } },
    ])
    expect(jobsOf({ ...form, node: 'crawl-01' }, ['a'])[0]?.node).toBe('crawl-01')
  })

  it('takes many names from a paste', () => {
    expect(pastedNames('a, b\n人民日报、c；\t a')).toEqual(['a', 'b', '人民日报', 'c'])
  })
})
