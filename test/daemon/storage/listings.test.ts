import { describe, expect, it } from 'vitest'
import { job as jobSchema, type Job } from '../../../src-daemon/api/contract/values.ts'
import type { ListedJob } from '../../../src-daemon/api/contract/scrapyd-api.ts'
import { newRow, openLedger, type LedgerParts } from '../../helpers/ledger-parts.ts'

const BEGIN = Date.parse('2026-07-08T09:10:11.120Z')

/** 2 500 finished, 1 100 pending, 3 running jobs in two projects. */
function filled(): LedgerParts {
  const parts = openLedger()
  parts.db.transaction(() => {
    for (let i = 0; i < 2_500; i++) {
      const project = i % 5 === 0 ? 'rare' : 'news'
      const ended = BEGIN + (i % 100) * 1_000
      parts.jobs.insert(
        newRow({
          state: 'finished',
          id: `done-${i}`,
          project,
          created_at: BEGIN - 9,
          started_at: BEGIN,
          ended_at: ended,
        }),
      )
    }
    for (let i = 0; i < 1_100; i++) {
      parts.jobs.insert(newRow({ state: i % 7 === 0 ? 'starting' : 'pending', id: `wait-${i}`, priority: i % 3 }))
    }
    for (let i = 0; i < 3; i++) {
      parts.jobs.insert(newRow({ state: 'running', id: `run-${i}`, started_at: BEGIN + 1_000 * (3 - i) }))
    }
  })()
  return parts
}

async function listed(
  { lists }: LedgerParts,
  state: 'pending' | 'running' | 'finished',
  project: string | null = null,
  limit = Number.MAX_SAFE_INTEGER,
): Promise<readonly ListedJob[]> {
  const jobs: ListedJob[] = []
  for await (const chunk of lists.listed(state, project, limit)) {
    const rows = JSON.parse(`[${chunk}]`) as ListedJob[]
    expect(rows.length).toBeLessThanOrEqual(1_000)
    jobs.push(...rows)
  }
  return jobs
}

