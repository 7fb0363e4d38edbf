import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { EphemeralEvent } from '../../../src-daemon/api/contract/events.ts'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import type { JobsPageRow } from '../../../src-daemon/api/ports.ts'
import { LedgerJobsPage } from '../../../src-daemon/node/ledger-jobs-page.ts'
import { LiveEvents } from '../../../src-daemon/node/live-events.ts'
import { LiveFeed } from '../../../src-daemon/node/live-feed.ts'
import { ChangeTeller } from '../../../src-daemon/node/change-teller.ts'
import { anyUrl, jobRequest, newRow, openLedger } from '../../helpers/ledger-parts.ts'

function openFeed(historyToKeep = 100) {
  const parts = openLedger()
  const live = new LiveEvents()
  const state = vi.fn(async () => ({ nodes: [{ id: 'local' }], projects: [{ name: 'news' }] }))
  const feed = new LiveFeed({ ...parts, live, feed: parts.database.feed, historyToKeep, state })
  return { ...parts, live, feed, state }
}

interface Snapshot {
  readonly type: 'snapshot'
  readonly jobs: readonly Job[]
  readonly nodes: readonly unknown[]
  readonly projects: readonly unknown[]
}

async function snapshotOf(feed: LiveFeed): Promise<{ heads: Set<number>; pages: Snapshot[] }> {
  const heads = new Set<number>()
  const pages: Snapshot[] = []
  for await (const { head, json } of feed.snapshot()) {
    heads.add(head)
    pages.push(JSON.parse(json) as Snapshot)
  }
  return { heads, pages }
}

describe('LiveFeed', () => {
  it('reads numbered events and wakes followers at each commit', async () => {
    const { feed, ledger, database } = openFeed()
    let wakes = 0
    const off = feed.onCommit(() => wakes++)
    await ledger.schedule(jobRequest())
    off()
    await ledger.schedule(jobRequest())

    expect(wakes).toBe(1)
    expect([feed.feed, feed.head(), feed.oldest()]).toEqual([database.feed, 2, 1])
    expect(feed.read(1, 10).map(({ seq, type }) => [seq, type])).toEqual([[2, 'job']])
    const { at } = JSON.parse(feed.read(1, 1)[0]!.json) as { at: string }
    expect([feed.isSame(2, Date.parse(at)), feed.isSame(2, 1)]).toEqual([true, false])
  })

  it('gives nodes and projects, then all jobs that have not ended and the newest that have', async () => {
    const { feed, jobs, db } = openFeed(5)
    db.transaction(() => {
      for (let i = 0; i < 9; i++) jobs.insert(newRow({ state: 'finished', ended_at: 1_000 + i }))
      for (const state of ['pending', 'assigned', 'starting', 'running'] as const) jobs.insert(newRow({ state }))
    })()
    const { heads, pages } = await snapshotOf(feed)

    expect([...heads]).toEqual([0])
    expect(pages[0]).toMatchObject({ type: 'snapshot', nodes: [{ id: 'local' }], projects: [{ name: 'news' }] })
    const found = pages.flatMap((page) => page.jobs)
    expect(found.filter((job) => job.state !== 'finished')).toHaveLength(4)
    expect(found.filter((job) => job.state === 'finished').map((job) => Date.parse(job.ended_at!))).toEqual([
      1_008, 1_007, 1_006, 1_005, 1_004,
    ])
  })

  it('has nothing older than its head in a snapshot: what changes meanwhile comes again as an event', async () => {
    const { feed, ledger, state } = openFeed()
    await ledger.schedule(jobRequest())
    state.mockImplementationOnce(async () => {
      await ledger.schedule(jobRequest())
      return { nodes: [], projects: [] }
    })
    const { heads, pages } = await snapshotOf(feed)

    expect([...heads]).toEqual([1])
    expect(pages.flatMap((page) => page.jobs)).toHaveLength(2)
    expect(feed.read(1, 10)).toHaveLength(1)
  })

  it('passes ephemeral events to those who listen now', () => {
    const { feed, live } = openFeed()
    const event = { type: 'reset', feed: 'a', reason: 'b' } as const
    const heard: EphemeralEvent[] = []
    const off = feed.onEphemeral((one) => heard.push(one))
    live.tell(event)
    off()
    live.tell(event)

    expect(heard).toEqual([event])
  })
})

