import { describe, expect, it } from 'vitest'
import { numberedEvent } from '../../../src-daemon/api/contract/events.ts'
import { jobKey, type Job } from '../../../src-daemon/api/contract/values.ts'
import { fillDisk, jobRequest, newRow, openLedger, type LedgerParts } from '../../helpers/ledger-parts.ts'

const DAY = 86_400_000

function jobEvents({ events }: LedgerParts): readonly Job[] {
  return events
    .read(0, 1_000)
    .map(({ json }) => numberedEvent.parse(JSON.parse(json)))
    .flatMap((event) => (event.type === 'job' ? [event.job] : []))
}

describe('Ledger.schedule', () => {
  it('adds a pending job with its event', async () => {
    const parts = openLedger()
    const request = jobRequest({
      args: { tag: 'a' },
      settings: { LOG_LEVEL: 'INFO' },
      priority: 2.5,
      version: 'abc',
      scheduledBy: 'ann',
      pinnedNode: 'n2',
    })
    const { key, id, duplicate } = await parts.ledger.schedule(request)

    expect(duplicate).toBe(false)
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    jobKey.parse(key)
    expect(parts.jobs.get(key)).toMatchObject({
      id,
      state: 'pending',
      node: 'n1',
      node_id: null,
      args: '{"tag":"a"}',
      requested_version: 'abc',
      attempt: 0,
    })
    expect(jobEvents(parts)).toEqual([
      expect.objectContaining({ key, state: 'pending', priority: 2.5, scheduled_by: 'ann', pinned_node: 'n2' }),
    ])
  })

  it('names no node on a master: its queue holds the job', async () => {
    const { ledger, jobs } = openLedger({ nodeName: null })
    const { key } = await ledger.schedule(jobRequest())

    expect(jobs.get(key)!.node).toBeNull()
  })

  it('does not add an id that is pending or running, and adds one that has ended', async () => {
    const parts = openLedger()
    const { ledger } = parts
    const daily = jobRequest({ id: 'daily' })
    const first = await ledger.schedule(daily)
    expect(await ledger.schedule(daily)).toEqual({ ...first, duplicate: true })
    await ledger.change(
      first.key,
      () => true,
      () => ({ state: 'running', started_at: 1, pid: 5 }),
    )
    expect(await ledger.schedule(daily)).toEqual({ ...first, duplicate: true })
    expect((await ledger.schedule({ ...daily, project: 'other' })).duplicate).toBe(false)

    await ledger.finish(first.key, { outcome: 'finished', reason: null, ended_at: 2 })
    const second = await ledger.schedule(daily)
    expect(second).toMatchObject({ id: 'daily', duplicate: false })
    expect(second.key).not.toBe(first.key)
  })

  it('adds one of many equal ids in a turn', async () => {
    const { ledger, jobs } = openLedger()
    const all = await Promise.all(Array.from({ length: 20 }, () => ledger.schedule(jobRequest({ id: 'daily' }))))

    expect(new Set(all.map(({ key }) => key)).size).toBe(1)
    expect(all.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    expect(jobs.counts().pending).toBe(1)
  })

  it('answers an idempotency key as the first time for 24 h', async () => {
    let now = Date.now()
    const { ledger, jobs } = openLedger({ now: () => now })
    const request = jobRequest({ idempotencyKey: 'k' })
    const first = await ledger.schedule(request)
    expect(await ledger.schedule({ ...request, spider: 'other' })).toEqual(first)
    expect(ledger.firstAnswer('k')).toEqual(first)
    expect(ledger.firstAnswer('other')).toBeNull()

    // Also when the job has ended and its id is free.
    await ledger.finish(first.key, { outcome: 'finished', reason: null, ended_at: now })
    now += DAY - 1
    expect(await ledger.schedule(request)).toEqual(first)
    now += 1
    expect((await ledger.schedule(request)).key).not.toBe(first.key)
    expect(jobs.counts()).toMatchObject({ pending: 1, finished: 1 })
  })

  it('answers an idempotency key as the first time also after a restart', async () => {
    const before = openLedger()
    const request = jobRequest({ idempotencyKey: 'k' })
    const first = await before.ledger.schedule(request)
    before.close()
    const { ledger, jobs } = openLedger({ dir: before.dir })

    expect(ledger.firstAnswer('k')).toEqual(first)
    expect(await ledger.schedule(request)).toEqual(first)
    expect(jobs.counts().pending).toBe(1)
  })

  it('adds one job for equal idempotency keys in a turn', async () => {
    const { ledger, jobs } = openLedger()
    const all = await Promise.all(
      Array.from({ length: 20 }, () => ledger.schedule(jobRequest({ idempotencyKey: 'k' }))),
    )

    expect(new Set(all.map(({ key }) => key)).size).toBe(1)
    expect(jobs.counts().pending).toBe(1)
  })

  it('repeats the answer that was a duplicate', async () => {
    const { ledger } = openLedger()
    await ledger.schedule(jobRequest({ id: 'daily' }))
    const request = jobRequest({ id: 'daily', idempotencyKey: 'k' })
    const answer = await ledger.schedule(request)
    await ledger.finish(answer.key, { outcome: 'finished', reason: null, ended_at: 1 })

    expect(await ledger.schedule(request)).toEqual({ ...answer, duplicate: true })
  })

  it('says nothing is stored when it is not, and remembers no answer then', async () => {
    const parts = openLedger()
    const { ledger, jobs, events } = parts
    const freeSpace = fillDisk(parts)
    const request = jobRequest({ idempotencyKey: 'k', args: { big: 'x'.repeat(50_000) } })

    await expect(ledger.schedule(request)).rejects.toThrow(/disk .* is full/)
    expect([jobs.counts().pending, events.head(), ledger.firstAnswer('k')]).toEqual([0, 0, null])

    freeSpace()
    const { key } = await ledger.schedule(request)
    expect(jobs.get(key)?.state).toBe('pending')
    expect(events.head()).toBe(1)
  })
})

describe('Ledger.change', () => {
  it('changes only what fulfils the condition when the transaction runs, with an event each', async () => {
    const parts = openLedger()
    const { key } = await parts.ledger.schedule(jobRequest())
    const start = () =>
      parts.ledger.change(
        key,
        (row) => row.state === 'pending',
        (row) => ({ state: 'starting', attempt: row.attempt + 1 }),
      )
    const results = await Promise.all([start(), start(), start()])

    expect(results.map((row) => row?.attempt ?? null)).toEqual([1, null, null])
    expect(jobEvents(parts).map((job) => job.state)).toEqual(['pending', 'starting'])
    expect(
      await parts.ledger.change(
        '0'.repeat(26),
        () => true,
        () => ({}),
      ),
    ).toBeNull()
  })

  it('numbers events without gaps over refused changes', async () => {
    const parts = openLedger()
    const { key } = await parts.ledger.schedule(jobRequest())
    await Promise.allSettled([
      parts.ledger.change(
        key,
        () => true,
        () => ({ priority: 1 }),
      ),
      parts.ledger.change(
        key,
        () => true,
        () => ({ state: 'finished' }),
      ),
      parts.ledger.note('project-removed', { name: 'a' }),
    ])

    expect(parts.events.read(0, 10).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'job'],
      [2, 'job'],
      [3, 'project-removed'],
    ])
    expect(parts.jobs.get(key)).toMatchObject({ state: 'pending', priority: 1 })
  })
})

