import { createReadStream, existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { ENDPOINTS, type EndpointName } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'

interface Request {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
}

/** Answers of endpoints by name; what is not there is 404. A thrown FakeProblem is a problem document. */
export type FakeAnswers = { [N in EndpointName]?: (request: Request) => unknown }

/** An answer that is not a success. */
export class FakeProblem extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }
}

interface Stream {
  readonly id: string
  readonly response: ServerResponse
  readonly tails: Map<string, { readonly key: string; readonly offset: number }>
}

export interface FakeDaemonOptions {
  readonly answers: FakeAnswers
  /** Folder of the built console. */
  readonly console?: string
  /** Where the console is served, as behind a reverse proxy (`/scrapyd`). */
  readonly prefix?: string
  /** What a tail of this log is sent at once. */
  readonly tailed?: (key: string) => { readonly text: string; readonly isOver: boolean } | null
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const CSP = "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

/**
 * A daemon that speaks the contract over real HTTP and knows nothing: its answers are given by the test, its events are
 * sent by the test. The event stream counts, replays, resets and breaks as a real one does.
 */
export class FakeDaemon {
  readonly answers: FakeAnswers
  readonly streams: Stream[] = []
  readonly requests: string[] = []
  feed = 'feed00000001'
  /** Requests are answered 401. */
  isLocked = false
  /** New event streams are refused. */
  isDeaf = false
  readonly #options: FakeDaemonOptions
  readonly #events: { readonly seq: number; readonly event: FeedEvent }[] = []
  #seq = 0
  #server: Server
  #count = 0

  constructor(options: FakeDaemonOptions) {
    this.#options = options
    this.answers = options.answers
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    return this.base
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#options.prefix ?? ''}/`
  }

