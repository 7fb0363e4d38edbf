import { describe, expect, it } from 'vitest'
import { numberedEvent } from '../../../src-daemon/api/contract/events.ts'
import { newRow, openLedger, type LedgerParts } from '../../helpers/ledger-parts.ts'

const AT = Date.parse('2026-07-08T09:10:11.123Z')

function append({ writer, events }: LedgerParts, count: number): Promise<unknown> {
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      writer.write(() => events.append('project-removed', { name: `p${i}` }, AT + i)),
    ),
  )
}

describe('EventStore', () => {
  it('numbers events from 1 without gaps, also over steps that were undone', async () => {
    const parts = openLedger()
    const { writer, events } = parts
    await append(parts, 3)
    await Promise.allSettled([
      writer.write(() => events.append('project-removed', { name: 'kept' }, AT)),
      writer.write(() => {
        events.append('project-removed', { name: 'undone' }, AT)
        throw new Error('undone')
      }),
      writer.write(() => events.append('project-removed', { name: 'kept too' }, AT)),
    ])

    const read = events.read(0, 100)
    expect(read.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(read.map(({ json }) => (JSON.parse(json) as { name: string }).name).slice(3)).toEqual(['kept', 'kept too'])
    expect(events.head()).toBe(5)
  })

  it('gives each event as the JSON of the contract', async () => {
    const parts = openLedger()
    await append(parts, 1)

    expect(numberedEvent.parse(JSON.parse(parts.events.read(0, 1)[0]!.json))).toEqual({
      type: 'project-removed',
      seq: 1,
      at: '2026-07-08T09:10:11.123Z',
      name: 'p0',
    })
  })

  it('gives an event without a body as JSON too', async () => {
    const { writer, events } = openLedger()
    await writer.write(() => events.append('nothing', {}, AT))

    expect(JSON.parse(events.read(0, 1)[0]!.json)).toEqual({ type: 'nothing', seq: 1, at: '2026-07-08T09:10:11.123Z' })
  })

  it('reads on from a number, so many at a time', async () => {
    const parts = openLedger()
    await append(parts, 10)

    expect(parts.events.read(4, 3).map(({ seq }) => seq)).toEqual([5, 6, 7])
    expect(parts.events.read(10, 3)).toEqual([])
  })

  it('goes on counting after everything was removed', async () => {
    const parts = openLedger()
    const { events, writer } = parts
    expect([events.head(), events.oldest()]).toEqual([0, 1])
    await append(parts, 5)
    expect([events.head(), events.oldest()]).toEqual([5, 1])

    expect(await writer.write(() => events.prune(3, 2))).toBe(2)
    expect([events.head(), events.oldest()]).toEqual([5, 3])
    await writer.write(() => events.prune(5, 100))
    expect([events.head(), events.oldest()]).toEqual([5, 6])
    await append(parts, 1)
    expect([events.head(), events.oldest()]).toEqual([6, 6])
  })

  it('recognises an event by its time', async () => {
    const parts = openLedger()
    await append(parts, 1)

    expect(parts.events.isSame(1, AT)).toBe(true)
    expect(parts.events.isSame(1, AT + 1)).toBe(false)
  })
})

describe('the event of a job', () => {
  const strange = '新聞 "quotes" \\ \n \u0007 \u2028 \ud83d\ude00'

  it.each([
    newRow({ state: 'pending' }),
    newRow({ state: 'pending', version: 'abc', requested_version: 'abc', pinned_node: 'n2', scheduled_by: 'ann' }),
    newRow({ state: 'assigned', node_id: 'x', node: 'n2', assigned_at: Date.now(), owner_attempt: 1 }),
    newRow({ state: 'starting', node_id: 'local', node: 'n1', attempt: 1, token: 'secret-token' }),
    newRow({ state: 'running' }),
    newRow({ state: 'running', cancel_requested_at: Date.now(), cancelled_by: 'bob', cancel_signal: 'SIGTERM' }),
    newRow({ state: 'finished' }),
    newRow({ state: 'finished', outcome: 'failed', reason: strange, exit_code: 1, signal: null }),
    newRow({ state: 'finished', outcome: 'failed', signal: 'SIGSEGV', exit_code: null, pages: 0, items: 0, errors: 3 }),
    newRow({ state: 'finished', outcome: 'cancelled', started_at: null, pid: null, runner: null, attempt: 0 }),
    newRow({ state: 'finished', outcome: 'lost', cpu_seconds: 1.25, max_rss_bytes: 5e10, finish_reason: 'finished' }),
    newRow({
      state: 'pending',
      priority: 0.1,
      args: JSON.stringify({ strange, __proto__x: '' }),
      settings: '{"A":"1"}',
    }),
    newRow({ state: 'pending', priority: -1e308 }),
    newRow({ state: 'pending', spider: strange, id: 'a.b_c-d' }),
  ])('fits the contract and carries the whole row: $state $outcome', async (row) => {
    const { writer, jobs, events, lists } = openLedger()
    await writer.write(() => {
      jobs.insert(row)
      jobs.appendEvent(row.key, AT)
    })

    const json = events.read(0, 1)[0]!.json
    const event = numberedEvent.parse(JSON.parse(json))

    expect(event).toMatchObject({ type: 'job', seq: 1, at: '2026-07-08T09:10:11.123Z' })
    const { job } = event as Extract<typeof event, { type: 'job' }>
    expect(job).toMatchObject({
      key: row.key,
      spider: row.spider,
      state: row.state,
      outcome: row.outcome ?? null,
      reason: row.reason ?? null,
      priority: row.priority,
      args: JSON.parse(row.args) as object,
      node_offline: false,
      created_at: new Date(row.created_at).toISOString(),
      ended_at: row.ended_at == null ? null : new Date(row.ended_at).toISOString(),
    })
    expect(job).toEqual(lists.job(row.key))
    expect(json).not.toContain('secret-token')
  })

  it('keeps the row as it was at each change', async () => {
    const { writer, jobs, events } = openLedger()
    const row = newRow({ state: 'pending' })
    await writer.write(() => {
      jobs.insert(row)
      jobs.appendEvent(row.key, AT)
      jobs.update(row.key, { state: 'starting' })
      jobs.appendEvent(row.key, AT)
    })

    const states = events.read(0, 9).map(({ json }) => (JSON.parse(json) as { job: { state: string } }).job.state)
    expect(states).toEqual(['pending', 'starting'])
  })

  it('says that the node of an unfinished job is offline', async () => {
    const { db, writer, jobs, lists } = openLedger()
    db.prepare(
      `INSERT INTO nodes (id, url, name, source, state, since) VALUES ('x', 'http://x', 'n2', 'added', 'offline', 0)`,
    ).run()
    const running = newRow({ state: 'running', node_id: 'x', node: 'n2' })
    const finished = newRow({ state: 'finished', node_id: 'x', node: 'n2' })
    await writer.write(() => {
      jobs.insert(running)
      jobs.insert(finished)
    })

    expect(lists.job(running.key)!.node_offline).toBe(true)
    expect(lists.job(finished.key)!.node_offline).toBe(false)
  })
})

describe('times', () => {
  it('are the same to the millisecond as JavaScript gives them', () => {
    const { db, jobs, lists } = openLedger()
    const moments = Array.from(
      { length: 2_000 },
      (_, i) => Date.parse('2026-01-01T00:00:00Z') + i * 15_778_463 + (i % 1_000),
    )
    db.exec('BEGIN')
    for (const at of moments) {
      const row = newRow({ state: 'pending', created_at: at })
      jobs.insert(row)
      expect(lists.job(row.key)!.created_at).toBe(new Date(at).toISOString())
    }
    db.exec('COMMIT')
  })
})
