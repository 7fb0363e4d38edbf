// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FeedEvent } from '../../../src-daemon/api/contract/events.ts'
import type { CallError } from '../../../src-renderer/transport/call-error.ts'
import { StreamHub, type HubSubscriber } from '../../../src-renderer/transport/stream-hub.ts'
import type { LogPiece, StreamStatus } from '../../../src-renderer/transport/transport.ts'
import { FakeDaemon } from '../../helpers/fake-daemon.ts'
import { wait } from '../wait.ts'

class Page implements HubSubscriber {
  readonly events: FeedEvent[] = []
  readonly statuses: StreamStatus[] = []
  readonly pieces: LogPiece[] = []
  readonly errors: [string, CallError][] = []

  onEvents(events: readonly FeedEvent[]): void {
    this.events.push(...events)
  }
  onStatus(status: StreamStatus): void {
    this.statuses.push(status)
  }
  onPiece(piece: LogPiece): void {
    this.pieces.push(piece)
  }
  onTailError(tail: string, error: CallError): void {
    this.errors.push([tail, error])
  }
  get last(): StreamStatus | undefined {
    return this.statuses.at(-1)
  }
  get seqs(): (number | undefined)[] {
    return this.events.map((event) => ('seq' in event ? event.seq : undefined))
  }
}

let daemon: FakeDaemon
let hub: StreamHub
let page: Page

const live = (of: Page = page) => wait(() => of.last?.state === 'live')
const removed = (name: string) => ({ type: 'project-removed', name })

beforeEach(async () => {
  daemon = new FakeDaemon({ answers: {} })
  await daemon.start()
  hub = new StreamHub({ base: daemon.base, backoff: [20, 40] })
  page = new Page()
})

afterEach(async () => {
  hub.remove(page)
  await daemon.stop()
})