  async stop(): Promise<void> {
    this.cut()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Ends every event stream, as a restart does. */
  cut(): void {
    for (const { response } of this.streams.splice(0)) response.destroy()
  }

  /** Commits a numbered event and sends it to all. Returns its number. */
  commit(event: Record<string, unknown> & { readonly type: string }): number {
    this.#seq += 1
    const numbered = { ...event, seq: this.#seq, at: new Date().toISOString() } as unknown as FeedEvent
    this.#events.push({ seq: this.#seq, event: numbered })
    this.#send(numbered, `id: ${this.feed}:${this.#seq}\n`)
    return this.#seq
  }

  /** Commits events that nobody hears, and forgets them: what a cursor that is too old has missed. */
  skip(count: number): void {
    this.#seq += count
  }

  /** Sends an event that has no number. */
  emit(event: Record<string, unknown> & { readonly type: string }): void {
    this.#send(event as unknown as FeedEvent, '')
  }

  #send(event: FeedEvent, id: string): void {
    for (const { response } of this.streams)
      response.write(`${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const prefix = this.#options.prefix ?? ''
    if (!url.pathname.startsWith(`${prefix}/`)) return this.#problem(response, 404, 'not-found', 'outside the prefix')
    const path = url.pathname.slice(prefix.length)
    const found = findEndpoint(request.method ?? 'GET', path)
    if (found === null) return this.#file(path, response)
    this.requests.push(`${request.method} ${path}${url.search}`)
    if (this.isLocked && found.name !== 'createSession')
      return this.#problem(response, 401, 'unauthorized', 'no session')
    const body = await readBody(request)
    if (found.name === 'events') return this.#stream(url.searchParams, response)
    if (found.name === 'addTail' || found.name === 'dropTail')
      return this.#tail(found.name, found.params, body, response)
    await this.#answer(found.name, { params: found.params, query: url.searchParams, body }, response)
  }

  async #answer(name: EndpointName, input: Request, response: ServerResponse): Promise<void> {
    const answer = this.answers[name]
    try {
      if (answer === undefined) throw new FakeProblem(404, 'not-found', `${name} is not answered`)
      const value = await answer(input)
      if (value instanceof Uint8Array) {
        response
          .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-log-size': String(value.length) })
          .end(value)
      } else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    } catch (error) {
      if (error instanceof FakeProblem) this.#problem(response, error.status, error.code, error.message)
      else this.#problem(response, 500, 'internal', String(error))
    }
  }

  #problem(response: ServerResponse, status: number, code: string, detail: string): void {
    response.writeHead(status, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ type: 'about:blank', title: code, status, detail, code }))
  }

  #stream(query: URLSearchParams, response: ServerResponse): void {
    if (this.isDeaf) return this.#problem(response, 503, 'storage-failed', 'not now')
    this.#count += 1
    const stream = { id: `s${this.#count}`, response, tails: new Map() }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const hello = {
      type: 'hello',
      feed: this.feed,
      stream: stream.id,
      node_name: 'hq-01',
      head: this.#seq,
      now: new Date().toISOString(),
    }
    response.write(`event: hello\ndata: ${JSON.stringify(hello)}\n\n`)
    this.streams.push(stream)
    response.on('close', () => {
      const index = this.streams.indexOf(stream)
      if (index !== -1) this.streams.splice(index, 1)
    })
    const cursor = query.get('cursor')
    if (cursor !== null) this.#replay(cursor, response)
  }

  #replay(cursor: string, response: ServerResponse): void {
    const [feed, seq] = cursor.split(':')
    const missed = this.#events.filter((entry) => entry.seq > Number(seq))
    const complete = feed === this.feed && missed.length === this.#seq - Number(seq)
    if (!complete) {
      response.write(`event: reset\ndata: ${JSON.stringify({ type: 'reset', feed: this.feed, reason: 'too old' })}\n\n`)
      response.write(
        `event: snapshot\ndata: ${JSON.stringify({ type: 'snapshot', head: this.#seq, jobs: [], nodes: [], projects: [], done: true })}\n\n`,
      )
      return
    }
    for (const { event } of missed) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }

  #tail(
    name: 'addTail' | 'dropTail',
    params: Readonly<Record<string, string>>,
    body: unknown,
    response: ServerResponse,
  ): void {
    const stream = this.streams.find(({ id }) => id === params['stream'])
    if (stream === undefined) return this.#problem(response, 404, 'not-found', 'no such stream')
    const { key, offset } = (body ?? {}) as { key: string; offset: number }
    if (key === 'gone') return this.#problem(response, 404, 'file-not-found', 'the log is gone')
    if (name === 'addTail') stream.tails.set(params['tail'] ?? '', { key, offset })
    else stream.tails.delete(params['tail'] ?? '')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ size: 0, status: 'ok' }))
    const piece = name === 'addTail' ? (this.#options.tailed?.(key) ?? null) : null
    if (piece === null) return
    const event = {
      type: 'log',
      tail: params['tail'],
      key,
      offset: 0,
      length: new TextEncoder().encode(piece.text).length,
      text: piece.text,
      state: piece.isOver ? 'end' : 'live',
    }
    stream.response.write(`event: log\ndata: ${JSON.stringify(event)}\n\n`)
  }

  #file(path: string, response: ServerResponse): void {
    const folder = this.#options.console
    const file = folder === undefined ? null : join(folder, normalize(path === '/' ? '/index.html' : path))
    if (file === null || !existsSync(file)) return this.#problem(response, 404, 'not-found', path)
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
    })
    createReadStream(file).pipe(response)
  }
}

function findEndpoint(method: string, path: string): { name: EndpointName; params: Record<string, string> } | null {
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [EndpointName, { method: string; path: string }][]) {
    if (endpoint.method !== method) continue
    const pattern = new RegExp(`^${endpoint.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
    const match = pattern.exec(path)
    if (match === null) continue
    const params = Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)])
    return { name, params: Object.fromEntries(params) as Record<string, string> }
  }
  return null
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const text = Buffer.concat(pieces).toString()
  return text === '' ? null : (JSON.parse(text) as unknown)
}
