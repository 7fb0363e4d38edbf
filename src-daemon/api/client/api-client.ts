import type { IncomingMessage } from 'node:http'
import type { Agent } from 'node:https'
import { NodeUnreachableError } from '../../errors.ts'
import { ENDPOINTS } from '../contract/endpoints.ts'
import type { Endpoint, EndpointCall, EndpointName, EndpointReply } from '../contract/endpoints.ts'
import type { FeedEvent } from '../contract/events.ts'
import { WEBSERVICES } from '../contract/webservices.ts'
import type { Webservice, WebserviceName } from '../contract/webservices.ts'
import { errorOfAnswer, errorOfService } from './answer-errors.ts'
import { textOf } from './answer-text.ts'
import { openEventConnection } from './event-connection.ts'
import { readEvents } from './event-reader.ts'
import { NO_ANSWER, unreachable } from './unreachable.ts'

export interface ApiClientOptions {
  /** `http://host:port`, with the prefix of a proxy if there is one. */
  readonly baseUrl: string
  readonly username: string | null
  readonly password: string | null
  /** For a whole call. */
  readonly timeoutMs: number
  /** Shown as who asks: `master:<node name>`, `desktop`. */
  readonly via?: string
  /** Ends every call, with its reason. */
  readonly signal?: AbortSignal
  readonly fetch?: typeof fetch
  /** Judges the other side of https for what does not go by `fetch`: whoever gives one gives both. */
  readonly httpsAgent?: Agent
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface EventsOptions {
  /** `<feed>:<seq>`; left out: a snapshot comes first. */
  readonly cursor?: string
  /** Time (ms since 1970) of the event at the cursor, so that a database restored from an old copy is noticed. */
  readonly check?: number
  /** Begin at the head, without replay or snapshot. */
  readonly live?: boolean
  readonly signal?: AbortSignal
  /** Without a byte for so long the connection counts as dead (heartbeats come every 10 s). */
  readonly idleMs?: number
}

/** Values of a web service's parameters; a list is sent as a parameter that is repeated. */
export type WebserviceParameters = Readonly<Record<string, string | readonly string[]>>

const IDLE_MS = 30_000
/** Characters that are read of an answer which tells a fault. */
const MOST_TOLD = 65_536
const SERVICES: ReadonlyMap<WebserviceName, Webservice> = new Map(WEBSERVICES.map((service) => [service.name, service]))

/**
 * Speaks to a daemon. Every call throws the classes of errors.ts: what the daemon answered, or NodeUnreachableError with
 * the cause in words.
 */
export class ApiClient {
  readonly baseUrl: string
  readonly #options: ApiClientOptions
  readonly #headers: Readonly<Record<string, string>>

  constructor(options: ApiClientOptions) {
    this.#options = options
    this.baseUrl = options.baseUrl.replace(/\/+$/, '')
    this.#headers = {
      ...(options.username === null ? {} : { Authorization: basic(options.username, options.password ?? '') }),
      ...(options.via === undefined ? {} : { 'X-Scrapyd-Service-Via': encodeURIComponent(options.via) }),
    }
  }