describe('Ledger.add', () => {
  it('adds a row once, and not when it is refused', async () => {
    const parts = openLedger()
    const row = newRow({ state: 'starting', attempt: 1 })

    expect(await parts.ledger.add(row, () => true)).toBeNull()
    expect((await parts.ledger.add(row))?.state).toBe('starting')
    expect(await parts.ledger.add(row)).toBeNull()
    expect(jobEvents(parts).map((job) => job.key)).toEqual([row.key])
  })
})

describe('Ledger.finish', () => {
  it('ends a job once, with its stats, and tells who listens after the commit', async () => {
    const parts = openLedger()
    const { key } = await parts.ledger.schedule(jobRequest())
    const told: [string, string | undefined][] = []
    const off = parts.ledger.onEnd((ended) => told.push([ended, parts.jobs.get(ended)?.state]))
    const ending = { outcome: 'failed', reason: 'why', ended_at: 7, exit_code: 1 } as const
    const results = await Promise.all([
      parts.ledger.finish(key, ending, { pages: 3 }),
      parts.ledger.finish(key, { ...ending, outcome: 'lost' }, { pages: 9 }),
    ])
    off()

    expect(results.map((row) => row?.outcome ?? null)).toEqual(['failed', null])
    expect(told).toEqual([[key, 'finished']])
    expect(parts.stats.get(key)).toEqual({ pages: 3 })
    expect(jobEvents(parts).at(-1)).toMatchObject({ state: 'finished', outcome: 'failed', reason: 'why', exit_code: 1 })
  })

  it('is done although somebody who listens fails, and the others hear of it', async () => {
    const parts = openLedger()
    const { key } = await parts.ledger.schedule(jobRequest())
    const told: string[] = []
    parts.ledger.onEnd(() => {
      throw new Error('out of order')
    })
    parts.ledger.onEnd((ended) => told.push(ended))
    const row = await parts.ledger.finish(key, { outcome: 'finished', reason: null, ended_at: 7 })

    expect([row?.state, told]).toEqual(['finished', [key]])
    expect(parts.problems).toEqual([[expect.stringContaining(key), expect.any(Error)]])
  })

  it('remembers which event carries the end of a dispatched job', async () => {
    const parts = openLedger()
    const dispatched = newRow({ state: 'running', owner: 'm', owner_attempt: 1 })
    const own = newRow({ state: 'running' })
    await parts.ledger.add(dispatched)
    await parts.ledger.add(own)
    const ending = { outcome: 'finished', reason: null, ended_at: Date.now() } as const
    await parts.ledger.finish(dispatched.key, ending)
    await parts.ledger.finish(own.key, ending)

    expect(parts.jobs.get(dispatched.key)!.end_seq).toBe(3)
    expect(parts.jobs.get(own.key)!.end_seq).toBeNull()
  })
})
