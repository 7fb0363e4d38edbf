import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ServerLimits } from '../../../src-daemon/api/limits.ts'
import { FakeServer } from '../../helpers/fake-server.ts'
import { RawConnection } from '../../helpers/raw-http.ts'

interface Event {
  readonly type: string
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

let server: FakeServer
const open: RawConnection[] = []
const start = async (limits: Partial<ServerLimits> = {}) => {
  server = await new FakeServer().start({ limits })
}
beforeEach(() => start())
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await server.stop()
})

async function follow(query = '', ...headers: string[]): Promise<RawConnection> {
  const connection = await RawConnection.open(server.port)
  open.push(connection)
  const lines = [`GET /api/events${query} HTTP/1.0`, 'Host: localhost', 'Connection: keep-alive', ...headers]
  return connection.send(`${lines.join('\r\n')}\r\n\r\n`)
}

function events(text: string): Event[] {
  return text
    .slice(text.indexOf('\r\n\r\n') + 4)
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => block.includes('event: '))
    .map((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
      const data = JSON.parse(field('data') ?? 'null') as Record<string, unknown>
      return { type: field('event') ?? '', id: field('id'), data }
    })
}
const types = (text: string) => events(text).map(({ type }) => type)
const seqs = (text: string) =>
  events(text).flatMap(({ data }) => (typeof data['seq'] === 'number' ? [data['seq']] : []))
const upTo = (seq: number) => (text: string) => text.includes(`"seq":${seq},`)
const streamOf = (text: string) => String(events(text)[0]?.data['stream'])
const putTail = (id: string, tail: string, body: unknown = { key: KEY, offset: -100 }) =>
  server.get(`/api/events/${id}/tails/${tail}`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  })
const FEED = 'feed00000001'
const KEY = 'a'.repeat(26)

describe('a stream', () => {
  it('says hello, then replays from the cursor and goes on live, without gaps', async () => {
    server.feed.commit(1_300)
    const stream = await follow(`?cursor=${FEED}:100`)
    await stream.until(upTo(1_300))
    server.feed.commit(3)
    server.feed.commit(2)
    const text = await stream.until(upTo(1_305))
    expect(text).toContain('text/event-stream')
    const [hello, first] = events(text)
    expect(hello).toMatchObject({ type: 'hello', data: { type: 'hello', feed: FEED, node_name: 'node1', head: 1_300 } })
    expect(first).toMatchObject({ type: 'project-removed', id: `${FEED}:101` })
    expect(seqs(text)).toEqual(Array.from({ length: 1_205 }, (_, index) => 101 + index))
  })

  it('goes on from the Last-Event-ID of a browser that reconnects', async () => {
    server.feed.commit(10)
    const stream = await follow(`?cursor=${FEED}:0`, `Last-Event-ID: ${FEED}:8`)
    expect(seqs(await stream.until(upTo(10)))).toEqual([9, 10])
  })

  it('begins at the head when it is asked to', async () => {
    server.feed.commit(10)
    const stream = await follow('?from=live')
    await stream.until((text) => text.includes('hello'))
    server.feed.commit()
    const text = await stream.until(upTo(11))
    expect(types(text)).toEqual(['hello', 'project-removed'])
  })

  it.each([
    ['', 'no cursor'],
    [`?cursor=${FEED}:99`, 'future'],
    [`?cursor=${FEED}:2`, 'too old'],
    [`?cursor=${FEED}:9&check=1`, 'another one'],
    ['?cursor=otherfeed:5', 'feed00000001'],
    ['?cursor=rubbish', 'malformed'],
  ])('with the cursor %j begins with a reset and a snapshot', async (query, reason) => {
    server.feed.commit(10)
    server.feed.keep(5)
    const stream = await follow(query)
    await stream.until((text) => text.includes('"done":true'))
    server.feed.commit()
    const found = events(await stream.until(upTo(11)))
    expect(found.map(({ type }) => type)).toEqual(['hello', 'reset', 'snapshot', 'snapshot', 'project-removed'])
    expect(found[1]?.data).toMatchObject({ feed: FEED, reason: expect.stringContaining(reason) })
    expect(found[2]?.data).toMatchObject({ head: 10, done: false, jobs: [] })
    expect(found[3]).toMatchObject({ id: `${FEED}:10`, data: { head: 10, done: true } })
  })

  it('begins where the oldest event that is kept does', async () => {
    server.feed.commit(10)
    server.feed.keep(5)
    const stream = await follow(`?cursor=${FEED}:5`)
    expect(types(await stream.until(upTo(10)))[1]).toBe('project-removed')
  })

  it('beats while nothing happens', async () => {
    await server.stop()
    await start({ heartbeatMs: 20 })
    const stream = await follow('?from=live')
    await stream.until((text) => text.split(': heartbeat\n\n').length > 3)
    expect(stream.isClosed).toBe(false)
  })

  it('ends when the server stops, and is forgotten when the client goes', async () => {
    const stream = await follow('?from=live')
    await stream.until((text) => text.includes('hello'))
    const other = await follow('?from=live')
    const id = streamOf(await other.until((text) => text.includes('hello')))
    other.close()
    await expect
      .poll(async () => (await server.get(`/api/events/${id}/tails/a`, { method: 'DELETE' })).status)
      .toBe(404)
    await server.stop()
    await stream.closed()
    expect(server.feed.listeners).toBe(0)
    await start()
  })

  it('is one of a bounded number', async () => {
    await server.stop()
    await start({ eventStreams: 2 })
    for (const stream of [await follow(), await follow()]) await stream.until((text) => text.includes('hello'))
    const third = await server.get('/api/events')
    expect([third.status, await third.json()]).toEqual([503, expect.objectContaining({ code: 'too-many-streams' })])
    open[0]?.close()
    await expect.poll(async () => (await server.get('/api/events', { method: 'HEAD' })).status).toBe(200)
  })

  it('of many up to date readers reads the feed once for all', async () => {
    for (const stream of await Promise.all(Array.from({ length: 30 }, () => follow('?from=live')))) {
      await stream.until((text) => text.includes('hello'))
    }
    const before = server.feed.reads
    server.feed.commit()
    await Promise.all(open.map((stream) => stream.until(upTo(1))))
    expect(server.feed.reads - before).toBeLessThanOrEqual(4)
  })
})