describe('JobLists.listed', () => {
  it('gives finished jobs newest end first, every one once', async () => {
    const parts = filled()
    const jobs = await listed(parts, 'finished')

    expect(new Set(jobs.map((job) => job.id)).size).toBe(2_500)
    const ends = jobs.map((job) => job.end_time!)
    expect(ends).toEqual(ends.toSorted().toReversed())
  })

  it('gives pending jobs by priority, then age; Scrapyd has no state between pending and running', async () => {
    const jobs = await listed(filled(), 'pending')

    expect(jobs.length).toBe(1_100)
    const order = jobs.map((job) => [-job.priority, Number(job.id.slice(5))] as const)
    expect(order).toEqual(order.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
  })

  it('gives running jobs in the order of their start', async () => {
    expect((await listed(filled(), 'running')).map((job) => job.id)).toEqual(['run-2', 'run-1', 'run-0'])
  })

  it('gives those of one project, and so many', async () => {
    const parts = filled()

    expect((await listed(parts, 'finished', 'rare')).length).toBe(500)
    expect((await listed(parts, 'finished', 'none')).length).toBe(0)
    expect((await listed(parts, 'finished', null, 1_500)).length).toBe(1_500)
    expect((await listed(parts, 'finished', 'news', 7)).length).toBe(7)
    expect((await listed(parts, 'finished', null, 0)).length).toBe(0)
    expect((await listed(parts, 'pending', 'rare')).length).toBe(0)
  })

  it('gives rows in the form of Scrapyd, with what we know beside it', async () => {
    const parts = openLedger()
    const shared = { args: '{"tag":"a"}', settings: '{"LOG_LEVEL":"INFO"}', version: 'abc', priority: 2 }
    parts.jobs.insert(newRow({ ...shared, state: 'pending', id: 'p', node: null }))
    parts.jobs.insert(newRow({ ...shared, state: 'running', id: 'r', started_at: BEGIN, pid: 77 }))
    parts.jobs.insert(
      newRow({
        ...shared,
        state: 'finished',
        id: 'f',
        started_at: BEGIN,
        ended_at: BEGIN + 61_007,
        outcome: 'failed',
        exit_code: 1,
        reason: 'Exit code 1',
      }),
    )
    parts.jobs.insert(
      newRow({
        ...shared,
        state: 'finished',
        id: 'x',
        started_at: null,
        ended_at: BEGIN,
        outcome: 'cancelled',
        exit_code: null,
      }),
    )
    const known = {
      project: 'news',
      spider: 'herald',
      version: 'abc',
      priority: 2,
      args: { tag: 'a' },
      settings: { LOG_LEVEL: 'INFO' },
    }
    const files = (id: string) => ({ log_url: `/logs/news/herald/${id}.log`, items_url: null })

    expect(await listed(parts, 'pending')).toEqual([{ ...known, id: 'p', cluster_node: null }])
    expect(await listed(parts, 'running')).toEqual([
      { ...known, ...files('r'), id: 'r', pid: 77, start_time: localTime(BEGIN), cluster_node: 'n1' },
    ])
    const ended = { signal: null, cluster_node: 'n1' }
    expect(await listed(parts, 'finished')).toEqual([
      {
        ...known,
        ...files('f'),
        ...ended,
        id: 'f',
        start_time: localTime(BEGIN),
        end_time: localTime(BEGIN + 61_007),
        exit_code: 1,
        outcome: 'failed',
        reason: 'Exit code 1',
      },
      {
        ...known,
        ...files('x'),
        ...ended,
        id: 'x',
        start_time: localTime(BEGIN),
        end_time: localTime(BEGIN),
        exit_code: null,
        outcome: 'cancelled',
        reason: null,
      },
    ])
  })

  it('writes rows as Scrapyd does: its own members first, spaced as Python spaces them', async () => {
    const parts = openLedger()
    const args = { args: '{"tag":"a:b, \\"c\\"","名":"值"}', settings: '{}', started_at: BEGIN, pid: 77 }
    parts.jobs.insert(newRow({ ...args, state: 'pending', id: 'p', node: null }))
    parts.jobs.insert(newRow({ ...args, state: 'running', id: 'r' }))
    parts.jobs.insert(newRow({ ...args, state: 'finished', id: 'f', ended_at: BEGIN + 1_000, outcome: 'finished' }))
    const text = async (state: 'pending' | 'running' | 'finished') => {
      for await (const chunk of parts.lists.listed(state, null, 10)) return chunk
      return ''
    }
    const said = String.raw`{"tag": "a:b, \"c\"", "名": "值"}`
    const time = localTime(BEGIN)

    expect(await text('pending')).toMatch(
      `{"id": "p", "project": "news", "spider": "herald", "version": null, "settings": {}, "args": ${said}, "priority": `,
    )
    expect(await text('running')).toMatch(
      `{"id": "r", "project": "news", "spider": "herald", "pid": 77, "start_time": "${time}", ` +
        `"log_url": "/logs/news/herald/r.log", "items_url": null, "args": ${said}, "settings": {}, "version": null, `,
    )
    expect(await text('finished')).toMatch(
      `{"id": "f", "project": "news", "spider": "herald", "start_time": "${time}", ` +
        `"end_time": "${localTime(BEGIN + 1_000)}", "log_url": "/logs/news/herald/f.log", "items_url": null, `,
    )
  })

  it('lets others have their turn between its chunks', async () => {
    const parts = filled()
    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    await listed(parts, 'finished')
    isDone = true

    expect(turns).toBeGreaterThanOrEqual(2)
  })
})

describe('JobLists.rows', () => {
  it('gives the whole rows of a state', async () => {
    const parts = filled()
    const ids: string[] = []
    for await (const row of parts.lists.rows('running', 2)) ids.push(row.id)

    expect(ids).toEqual(['run-2', 'run-1'])
  })
})

describe('JobLists.snapshot', () => {
  it('gives every job that has not ended and the newest that have, in the form of the contract', async () => {
    const parts = filled()
    const jobs: Job[] = []
    for await (const chunk of parts.lists.snapshot(1_200)) {
      jobs.push(...(JSON.parse(`[${chunk}]`) as unknown[]).map((job) => jobSchema.parse(job)))
    }

    expect(new Set(jobs.map((job) => job.key)).size).toBe(jobs.length)
    const count = (isOf: (job: Job) => boolean) => jobs.filter(isOf).length
    expect(count((job) => job.state === 'finished')).toBe(1_200)
    expect(count((job) => job.state === 'running')).toBe(3)
    expect(count((job) => job.state === 'pending' || job.state === 'starting')).toBe(1_100)
  })

  it('misses no job that goes through its states meanwhile', async () => {
    const parts = filled()
    const keys = new Set<string>()
    const moving = parts.db
      .prepare(`SELECT key FROM jobs WHERE state = 'pending' ORDER BY rank DESC, n DESC LIMIT 40`)
      .pluck()
      .all() as string[]
    for await (const chunk of parts.lists.snapshot(10_000)) {
      for (const job of JSON.parse(`[${chunk}]`) as Job[]) keys.add(job.key)
      const start = moving.shift()
      if (start !== undefined) parts.jobs.update(start, { state: 'running', started_at: BEGIN })
      const end = moving.shift()
      if (end !== undefined)
        parts.jobs.update(end, { state: 'finished', outcome: 'finished', ended_at: BEGIN + 9_999_999 })
    }

    expect(keys.size).toBe(3_603)
  })
})

/** As Python's `str(datetime)` in the local time zone. */
function localTime(at: number): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}000`
}