  /** Calls an endpoint of `/api`; the reply is checked against its schema. */
  async call<N extends EndpointName>(
    name: N,
    input: EndpointCall<N> = {},
    options: CallOptions = {},
  ): Promise<EndpointReply<N>> {
    const endpoint: Endpoint = ENDPOINTS[name]
    return this.#timed(options, async (signal) => {
      const response = await this.#send(endpoint, input, { ...options, signal })
      if (endpoint.kind === 'bytes') return (await textOf(response, this.baseUrl)) as EndpointReply<N>
      const reply = endpoint.reply.safeParse(await json(response, this.baseUrl))
      if (!reply.success) {
        throw new NodeUnreachableError(`${this.baseUrl} answers ${name} in a way that is not understood`, {
          cause: reply.error,
        })
      }
      return reply.data as EndpointReply<N>
    })
  }

  /** Calls an endpoint and gives the answer as it comes (bytes, downloads). Without a timeout of its own. */
  open<N extends EndpointName>(name: N, input: EndpointCall<N> = {}, options: CallOptions = {}): Promise<Response> {
    return this.#send(ENDPOINTS[name], input, options)
  }

  /**
   * A file by its URL (`log_url`, `items_url`), as it comes. A redirect is followed within this daemon only: the password
   * goes nowhere else.
   */
  async openFile(url: string, options: CallOptions = {}): Promise<Response> {
    let path = url.startsWith('/') ? url : `/${url}`
    for (let hops = 0; hops < 3; hops++) {
      const init = {
        headers: { ...options.headers },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }
      const response = await this.#fetch(path, init)
      if (response.ok) return response
      const location = response.headers.get('location')
      const next = location === null ? null : URL.parse(location, this.baseUrl + path)
      if (response.status < 300 || response.status >= 400 || !next?.href.startsWith(`${this.baseUrl}/`)) {
        throw await errorOfAnswer(response, this.baseUrl)
      }
      path = next.href.slice(this.baseUrl.length)
    }
    throw new NodeUnreachableError(`${this.baseUrl}${url} redirects without an end`)
  }

  /** Calls a web service, also one of a stock Scrapyd. Resolves to its answer, whose `status` was `ok`. */
  async webservice(
    name: WebserviceName,
    parameters: WebserviceParameters = {},
    options: CallOptions = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const form = formOf(parameters)
    const isPost = SERVICES.get(name)?.method === 'POST'
    const query = isPost || form.size === 0 ? '' : `?${form.toString()}`
    return this.#timed(options, async (signal) => {
      const response = await this.#fetch(`/${name}.json${query}`, {
        method: isPost ? 'POST' : 'GET',
        ...(isPost ? { body: form } : {}),
        headers: { ...options.headers },
        signal,
      })
      const answer = (await json(response, this.baseUrl)) as Record<string, unknown>
      if (!response.ok || answer['status'] !== 'ok') throw errorOfService(response.status, answer, this.baseUrl)
      return answer
    })
  }

  /** The event stream, until it breaks (NodeUnreachableError), ends, or `signal` is aborted. */
  async *openEvents(options: EventsOptions = {}): AsyncGenerator<FeedEvent> {
    for await (const events of this.openEventBatches(options)) yield* events
  }

  /** As `openEvents`, with the events that arrived together: for a follower that applies them in one transaction. */
  async *openEventBatches(options: EventsOptions = {}): AsyncGenerator<readonly FeedEvent[]> {
    const { cursor, check, live, signal: outer, idleMs = IDLE_MS } = options
    const stop = new AbortController()
    const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal])
    const query = {
      ...(cursor === undefined ? {} : { cursor }),
      ...(check === undefined ? {} : { check }),
      ...(live === true ? { from: 'live' as const } : {}),
    }
    try {
      const url = this.baseUrl + pathOf(ENDPOINTS.events, { query })
      const answer = await this.#timed({ timeoutMs: idleMs, signal }, async (timed) => {
        timed.addEventListener('abort', () => stop.abort(), { once: true })
        const opened = await openEventConnection(url, this.#headers, signal, this.#options.httpsAgent)
        if (opened.statusCode !== 200) throw await errorOfAnswer(await asResponse(opened), this.baseUrl)
        return opened
      })
      yield* readEvents(answer, { idleMs, baseUrl: this.baseUrl, signal })
    } catch (error) {
      if (outer?.aborted !== true) throw error
    } finally {
      stop.abort()
    }
  }

  async #send(endpoint: Endpoint, input: EndpointCall<EndpointName>, options: CallOptions): Promise<Response> {
    const hasBody = input.body !== undefined
    const response = await this.#fetch(pathOf(endpoint, input), {
      method: endpoint.method,
      headers: {
        Accept: endpoint.kind === 'stream' ? 'text/event-stream' : 'application/json',
        ...(hasBody ? { 'Content-Type': 'application/json' } : {}),
        ...options.headers,
      },
      ...(hasBody ? { body: JSON.stringify(input.body) } : {}),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    if (!response.ok) throw await errorOfAnswer(response, this.baseUrl)
    return response
  }

  async #fetch(path: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const send = this.#options.fetch ?? fetch
    try {
      // A daemon never redirects these; a proxy that does would be sent the password.
      return await send(this.baseUrl + path, {
        ...init,
        redirect: 'manual',
        headers: { ...this.#headers, ...init.headers },
      })
    } catch (error) {
      throw init.signal?.aborted === true ? error : unreachable(this.baseUrl, error)
    }
  }

  /** Runs `work` with a limit in time. Its signal stays connected to nothing once the work is done. */
  async #timed<T>(options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal: outer } = this.#options
    const limit = options.timeoutMs ?? this.#options.timeoutMs
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(new Error(NO_ANSWER)), limit)
    const signals = [timeout.signal, options.signal, outer].filter((signal) => signal !== undefined)
    try {
      return await work(AbortSignal.any(signals))
    } catch (error) {
      if (options.signal?.aborted === true) throw error
      outer?.throwIfAborted()
      if (timeout.signal.aborted) {
        throw new NodeUnreachableError(`${this.baseUrl} did not answer within ${limit / 1_000} s`, { cause: error })
      }
      throw unreachable(this.baseUrl, error)
    } finally {
      clearTimeout(timer)
    }
  }
}

function basic(username: string, password: string): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

function pathOf(endpoint: Endpoint, { params, query }: EndpointCall<EndpointName>): string {
  const values = params as Readonly<Record<string, string>> | undefined
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values?.[name] ?? ''))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item !== undefined && item !== null) search.append(name, String(item))
    }
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

function formOf(parameters: WebserviceParameters): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of typeof value === 'string' ? [value] : value) form.append(name, item)
  }
  return form
}

/** An answer that is no stream of events: its first bytes say what it is. */
async function asResponse(answer: IncomingMessage): Promise<Response> {
  const { statusCode: status = 500, headers } = answer
  let text = ''
  answer.setEncoding('utf8')
  for await (const piece of answer as AsyncIterable<string>) {
    text += piece
    if (text.length > MOST_TOLD) break
  }
  const { location } = headers
  return new Response(text === '' ? null : text, {
    status: status < 200 ? 500 : status,
    headers: location === undefined ? {} : { location },
  })
}

async function json(response: Response, baseUrl: string): Promise<unknown> {
  const text = await textOf(response, baseUrl)
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // What came instead is told below.
  }
  throw await errorOfAnswer(new Response(text, { status: response.status, headers: response.headers }), baseUrl)
}