describe('ChangeTeller', () => {
  function teller() {
    vi.useFakeTimers()
    const live = new LiveEvents()
    const told: number[] = []
    live.on((event) => event.type === 'load' && told.push(event.pending))
    let pending = 0
    const loads = new ChangeTeller({
      live,
      everyMs: 1_000,
      read: (id) =>
        id === 'gone' ? null : { type: 'load', node: id, pending, running: 0, max_proc: 4, latency_ms: 0 },
    })
    onTestFinished(() => {
      loads.stop()
      vi.useRealTimers()
    })
    return {
      loads,
      told,
      set: (count: number) => {
        pending = count
        loads.changed('local')
      },
    }
  }

  it('tells a change at once, then at most every second, and the last one always', () => {
    const { told, set } = teller()
    vi.advanceTimersByTime(5_000)
    for (let i = 1; i <= 50; i++) {
      set(i)
      vi.advanceTimersByTime(50)
    }
    vi.advanceTimersByTime(2_000)

    expect(told.length).toBeGreaterThanOrEqual(3)
    expect(told.length).toBeLessThanOrEqual(5)
    expect([told[0], told.at(-1)]).toEqual([1, 50])
  })

  it('tells nothing twice, nothing of a node that is gone, nothing after stop', () => {
    const { loads, told, set } = teller()
    set(1)
    vi.advanceTimersByTime(2_000)
    set(1)
    loads.changed('gone')
    vi.advanceTimersByTime(2_000)
    expect(told).toEqual([1])
    set(2)
    loads.stop()
    vi.advanceTimersByTime(2_000)

    expect(told).toEqual([1])
  })

  it('tells the end of what it has told of, once', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const live = new LiveEvents()
    const told: string[] = []
    live.on((event) => told.push(event.type))
    const forward = { id: 'f', node: 'n', url: 'http://n', created_at: '', last_used_at: '', open: 0 }
    let isThere = true
    const teller = new ChangeTeller({
      live,
      everyMs: 100,
      read: () => (isThere ? { type: 'forward', forward } : null),
      gone: (id) => ({ type: 'forward-removed', id }),
    })
    const change = (there: boolean) => {
      isThere = there
      teller.changed('f')
      vi.advanceTimersByTime(200)
    }
    change(false)
    change(true)
    change(false)
    change(false)

    expect(told).toEqual(['forward', 'forward-removed'])
  })
})

describe('LedgerJobsPage', () => {
  it("gives the rows of Scrapyd's page, finished ones as many as are to be shown", async () => {
    const { lists, jobs } = openLedger()
    jobs.insert(newRow({ state: 'pending', id: 'p' }))
    jobs.insert(newRow({ state: 'running', id: 'r', pid: 77, started_at: 1_000 }))
    for (let i = 0; i < 4; i++)
      jobs.insert(newRow({ state: 'finished', id: `f${i}`, started_at: 500, ended_at: 1_000 + i }))
    jobs.insert(newRow({ state: 'finished', id: 'x', started_at: null, ended_at: 2_000, outcome: 'cancelled' }))
    const page = new LedgerJobsPage(lists, anyUrl, 3)
    const rows = async (state: 'pending' | 'running' | 'finished') => {
      const found: JobsPageRow[] = []
      for await (const row of page.rows(state)) found.push(row)
      return found
    }
    const shared = { project: 'news', spider: 'herald', itemsUrl: null }

    expect(await rows('pending')).toEqual([
      { ...shared, job: 'p', pid: null, startedAt: null, endedAt: null, logUrl: null },
    ])
    expect(await rows('running')).toEqual([
      { ...shared, job: 'r', pid: 77, startedAt: 1_000, endedAt: null, logUrl: '/logs/news/herald/r.log' },
    ])
    expect((await rows('finished')).map(({ job, pid, logUrl }) => [job, pid, logUrl])).toEqual([
      ['x', null, null],
      ['f3', null, '/logs/news/herald/f3.log'],
      ['f2', null, '/logs/news/herald/f2.log'],
    ])
  })
})
