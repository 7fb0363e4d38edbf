// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BrowserTransport } from '../../../src-renderer/transport/browser-transport.ts'
import { StreamHub } from '../../../src-renderer/transport/stream-hub.ts'
import type { LogPiece } from '../../../src-renderer/transport/transport.ts'
import { FakeDaemon, FakeProblem } from '../../helpers/fake-daemon.ts'
import { wait } from '../wait.ts'

let daemon: FakeDaemon
let transport: BrowserTransport
const seen: unknown[] = []

beforeEach(async () => {
  seen.length = 0
  vi.stubGlobal('addEventListener', () => {})
  vi.stubGlobal('removeEventListener', () => {})
  daemon = new FakeDaemon({
    prefix: '/scrapyd',
    answers: {
      getJob: ({ params }) => ({ key: params['key'] }),
      listJobs: ({ query }) => ({ states: query.getAll('state') }),
      createJobs: ({ body }) => {
        seen.push(body)
        return { results: [] }
      },
      deleteNode: ({ params }) => {
        throw new FakeProblem(404, 'node-not-found', `node '${params['id']}' not found`)
      },
      getLog: () => Buffer.from('2026 日志'),
    },
  })
  await daemon.start()
  transport = new BrowserTransport(daemon.base, new StreamHub({ base: daemon.base, backoff: [20] }))
})

afterEach(async () => {
  await daemon.stop()
  vi.unstubAllGlobals()
})

describe('BrowserTransport', () => {
  it('calls endpoints below the page, whatever the prefix', async () => {
    expect(daemon.base).toMatch(/\/scrapyd\/$/)
    await expect(transport.call('getJob', { params: { key: 'k1' } })).resolves.toEqual({ key: 'k1' })
    await expect(transport.call('listJobs', { query: { state: ['pending', 'running'] } })).resolves.toEqual({
      states: ['pending', 'running'],
    })
    await transport.call('createJobs', { body: { jobs: [{ project: 'p', spider: '人民日报' }] } })
    expect(seen).toEqual([{ jobs: [{ project: 'p', spider: '人民日报' }] }])
  })

  it('throws what the daemon says of a refusal', async () => {
    await expect(transport.call('deleteNode', { params: { id: 'n9' } })).rejects.toMatchObject({
      failure: 'refused',
      status: 404,
      code: 'node-not-found',
      message: "node 'n9' not found",
    })
  })

  it('tells the end of the session from a refusal', async () => {
    daemon.isLocked = true
    await expect(transport.call('getJob', { params: { key: 'k1' } })).rejects.toMatchObject({
      failure: 'unauthorized',
      status: 401,
    })
  })

  it('tells the page when a call finds that the session is over, but not of a sign-in that failed', async () => {
    const states: string[] = []
    const stream = transport.stream({ onEvents: () => {}, onStatus: ({ state }) => states.push(state) })
    await wait(() => states.includes('live'))
    daemon.answers.createSession = () => {
      throw new FakeProblem(401, 'unauthorized', 'wrong')
    }
    await transport.call('createSession', { body: { username: 'a', password: 'b' } }).catch(() => {})
    expect(states.at(-1)).toBe('live')
    daemon.isLocked = true
    await transport.call('getJob', { params: { key: 'k1' } }).catch(() => {})
    expect(states.at(-1)).toBe('unauthorized')
    stream.close()
  })

  it('tells that nobody answers', async () => {
    await daemon.stop()
    await expect(transport.call('getJob', { params: { key: 'k1' } })).rejects.toMatchObject({
      failure: 'unreachable',
      status: 0,
    })
    await daemon.start()
  })

  it('gives up a call that nobody waits for', async () => {
    const stop = new AbortController()
    stop.abort()
    await expect(transport.call('getJob', { params: { key: 'k1' } }, { signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  it('reads bytes with the size of the whole file', async () => {
    const { bytes, size } = await transport.bytes('getLog', { params: { key: 'k1' } })
    expect(new TextDecoder().decode(bytes)).toBe('2026 日志')
    expect(size).toBe(bytes.length)
  })

  it('links to files below the page', () => {
    expect(transport.fileHref('/logs/p/s/1.log')).toBe(`${daemon.base}logs/p/s/1.log`)
  })

  it('follows events and a log on one stream', async () => {
    const events: unknown[] = []
    const pieces: LogPiece[] = []
    const states: string[] = []
    const stream = transport.stream({
      onEvents: (all) => events.push(...all),
      onStatus: ({ state }) => states.push(state),
    })
    const tail = transport.tail(
      { key: 'k', offset: -10 },
      { onPiece: (piece) => pieces.push(piece), onError: () => {} },
    )
    await wait(() => daemon.streams[0]?.tails.size === 1)
    const [id] = daemon.streams[0]?.tails.keys() ?? []
    daemon.emit({ type: 'log', tail: id, key: 'k', offset: 0, length: 1, text: 'a', state: 'live' })
    daemon.commit({ type: 'project-removed', name: 'x' })
    await wait(() => pieces.length === 1 && events.length === 1)
    tail.close()
    await wait(() => daemon.streams[0]?.tails.size === 0)
    stream.close()
    await wait(() => daemon.streams.length === 0)
    expect(states).toEqual(['connecting', 'live'])
  })
})
