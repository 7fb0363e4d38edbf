import { afterEach, describe, expect, it, vi } from 'vitest'
import type { FeedEvent } from '../../../src-daemon/api/contract/events.ts'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { Follower } from '../../../src-daemon/cluster/follower.ts'
import { fillDisk, newRow } from '../../helpers/ledger-parts.ts'
import {
  clusterParts,
  FEED,
  hello,
  jobEvent,
  loaded,
  MASTER,
  slaveJob,
  snapshot,
  timeOf,
  usable,
  WAIT,
  type ClusterParts,
  type FakeStream,
} from './cluster-parts.ts'

const OTHER_FEED = 'feed0000000000000000000002'

/** A follower of one node, and what it said. */
async function follow(parts: ClusterParts, node: ClusterNode) {
  const said: string[] = []
  const ends: string[] = []
  parts.ledger.onEnd((key) => ends.push(key))
  const follower = new Follower({
    ...parts,
    node,
    client: parts.clients.of(node),
    nodes: parts.store,
    onStream: (stream) => said.push(`stream ${stream}`),
    onEphemeral: (event) => said.push(event.type),
    onProject: (name) => said.push(`project ${name}`),
    onJobs: () => said.push('jobs'),
    onDoubt: () => said.push('doubt'),
  })
  stops.push(() => follower.stop())
  follower.start()
  return { follower, said, ends }
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A page of a snapshot as large as a slave's. */
function page(n: number): FeedEvent {
  const job = slaveJob({ state: 'finished' })
  const key = (index: number) => `${job.key.slice(0, 18)}${String(n * 1_000 + index).padStart(8, '0')}`
  return snapshot(
    4_000,
    Array.from({ length: 1_000 }, (_, index) => ({ ...job, key: key(index % 20) })),
    false,
  )
}

const stops: (() => Promise<void>)[] = []

async function world() {
  const parts = clusterParts()
  const [node] = await loaded(parts, 7001)
  await usable(parts, node!)
  node!.inStep = false
  return { parts, node: node!, fake: parts.fake(node!) }
}

/** Puts the node where it is after it was followed up to `cursor`. */
async function followedTo(parts: ClusterParts, node: ClusterNode, cursor: number, feed = FEED) {
  await parts.nodes.update(node, { feed, cursor, cursor_at: timeOf(cursor) }, false)
}

async function held(parts: ClusterParts, node: ClusterNode, more: Parameters<typeof newRow>[0]) {
  const row = newRow({ node_id: node.id, node: node.name, ...more })
  await parts.writer.write(() => parts.jobs.insert(row))
  return row.key
}

const caughtUp = (node: ClusterNode) => vi.waitFor(() => expect(node.inStep).toBe(true), WAIT)
const at = (parts: ClusterParts, node: ClusterNode, cursor: number) =>
  vi.waitFor(() => {
    expect(node.row.cursor).toBe(cursor)
    expect(parts.store.get(node.id)).toMatchObject({ feed: node.row.feed, cursor, cursor_at: node.row.cursor_at })
  }, WAIT)

describe('a follower', () => {
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })

  it('takes the whole state of a node that it does not know, and goes on from there', async () => {
    const { parts, node, fake } = await world()
    const { said, ends } = await follow(parts, node)
    const stream = await fake.stream(1)
    expect(stream.options).not.toHaveProperty('cursor')
    const [running, done] = [slaveJob(), slaveJob({ state: 'finished' })]
    stream.send(hello(40, false), { type: 'reset', feed: FEED, reason: 'no cursor' }, snapshot(40, [running], false))
    await vi.waitFor(() => expect(parts.jobs.get(running.key)).not.toBeNull(), WAIT)
    expect(node.inStep).toBe(false)
    expect(node.row).toMatchObject({ feed: null, cursor: 0 })
    stream.send(snapshot(40, [done]))
    await at(parts, node, 40)
    await caughtUp(node)
    expect(node.row.feed).toBe(FEED)
    stream.send(jobEvent(41, slaveJob({ ...running, state: 'finished', outcome: 'failed', exit_code: 1 })))
    await at(parts, node, 41)
    expect(parts.jobs.get(running.key)).toMatchObject({ outcome: 'failed', node_id: node.id })
    expect(ends).toEqual([done.key, running.key])
    expect(said).toContain('jobs')
  })

  it('resumes behind its cursor, and skips what it has', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    await follow(parts, node)
    const stream = await fake.stream(1)
    expect(stream.options).toMatchObject({ cursor: `${FEED}:7`, check: timeOf(7) })
    stream.send(hello(9, true))
    const job = slaveJob({ state: 'starting' })
    stream.send(jobEvent(7, slaveJob({ ...job, state: 'pending' })), jobEvent(8, job))
    await at(parts, node, 8)
    expect(node.inStep).toBe(false)
    expect(parts.jobs.get(job.key)).toMatchObject({ state: 'starting' })
    stream.send(jobEvent(9, slaveJob({ ...job, state: 'running' })))
    await caughtUp(node)
    expect(node.row.cursor_at).toBe(timeOf(9))
  })

  it('is in step at once when nothing has happened, and only then when the stream resumes', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    await follow(parts, node)
    const stream = await fake.stream(1)
    // The same number in another life of the database, of which the reset tells next.
    stream.send(hello(7, false))
    stream.send({ type: 'load', node: 'slave1', pending: 0, running: 0, max_proc: 4, latency_ms: null })
    stream.cut()
    const again = await fake.stream(2)
    expect(node.inStep).toBe(false)
    again.send(hello(7, true))
    await caughtUp(node)
  })

  it('does not take a gap: it reads again from its cursor', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    await follow(parts, node)
    const job = slaveJob()
    const stream = await fake.stream(1)
    stream.send(hello(9, true), jobEvent(9, job))
    const again = await fake.stream(2)
    expect(stream.isOpen).toBe(false)
    expect(parts.jobs.get(job.key)).toBeNull()
    expect(again.options.cursor).toBe(`${FEED}:7`)
    again.send(hello(9, true), jobEvent(8, slaveJob({ ...job, state: 'starting' })), jobEvent(9, job))
    await caughtUp(node)
    expect(parts.jobs.get(job.key)).toMatchObject({ state: 'running' })
  })

  it('loses nothing when the database takes nothing for a while', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    await follow(parts, node)
    const stream = await fake.stream(1)
    const free = fillDisk(parts)
    const jobs = Array.from({ length: 400 }, (_, n) => slaveJob({ args: { text: `${n}`.padEnd(2_000, 'x') } }))
    stream.send(hello(7 + jobs.length, true), ...jobs.map((job, n) => jobEvent(8 + n, job)))
    await vi.waitFor(() => expect(parts.log.lines.join()).toContain('could not be stored'), WAIT)
    expect(node.row.cursor).toBeLessThan(7 + jobs.length)
    expect(parts.store.get(node.id)!.cursor).toBe(node.row.cursor)
    expect(node.inStep).toBe(false)
    free()
    const again = await fake.stream(2)
    expect(again.options.cursor).toBe(`${FEED}:${node.row.cursor}`)
    const from = node.row.cursor
    again.send(hello(7 + jobs.length, true), ...jobs.slice(from - 7).map((job, n) => jobEvent(from + 1 + n, job)))
    await caughtUp(node)
    expect(jobs.every((job) => parts.jobs.get(job.key)?.state === 'running')).toBe(true)
  })

  it.each([
    ['events', 100, (n: number) => Array.from({ length: 100 }, (_, i) => jobEvent(100 * n + i + 1, slaveJob()))],
    ['snapshots', 1_000, (n: number) => [page(n)]],
  ])('takes no more %s than it can store: a node that is faster has to wait', async (what, rows, batch) => {
    const { parts, node, fake } = await world()
    if (what === 'events') await followedTo(parts, node, 0)
    const storing = Promise.withResolvers<void>()
    stops.push(async () => storing.resolve())
    const write = parts.writer.writePatiently.bind(parts.writer)
    parts.writer.writePatiently = async (step) => {
      await storing.promise
      return write(step)
    }
    await follow(parts, node)
    const stream = await fake.stream(1)
    stream.send(hello(0, what === 'events'))
    if (what !== 'events') stream.send({ type: 'reset', feed: FEED, reason: 'no cursor' })
    for (let n = 0; n < 40; n++) stream.send(...batch(n))
    // As long as nothing was stored: what one transaction takes, and what waits for the next two.
    await turns(100)
    const taken = 40 - stream.left
    expect(taken).toBeGreaterThan(0)
    expect((taken - 1) * rows).toBeLessThanOrEqual(2_000)
    storing.resolve()
    await vi.waitFor(() => expect(stream.left).toBe(0), WAIT)
    if (what !== 'events') stream.send(snapshot(4_000, []))
    await at(parts, node, 4_000)
  })

  it('opens the stream again after a cut, and asks how the node is', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    const { said } = await follow(parts, node)
    const first = await fake.stream(1)
    first.send(hello(7, true))
    await caughtUp(node)
    first.cut('reset by peer')
    const second = await fake.stream(2)
    expect(node).toMatchObject({ inStep: false, followFailure: 'reset by peer' })
    expect(said.filter((one) => one.startsWith('stream'))).toEqual(['stream s', 'stream null'])
    expect(said).toContain('doubt')
    second.send(hello(7, true))
    await caughtUp(node)
    expect(node.followFailure).toBeNull()
  })

  it('opens another stream when it is told that the node was away', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    const { follower } = await follow(parts, node)
    const first = await fake.stream(1)
    first.send(hello(7, true))
    await caughtUp(node)
    follower.reopen()
    expect(node.inStep).toBe(false)
    expect(first.isOpen).toBe(false)
    // What the old one still had to say does not count.
    first.send(jobEvent(8, slaveJob()))
    const second = await fake.stream(2)
    second.send(hello(7, true))
    await caughtUp(node)
    expect(node.row.cursor).toBe(7)
  })

  it('asks how the node is when the node says that something about it changed', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    const { said } = await follow(parts, node)
    const stream = await fake.stream(1)
    const changed = { type: 'node', seq: 8, at: new Date(timeOf(8)).toISOString(), node: parts.nodes.view(node) }
    stream.send(hello(9, true), changed as FeedEvent)
    stream.send({ type: 'project-removed', seq: 9, at: new Date(timeOf(9)).toISOString(), name: 'news' })
    await caughtUp(node)
    expect(said).toContain('doubt')
    expect(said).toContain('project news')
  })

  it('passes on what has no number', async () => {
    const { parts, node, fake } = await world()
    const { said } = await follow(parts, node)
    const stream = await fake.stream(1)
    stream.send({ type: 'stats', key: slaveJob().key, pages: 1, items: 2, errors: 0, rate: null })
    await vi.waitFor(() => expect(said).toContain('stats'), WAIT)
  })

  describe('whose node has another database', () => {
    const reset = (
      stream: FakeStream,
      feed: string,
      reason: string,
      head: number,
      jobs: Parameters<typeof snapshot>[1],
    ) => stream.send(hello(head, false, feed), { type: 'reset', feed, reason }, snapshot(head, jobs))

    it('loses what a new one does not know, what was on its way there included, and keeps what has ended', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 90)
      const running = await held(parts, node, { state: 'running' })
      const assigned = await held(parts, node, { state: 'assigned', owner_attempt: 1 })
      const ended = await held(parts, node, { state: 'finished' })
      const cancelled = await held(parts, node, { state: 'running', cancel_requested_at: 5 })
      const { ends } = await follow(parts, node)
      const direct = slaveJob()
      reset(await fake.stream(1), OTHER_FEED, `the feed is ${OTHER_FEED}`, 3, [direct])
      await caughtUp(node)
      expect(node.row).toMatchObject({ feed: OTHER_FEED, cursor: 3, cursor_at: 0 })
      const reason = 'The database of 127.0.0.1:7001 is gone; what became of the job there is unknown'
      expect(parts.jobs.get(running)).toMatchObject({ outcome: 'lost', reason })
      expect(parts.jobs.get(assigned)).toMatchObject({ outcome: 'lost', reason })
      expect(parts.jobs.get(cancelled)).toMatchObject({ outcome: 'cancelled' })
      expect(parts.jobs.get(ended)).toMatchObject({ outcome: 'finished' })
      expect(parts.jobs.get(direct.key)).toMatchObject({ state: 'running', node_id: node.id })
      expect(ends.toSorted()).toEqual([running, assigned, cancelled].toSorted())
    })

    it('loses what an older copy does not have, and takes over what it says of the rest', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 90)
      const there = await held(parts, node, { state: 'running' })
      const lost = await held(parts, node, { state: 'running' })
      await follow(parts, node)
      reset(await fake.stream(1), FEED, 'the cursor lies in the future', 60, [
        slaveJob({ key: there, state: 'finished', outcome: 'failed', reason: 'Killed' }),
      ])
      await caughtUp(node)
      expect(node.row).toMatchObject({ feed: FEED, cursor: 60 })
      expect(parts.jobs.get(there)).toMatchObject({ outcome: 'failed', reason: 'Killed' })
      expect(parts.jobs.get(lost)).toMatchObject({
        outcome: 'lost',
        reason: '127.0.0.1:7001 does not know this job any more (its database is an older copy)',
      })
    })

    it('leaves a dispatch on its way alone where only the cursor was too old', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 1)
      const assigned = await held(parts, node, { state: 'assigned', owner_attempt: 1 })
      const running = await held(parts, node, { state: 'running' })
      await follow(parts, node)
      reset(await fake.stream(1), FEED, 'the cursor is too old: the oldest event kept is 50', 90, [])
      await caughtUp(node)
      expect(parts.jobs.get(assigned)).toMatchObject({ state: 'assigned' })
      expect(parts.jobs.get(running)).toMatchObject({ outcome: 'lost' })
    })

    it('does not lose what was given to the node after the stream was asked for', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 1)
      await follow(parts, node)
      const stream = await fake.stream(1)
      const late = await held(parts, node, { state: 'starting' })
      reset(stream, FEED, 'the cursor is too old', 90, [])
      await caughtUp(node)
      expect(parts.jobs.get(late)).toMatchObject({ state: 'starting' })
    })

    it('is out of step from the reset until the whole snapshot is stored, also in the middle of a stream', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 7)
      await follow(parts, node)
      const stream = await fake.stream(1)
      stream.send(hello(7, true))
      await caughtUp(node)
      stream.send({ type: 'reset', feed: FEED, reason: 'the cursor became too old' })
      await vi.waitFor(() => expect(node.inStep).toBe(false), WAIT)
      stream.send(snapshot(50, [slaveJob()], false))
      stream.send(snapshot(50, [slaveJob()]))
      await caughtUp(node)
      stream.send(jobEvent(51, slaveJob()))
      await at(parts, node, 51)
    })

    it('takes a snapshot that was cut anew, and loses nothing by the half of it', async () => {
      const { parts, node, fake } = await world()
      await followedTo(parts, node, 90)
      const running = await held(parts, node, { state: 'running' })
      await follow(parts, node)
      const stream = await fake.stream(1)
      stream.send(hello(3, false, OTHER_FEED), { type: 'reset', feed: OTHER_FEED, reason: 'the feed is another' })
      stream.send(snapshot(3, [slaveJob()], false))
      stream.cut()
      const again = await fake.stream(2)
      expect(again.options.cursor).toBe(`${FEED}:90`)
      expect(parts.jobs.get(running)).toMatchObject({ state: 'running' })
      reset(again, OTHER_FEED, 'the feed is another', 3, [slaveJob({ key: running })])
      await caughtUp(node)
      expect(parts.jobs.get(running)).toMatchObject({ state: 'running' })
    })
  })

  describe('acknowledges', () => {
    it('what it has stored, also in a new feed whose numbers are small', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const { parts, node, fake } = await world()
        fake.answers.ackEvents = () => ({ status: 'ok' })
        await followedTo(parts, node, 90)
        await follow(parts, node)
        const [stream] = fake.streams
        stream!.send(hello(90, true))
        await untilTrue(() => node.inStep)
        await vi.advanceTimersByTimeAsync(60_000)
        expect(fake.asked('ackEvents')).toEqual([{ body: { instance: MASTER, feed: FEED, seq: 90 } }])
        stream!.send({ type: 'reset', feed: OTHER_FEED, reason: 'the feed is another' }, snapshot(3, []))
        await untilTrue(() => node.row.feed === OTHER_FEED)
        await vi.advanceTimersByTimeAsync(60_000)
        expect(fake.asked('ackEvents').at(-1)).toEqual({ body: { instance: MASTER, feed: OTHER_FEED, seq: 3 } })
        expect(fake.asked('ackEvents')).toHaveLength(2)
      } finally {
        vi.useRealTimers()
      }
    })
  })

  it('stores nothing any more once it has stopped', async () => {
    const { parts, node, fake } = await world()
    await followedTo(parts, node, 7)
    const { follower } = await follow(parts, node)
    const stream = await fake.stream(1)
    stream.send(hello(8, true), jobEvent(8, slaveJob()))
    await follower.stop()
    const { cursor } = parts.store.get(node.id)!
    const head = parts.events.head()
    stream.send(jobEvent(9, slaveJob()))
    await parts.writer.write(() => {})
    expect(parts.store.get(node.id)!.cursor).toBe(cursor)
    expect(parts.events.head()).toBe(head)
    expect(stream.isOpen).toBe(false)
  })
})

/** Waits by turns of the event loop, where the clock is a fake. */
async function untilTrue(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !condition(); turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  expect(condition()).toBe(true)
}