describe('StreamHub', () => {
  it('begins live, and says that the page has to read its state', async () => {
    daemon.commit(removed('before'))
    hub.add(page)
    await live()
    expect(page.last).toMatchObject({ state: 'live', feed: daemon.feed, nodeName: 'hq-01', head: 1, resumed: false })
    daemon.commit(removed('after'))
    await wait(() => page.events.length === 1)
    expect(page.seqs).toEqual([2])
  })

  it('serves many pages from one connection; one that joins later is never told that it resumed', async () => {
    hub.add(page)
    await live()
    const second = new Page()
    hub.add(second)
    expect(second.last).toMatchObject({ state: 'live', resumed: false })
    daemon.commit(removed('x'))
    await wait(() => page.events.length === 1 && second.events.length === 1)
    expect(daemon.streams).toHaveLength(1)
    hub.remove(second)
    expect(daemon.streams).toHaveLength(1)
  })

  it('ends the connection with the last page', async () => {
    hub.add(page)
    await live()
    hub.remove(page)
    await wait(() => daemon.streams.length === 0)
    hub.add(page)
    await wait(() => daemon.streams.length === 1)
  })

  it('resumes by cursor after a cut, without a gap or a double event', async () => {
    hub.add(page)
    await live()
    daemon.commit(removed('one'))
    await wait(() => page.events.length === 1)
    daemon.isDeaf = true
    daemon.cut()
    await wait(() => page.last?.state === 'waiting')
    daemon.commit(removed('two'))
    daemon.commit(removed('three'))
    daemon.isDeaf = false
    await live()
    expect(page.last).toMatchObject({ resumed: true })
    await wait(() => page.events.length === 3)
    daemon.commit(removed('four'))
    await wait(() => page.events.length === 4)
    expect(page.seqs).toEqual([1, 2, 3, 4])
  })

  it('keeps the moment of the cut over several tries', async () => {
    hub.add(page)
    await live()
    daemon.isDeaf = true
    daemon.cut()
    await wait(() => page.statuses.filter(({ state }) => state === 'waiting').length >= 3)
    const since = page.statuses.flatMap((status) => (status.state === 'waiting' ? [status.since] : []))
    expect(new Set(since).size).toBe(1)
  })

  it('begins live again when its place in the feed is lost', async () => {
    hub.add(page)
    await live()
    daemon.isDeaf = true
    daemon.cut()
    await wait(() => page.last?.state === 'waiting')
    daemon.skip(500)
    daemon.isDeaf = false
    await wait(
      () =>
        page.statuses.filter(({ state }) => state === 'live').length >= 2 &&
        daemon.requests.at(-1)?.includes('from=live') === true,
    )
    await wait(() => page.last?.state === 'live' && !page.last.resumed)
    expect(page.events).toEqual([])
    daemon.commit(removed('x'))
    await wait(() => page.seqs.includes(501))
  })

  it('begins live again when another database answers', async () => {
    hub.add(page)
    await live()
    daemon.feed = 'feed00000002'
    daemon.cut()
    await wait(() => page.last?.state === 'live' && page.last.feed === 'feed00000002' && !page.last.resumed)
  })

  it('begins live again at a gap in the numbers', async () => {
    hub.add(page)
    await live()
    daemon.skip(3)
    daemon.commit(removed('x'))
    await wait(() => daemon.requests.filter((request) => request.includes('from=live')).length === 2)
    await wait(() => page.last?.state === 'live' && page.last.head === 4)
    expect(page.last).toMatchObject({ resumed: false })
    expect(page.events).toEqual([])
  })

  it('stops at 401 until it is told to go on', async () => {
    daemon.isLocked = true
    hub.add(page)
    await wait(() => page.last?.state === 'unauthorized')
    daemon.isLocked = false
    hub.reconnect()
    await live()
  })

  it('takes a connection without a byte for dead', async () => {
    hub = new StreamHub({ base: daemon.base, backoff: [20], idleLimit: 80 })
    hub.add(page)
    await wait(() => page.statuses.filter(({ state }) => state === 'live').length >= 2)
    expect(page.statuses.some(({ state }) => state === 'waiting')).toBe(true)
  })

  it('gives log pieces to the page that asked for them', async () => {
    hub.add(page)
    const other = new Page()
    hub.add(other)
    await live()
    hub.addTail(page, 't1', { key: 'k', offset: -100 })
    await wait(() => daemon.streams[0]?.tails.has('t1') === true)
    daemon.emit({ type: 'log', tail: 't1', key: 'k', offset: 40, length: 5, text: 'hello', state: 'live' })
    await wait(() => page.pieces.length === 1)
    expect(page.pieces[0]).toMatchObject({ text: 'hello', offset: 40 })
    expect(other.pieces).toEqual([])
    expect(page.events).toEqual([])
    hub.remove(other)
  })

  it('goes on with a tail at the byte where it was cut', async () => {
    hub.add(page)
    await live()
    hub.addTail(page, 't1', { key: 'k', offset: -100 })
    await wait(() => daemon.streams[0]?.tails.has('t1') === true)
    daemon.emit({ type: 'log', tail: 't1', key: 'k', offset: 40, length: 5, text: 'hello', state: 'live' })
    await wait(() => page.pieces.length === 1)
    daemon.cut()
    await wait(() => daemon.streams[0]?.tails.get('t1')?.offset === 45)
  })

  it('ends a tail with the log, and drops one that nobody follows any more', async () => {
    hub.add(page)
    await live()
    hub.addTail(page, 't1', { key: 'k', offset: 0 })
    hub.addTail(page, 't2', { key: 'k', offset: 0 })
    await wait(() => daemon.streams[0]?.tails.size === 2)
    hub.dropTail('t2')
    await wait(() => daemon.streams[0]?.tails.size === 1)
    daemon.emit({ type: 'log', tail: 't1', key: 'k', offset: 0, length: 0, text: '', state: 'end' })
    await wait(() => page.pieces.length === 1)
    daemon.cut()
    await wait(() => page.statuses.filter(({ state }) => state === 'live').length === 2)
    expect(daemon.streams[0]?.tails.size).toBe(0)
  })

  it('says why a tail cannot be opened', async () => {
    hub.add(page)
    await live()
    hub.addTail(page, 't1', { key: 'gone', offset: 0 })
    await wait(() => page.errors.length === 1)
    expect(page.errors[0]).toMatchObject(['t1', { code: 'file-not-found', status: 404 }])
  })

  it('opens tails that were asked for before the stream was there', async () => {
    hub.add(page)
    hub.addTail(page, 't1', { key: 'k', offset: 7 })
    await wait(() => daemon.streams[0]?.tails.get('t1')?.offset === 7)
  })
})
