import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiClient } from '../../../../src-daemon/api/client/api-client.ts'
import type { ApiClientOptions } from '../../../../src-daemon/api/client/api-client.ts'
import { readEvents } from '../../../../src-daemon/api/client/event-reader.ts'
import type { FeedEvent } from '../../../../src-daemon/api/contract/events.ts'
import type { HttpServerOptions } from '../../../../src-daemon/api/server.ts'
import {
  ConflictError,
  InvalidParameterError,
  MissingParameterError,
  NodeUnreachableError,
  NotSupportedError,
  ProjectNotFoundError,
  StorageError,
  UnauthorizedError,
} from '../../../../src-daemon/errors.ts'
import { FakeServer } from '../../../helpers/fake-server.ts'

let server: FakeServer
const others: Server[] = []
const start = async (options: Partial<HttpServerOptions> = {}) => {
  server = await new FakeServer().start(options)
}
const client = (options: Partial<ApiClientOptions> = {}) =>
  new ApiClient({ baseUrl: server.url, username: null, password: null, timeoutMs: 5_000, ...options })

beforeEach(() => start())
afterEach(async () => {
  for (const other of others.splice(0)) other.close()
  await server.stop()
})

/** A server that answers every connection with these bytes. */
async function answering(text: string, keepOpen = false): Promise<string> {
  const other = createServer((socket) => {
    socket.on('error', () => undefined)
    if (keepOpen) socket.write(text)
    else socket.end(text)
  }).listen(0, '127.0.0.1')
  others.push(other)
  await once(other, 'listening')
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}`
}

/** A server whose answer never ends, as fast as it is read. */
async function endless(
  seen: { sent: number; cut: boolean },
  header: string,
  letter: string,
  status = 200,
): Promise<string> {
  const piece = Buffer.alloc(1_048_576, letter)
  const other = createServer((socket) => {
    const more = () => {
      while (!socket.destroyed) {
        seen.sent += piece.length
        if (!socket.write(piece)) break
      }
    }
    socket.on('error', () => undefined)
    socket.on('close', () => (seen.cut = true))
    socket.on('drain', more)
    socket.once('data', () => {
      socket.write(`HTTP/1.1 ${status} OK\r\n${header}\r\n\r\n`)
      more()
    })
  }).listen(0, '127.0.0.1')
  others.push(other)
  await once(other, 'listening')
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}`
}

describe('a call', () => {
  it('goes to the endpoint with params, query and body, and checks the reply', async () => {
    server.replies['listVersions'] = {}
    server.replies['deleteProject'] = { details: [], unknown: 'tolerated' }
    server.replies['listJobs'] = { jobs: [], total: 0, start: 0, next: null }
    server.replies['pauseNode'] = new ConflictError('no')
    const daemon = client({ via: 'master:主' })
    expect(await daemon.call('deleteProject', { params: { project: 'a/ü' } })).toEqual({ details: [] })
    const query = { state: ['pending', 'running'] as ('pending' | 'running')[], limit: 3 }
    expect(await daemon.call('listJobs', { query })).toEqual(server.replies['listJobs'])
    await daemon.call('pauseNode', { body: { note: 'ü' } }).catch(() => undefined)
    expect(server.apiCalls).toMatchObject([
      { name: 'deleteProject', input: { params: { project: 'a/ü' } }, by: { via: 'master:主' } },
      { name: 'listJobs', input: { query: { state: ['pending', 'running'], limit: 3 } } },
      { name: 'pauseNode', input: { body: { note: 'ü' } } },
    ])
  })

  it('reads bytes', async () => {
    await expect(client().call('getLog', { params: { key: 'a'.repeat(26) } })).rejects.toThrow("job 'aaaa")
  })

  it.each([
    [new ProjectNotFoundError("it's"), "project 'it's' not found"],
    [new ConflictError('taken'), 'taken'],
    [new StorageError('full'), 'full'],
    [new InvalidParameterError('a', 'bad a'), 'bad a'],
    [new NodeUnreachableError('gone'), 'gone'],
    [new UnauthorizedError('who?'), 'who?'],
  ])('throws %s as it was thrown', async (error, message) => {
    server.replies['getProject'] = error
    const answer = client().call('getProject', { params: { project: 'x' } })
    await expect(answer).rejects.toBeInstanceOf(error.constructor)
    await expect(answer).rejects.toMatchObject({ message, code: error.code, status: error.status })
  })

  it('knows problems of the server itself by their code', async () => {
    await expect(client().call('listNodes')).rejects.toMatchObject({ code: 'master-only', status: 404 })
  })

  it('sends its password, and says when it is wrong', async () => {
    await server.stop()
    await start({ username: 'ü', password: 'p:w' })
    server.replies['getOwner'] = { owner: null }
    expect(await client({ username: 'ü', password: 'p:w' }).call('getOwner')).toEqual({ owner: null })
    await expect(client().call('getOwner')).rejects.toBeInstanceOf(UnauthorizedError)
    await expect(client().webservice('listprojects')).rejects.toBeInstanceOf(UnauthorizedError)
  })
})

