import { beforeEach, describe, expect, it } from 'vitest'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import { readFilter } from '../../../src-renderer/domain/jobs-filter.ts'
import { useConnectionStore } from '../../../src-renderer/stores/connection.ts'
import { PAGE_ROWS, useJobsPageStore } from '../../../src-renderer/stores/jobs-page.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleJob } from '../../helpers/sample-cluster.ts'
import { wait } from '../wait.ts'
import { useStores } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'

const ALL = 100_000
const keyOf = (index: number) => `k${String(index).padStart(24, '0')}`
const jobAt = (index: number, change: Partial<Job> = {}) =>
  sampleJob({
    key: keyOf(index),
    id: `id${index}`,
    state: 'finished',
    outcome: 'finished',
    created_at: '2026-01-01T00:00:00.000Z',
    ...change,
  })

function serving(total: () => number): FakeTransport {
  return new FakeTransport({
    listJobs: ({ query }) => {
      const { cursor = '0', limit = 100 } = (query ?? {}) as { cursor?: string; limit?: number }
      const start = Number(cursor)
      const end = Math.min(total(), start + Number(limit))
      return {
        jobs: Array.from({ length: Math.max(0, end - start) }, (_, index) => jobAt(start + index)),
        total: total(),
        start,
        next: end < total() ? String(end) : null,
      }
    },
  })
}
const event = (job: Job) => ({ type: 'job' as const, seq: 1, at: '', job })

describe('the list of all jobs', () => {
  let transport: FakeTransport
  let list: ReturnType<typeof useJobsPageStore>
  beforeEach(async () => {
    transport = serving(() => ALL)
    useStores(transport)
    list = useJobsPageStore()
    list.show(readFilter({}), {})
    await wait(() => list.isLoaded && list.rowAt(0))
  })

  it('reads one page for the first view of 100 000 jobs', () => {
    expect(list.total).toBe(ALL)
    expect(transport.callsTo('listJobs').length).toBe(1)
    expect(list.rowAt(PAGE_ROWS)).toBe(null)
  })

  it('reads on as rows come into view, and gives back what is far', async () => {
    list.want(10 * PAGE_ROWS, 10 * PAGE_ROWS + 30)
    await wait(() => list.rowAt(10 * PAGE_ROWS + 5))
    expect(list.rowAt(10 * PAGE_ROWS + 5)?.key).toBe(keyOf(10 * PAGE_ROWS + 5))
    list.want(ALL - 30, ALL - 1)
    await wait(() => list.rowAt(ALL - 1))
    expect(list.pages.size).toBeLessThanOrEqual(30)
    expect(list.rowAt(0)).toBe(null)
    const before = transport.callsTo('listJobs').length
    list.want(0, 20)
    await wait(() => list.rowAt(0))
    expect(transport.callsTo('listJobs').length).toBe(before + 1)
  })

  it('changes rows in place, counts new jobs, and moves nothing', async () => {
    list.apply([event(jobAt(3, { state: 'running', outcome: null }))])
    expect(list.rowAt(3)?.state).toBe('running')
    expect(list.changed.has(keyOf(3))).toBe(true)
    list.apply([
      event(
        jobAt(900_001, { state: 'pending', outcome: null, created_at: new Date(Date.now() + 60_000).toISOString() }),
      ),
      // An old job of a page that was not read is nothing new.
      event(jobAt(50_000)),
    ])
    expect(list.fresh.size).toBe(1)
    expect(list.rowAt(0)?.key).toBe(keyOf(0))
    list.apply([{ type: 'stats', key: keyOf(3), pages: 5, items: 4, errors: null, rate: null }])
    expect(list.rowAt(3)).toMatchObject({ pages: 5, items: 4 })
    list.apply([{ type: 'job-removed', seq: 2, at: '', key: keyOf(4) }])
    expect(list.removed.has(keyOf(4))).toBe(true)
    expect(list.rowAt(5)?.key).toBe(keyOf(5))
    await list.reload()
    expect(list.fresh.size).toBe(0)
  })

  it('asks again when the filter changes, and not when only the way there did', async () => {
    list.show(readFilter({}), { peek: 'x' })
    expect(transport.callsTo('listJobs').length).toBe(1)
    list.show(readFilter({ outcome: 'failed', sort: '-duration' }), {})
    expect(list.isLoaded).toBe(false)
    await wait(() => list.isLoaded)
    expect(transport.callsTo('listJobs').at(-1)?.input.query).toMatchObject({ outcome: ['failed'], sort: '-duration' })
  })

  it('gives the rows between two, whichever comes first, as far as they are held', () => {
    expect(list.rowsBetween(7, 4).map(({ key }) => key)).toEqual([4, 5, 6, 7].map(keyOf))
    expect(list.rowsBetween(PAGE_ROWS - 2, PAGE_ROWS + 2).map(({ key }) => key)).toEqual([
      keyOf(PAGE_ROWS - 2),
      keyOf(PAGE_ROWS - 1),
    ])
  })

  it('knows the neighbours of a job', () => {
    expect(list.neighbourOf(keyOf(3), 1)).toBe(keyOf(4))
    expect(list.neighbourOf(keyOf(0), -1)).toBe(null)
    expect(list.neighbourOf('unknown', 1)).toBe(null)
  })

  it('says why it could not be read', async () => {
    transport.answers.listJobs = () => {
      throw new Error('no disk')
    }
    await list.reload()
    expect(String(list.error)).toContain('no disk')
    // What was there before is still there, and is read anew with the next try.
    expect(list.rowAt(3)?.key).toBe(keyOf(3))
    const { listJobs } = serving(() => 5).answers
    if (listJobs !== undefined) transport.answers.listJobs = listJobs
    list.retry()
    await wait(() => list.total === 5)
    expect(list.error).toBe(null)
  })

  it('reads the rows in view as soon as the daemon is back, and keeps those that it has', async () => {
    const { listJobs } = transport.answers
    transport.answers.listJobs = () => {
      throw new CallError('unreachable', 'nobody answers')
    }
    const connection = useConnectionStore()
    connection.update({ state: 'waiting', since: 0, retryAt: 0, reason: 'cut' })
    list.want(PAGE_ROWS, PAGE_ROWS + 30)
    await wait(() => list.error !== null)
    expect(list.rowAt(0)?.key).toBe(keyOf(0))
    if (listJobs !== undefined) transport.answers.listJobs = listJobs
    const localNow = Date.now()
    connection.update({
      state: 'live',
      feed: 'f',
      nodeName: 'n',
      head: 0,
      serverNow: localNow,
      localNow,
      resumed: true,
    })
    await wait(() => list.rowAt(PAGE_ROWS + 5))
    expect([list.error, list.rowAt(0)?.key]).toEqual([null, keyOf(0)])
  })
})