describe('a reader that is slow', () => {
  const stats = (key: string, pages: number) =>
    server.feed.say({ type: 'stats', key, pages, items: null, errors: null, rate: null })

  it('is waited for, then gets every number and only the newest of the rest', async () => {
    const stream = await follow('?from=live')
    await stream.until((text) => text.includes('hello'))
    stream.socket.pause()
    for (let i = 0; i < 300; i++) {
      server.feed.commit(10, 10_000)
      stats('k', i)
    }
    await expect.poll(() => stream.socket.bytesRead).toBeGreaterThan(0)
    stream.socket.resume()
    const text = await stream.until((found) => upTo(3_000)(found) && found.includes('"pages":299'))
    expect(seqs(text)).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1))
    expect(types(text).filter((type) => type === 'stats').length).toBeLessThan(300)
  })

  it('gets a snapshot when what it missed is gone', async () => {
    const stream = await follow('?from=live')
    await stream.until((text) => text.includes('hello'))
    stream.socket.pause()
    for (let i = 0; i < 300; i++) server.feed.commit(10, 10_000)
    server.feed.keep(10)
    stream.socket.resume()
    await stream.until((text) => text.includes('"done":true'))
    server.feed.commit()
    const text = await stream.until(upTo(3_001))
    expect(text).toContain('too old')
    expect(seqs(text).at(-1)).toBe(3_001)
  })

  it('that never reads is cut off', async () => {
    await server.stop()
    await start({ heartbeatMs: 20, unreadMs: 100 })
    const stream = await follow('?from=live')
    const id = streamOf(await stream.until((text) => text.includes('hello')))
    server.tails.known.add(KEY)
    expect((await putTail(id, 'one')).status).toBe(200)
    stream.socket.pause()
    const other = await follow('?from=live')
    await other.until((text) => text.includes('hello'))
    server.feed.commit(200, 100_000)
    await other.until(upTo(200))
    await expect.poll(() => server.tails.tails[0]?.isOpen).toBe(false)
    expect(other.isClosed).toBe(false)
    stream.socket.resume()
    await stream.closed()
  })
})

describe('log tails', () => {
  const piece = (text: string) => ({ offset: 0, length: text.length, text, state: 'live' as const })
  let stream: RawConnection
  let id: string

  beforeEach(async () => {
    server.tails.known.add(KEY)
    stream = await follow('?from=live')
    id = streamOf(await stream.until((text) => text.includes('hello')))
  })

  it('ride on the stream until they are dropped', async () => {
    const added = await putTail(id, 'one')
    expect(await added.json()).toEqual({ size: 1_234 })
    const [tail] = server.tails.tails
    expect(tail?.sink(piece('line 1\n'))).toBe(true)
    const text = await stream.until((found) => found.includes('line 1'))
    expect(events(text).at(-1)).toEqual({
      type: 'log',
      id: undefined,
      data: { type: 'log', tail: 'one', key: KEY, offset: 0, length: 7, text: 'line 1\n', state: 'live' },
    })
    expect((await server.get(`/api/events/${id}/tails/one`, { method: 'DELETE' })).status).toBe(200)
    expect([tail?.isOpen, tail?.sink(piece('late'))]).toEqual([false, false])
  })

  it('replace one another under a name, and end with the stream', async () => {
    await Promise.all([putTail(id, 'one'), putTail(id, 'one'), putTail(id, 'two')])
    expect(server.tails.tails.filter(({ isOpen }) => isOpen)).toHaveLength(2)
    stream.close()
    await expect.poll(() => server.tails.tails.filter(({ isOpen }) => isOpen)).toHaveLength(0)
  })

  it('wait for a client that does not read', async () => {
    await putTail(id, 'one')
    const [tail] = server.tails.tails
    stream.socket.pause()
    let sent = 0
    while (tail?.sink(piece('x'.repeat(100_000))) === true && sent < 1_000) sent += 1
    expect(sent).toBeLessThan(1_000)
    stream.socket.resume()
    await expect.poll(() => tail?.resumed).toBeGreaterThan(0)
  })

  it('are refused where they cannot be', async () => {
    expect((await putTail('nothing', 'one')).status).toBe(404)
    expect((await putTail(id, 'one', { key: 'b'.repeat(26), offset: 0 })).status).toBe(404)
    expect((await putTail(id, 'a%2fb')).status).toBe(422)
    expect((await putTail(id, 'one', { key: KEY })).status).toBe(422)
    for (let i = 0; i < 50; i++) expect((await putTail(id, `t${i}`)).status).toBe(200)
    expect((await putTail(id, 'more')).status).toBe(409)
    expect((await putTail(id, 't1')).status).toBe(200)
  })
})