describe('a daemon that cannot be asked', () => {
  const reason = (baseUrl: string, timeoutMs = 5_000) =>
    client({ baseUrl, timeoutMs })
      .call('getOwner')
      .then(
        () => 'answered',
        (error: unknown) => (error instanceof NodeUnreachableError ? error.message : `no: ${String(error)}`),
      )

  it('is told apart: nothing there, silent, broken, another program', async () => {
    const gone = await answering('')
    others.splice(0).forEach((other) => other.close())
    expect(await reason(gone)).toContain('nothing listens there')
    expect(await reason(await answering('', true), 50)).toContain('did not answer within 0.05 s')
    expect(await reason(await answering('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{', true), 50)).toContain(
      'within',
    )
    expect(await reason(await answering('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{'))).toContain('closed')
    expect(await reason(await answering('SSH-2.0-OpenSSH_9.2\r\n'))).toContain('does not speak HTTP')
    expect(await reason(await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))).toContain(
      'not as a Scrapyd',
    )
    expect(await reason(await answering('HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n'))).toContain('HTTP 404')
    expect(await reason(await answering('HTTP/1.1 302 x\r\nLocation: /l\r\nContent-Length: 0\r\n\r\n'))).toContain('/l')
    expect(await reason(await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))).toContain('not understood')
    expect(await reason('http://host.invalid')).toMatch(/host name/)
  })

  it('is left when its answer does not end', async () => {
    const pieces = { sent: 0, cut: false }
    const url = await endless(pieces, 'Content-Type: application/json', '[')
    expect(await reason(url, 60_000)).toContain('answers more than 134217728 bytes')
    await vi.waitUntil(() => pieces.cut, { timeout: 5_000 })
    const errors = { sent: 0, cut: false }
    const told = await reason(await endless(errors, 'Content-Type: text/html', 'x', 502), 60_000)
    expect(told).toContain('answers HTTP 502: xxx')
    await vi.waitUntil(() => errors.cut, { timeout: 5_000 })
    expect(errors.sent).toBeLessThan(64 * 1_048_576)
  })

  it('is left alone when the caller gives up', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(client().call('getOwner', {}, { signal })).rejects.toThrow('enough')
  })
})

describe('a web service', () => {
  it('is called with its method, and its message becomes an error', async () => {
    expect(await client().webservice('listprojects')).toMatchObject({ status: 'ok', projects: ['news'] })
    const parameters = { project: 'news', spider: 'one', setting: ['A=1', 'B=2'], arg: 'ü' }
    expect(await client().webservice('schedule', parameters)).toMatchObject({ node_name: 'holder' })
    expect(server.scrapyd.last?.input).toMatchObject({ settings: { A: '1', B: '2' }, args: { arg: 'ü' } })
    await expect(client().webservice('listspiders', { project: 'x' })).rejects.toBeInstanceOf(ProjectNotFoundError)
    await expect(client().webservice('listspiders')).rejects.toBeInstanceOf(MissingParameterError)
    await expect(client().webservice('delversion', { project: 'news', version: 'c0ffee' })).rejects.toBeInstanceOf(
      NotSupportedError,
    )
    await expect(client().webservice('cancel', { project: 'news', job: '1', signal: 'x' })).rejects.toMatchObject({
      code: 'refused',
    })
  })
})

describe('events', () => {
  it('are read from a cursor and go on live', async () => {
    server.feed.commit(3)
    const found: FeedEvent[] = []
    for await (const event of client().openEvents({ cursor: 'feed00000001:1' })) {
      found.push(event)
      if (event.type === 'hello') server.feed.commit()
      if ('seq' in event && event.seq === 4) break
    }
    expect(found.map((event) => ('seq' in event ? event.seq : event.type))).toEqual(['hello', 2, 3, 4])
    await expect.poll(() => server.feed.listeners).toBe(2)
  })

  it('come in batches', async () => {
    server.feed.commit(1_000)
    let count = 0
    let batches = 0
    for await (const events of client().openEventBatches({ cursor: 'feed00000001:0' })) {
      batches += 1
      count += events.filter((event) => 'seq' in event).length
      if (count === 1_000) break
    }
    expect(batches).toBeLessThan(100)
  })

  it('end quietly when the caller stops, with an error when the server does or is silent', async () => {
    const stop = new AbortController()
    for await (const event of client().openEvents({ live: true, signal: stop.signal })) {
      if (event.type === 'hello') stop.abort()
    }
    const early = AbortSignal.abort()
    expect((await client().openEvents({ signal: early }).next()).done).toBe(true)
    const silent = async () => {
      for await (const event of client().openEvents({ live: true, idleMs: 50 })) expect(event.type).toBe('hello')
    }
    await expect(silent()).rejects.toThrow('silent for 0.05 s')
    const refused = client({ baseUrl: await answering('HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n') })
    await expect(refused.openEvents().next()).rejects.toBeInstanceOf(NodeUnreachableError)
  })

  it('end with an error when one of them does not end', async () => {
    const oneEvent = async function* () {
      yield Buffer.from('event: job\n')
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        yield Buffer.from(`data: ${'x'.repeat(1_000)}\n`)
      }
    }
    const body = Readable.from(oneEvent())
    const events = readEvents(body, {
      idleMs: 60_000,
      baseUrl: 'http://slave',
      signal: new AbortController().signal,
      mostBytes: 100_000,
    })
    await expect(events.next()).rejects.toThrow('http://slave sends an event of more than 100000 bytes')
    expect(body.destroyed).toBe(true)
  })

  it('of an unknown kind are passed over, malformed ones are an error', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'
    const known = `event: job-removed\ndata: {"type":"job-removed","seq":1,"at":"x","key":"${'a'.repeat(26)}"}\n\n`
    const baseUrl = await answering(`${head}event: news\ndata: {}\n\n${known}event: job\ndata: {}\n\n`)
    const stream = client({ baseUrl }).openEvents()
    await expect(stream.next()).rejects.toThrow('job event that is not understood')
    const fine = client({ baseUrl: await answering(`${head}event: news\ndata: {}\n\n${known}`) }).openEvents()
    expect((await fine.next()).value).toMatchObject({ type: 'job-removed', seq: 1 })
    expect((await fine.next()).done).toBe(true)
  })
})
