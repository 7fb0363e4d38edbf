import type { EndpointCall, EndpointReply } from '../../src-daemon/api/contract/endpoints.ts'
import { CallError, CONSOLE_HEADER, isAbort } from './call-error.ts'
import { buildPath, ROUTES, type BytesEndpoint, type ConsoleEndpoint } from './routes.ts'
import { StreamHub, type HubSubscriber } from './stream-hub.ts'
import type {
  CallOptions,
  FileBytes,
  StreamHandle,
  StreamHandlers,
  TailHandle,
  TailHandlers,
  TailRequest,
  Transport,
} from './transport.ts'
import { WorkerHub, type Hub } from './worker-hub.ts'

interface AnyCall {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

/** The transport of a page that the daemon itself serves: the same origin, the session's cookie. */
export class BrowserTransport implements Transport {
  readonly base: string
  readonly #hub: Hub
  readonly #tails = new Map<string, TailHandlers>()
  #handlers: StreamHandlers | null = null

  constructor(base: string, hub: Hub) {
    this.base = base
    this.#hub = hub
  }

  async call<N extends ConsoleEndpoint>(
    name: N,
    input: EndpointCall<N> = {},
    options: CallOptions = {},
  ): Promise<EndpointReply<N>> {
    const response = await this.#fetch(name, input, options)
    return (await response.json()) as EndpointReply<N>
  }

  async bytes<N extends BytesEndpoint>(name: N, input: EndpointCall<N>, options: CallOptions = {}): Promise<FileBytes> {
    const response = await this.#fetch(name, input, options)
    const bytes = new Uint8Array(await response.arrayBuffer())
    return { bytes, size: Number(response.headers.get('x-log-size') ?? bytes.length) }
  }

  stream(handlers: StreamHandlers): StreamHandle {
    this.#handlers = handlers
    const back = () => this.#hub.reconnect()
    addEventListener('online', back)
    this.#hub.add(this.#subscriber)
    return {
      reconnect: back,
      close: () => {
        removeEventListener('online', back)
        this.#handlers = null
        this.#hub.remove(this.#subscriber)
      },
    }
  }

  tail(request: TailRequest, handlers: TailHandlers): TailHandle {
    const id = randomId()
    this.#tails.set(id, handlers)
    this.#hub.addTail(this.#subscriber, id, request)
    return {
      close: () => {
        if (this.#tails.delete(id)) this.#hub.dropTail(id)
      },
    }
  }

  fileHref(url: string): string {
    return new URL(url.replace(/^\/+/, ''), this.base).href
  }

  openFile(url: string, options: { readonly download?: boolean } = {}): void {
    const link = document.createElement('a')
    link.href = this.fileHref(url)
    link.rel = 'noopener'
    if (options.download === true) link.download = ''
    else link.target = '_blank'
    link.click()
  }

  readonly #subscriber: HubSubscriber = {
    onEvents: (events) => this.#handlers?.onEvents(events),
    onStatus: (status) => this.#handlers?.onStatus(status),
    onPiece: (piece) => {
      const handlers = this.#tails.get(piece.tail)
      if (piece.state === 'end' || piece.state === 'gone') this.#tails.delete(piece.tail)
      handlers?.onPiece(piece)
    },
    onTailError: (id, error) => {
      const handlers = this.#tails.get(id)
      this.#tails.delete(id)
      handlers?.onError(error)
    },
  }

  async #fetch(name: ConsoleEndpoint | BytesEndpoint, input: AnyCall, options: CallOptions): Promise<Response> {
    const [method, path] = ROUTES[name]
    const headers: Record<string, string> = { ...CONSOLE_HEADER }
    const init: RequestInit = { method, headers, credentials: 'same-origin', signal: options.signal ?? null }
    if (method !== 'GET' && method !== 'DELETE') {
      headers['content-type'] = 'application/json'
      init.body = JSON.stringify(input.body ?? {})
    }
    const response = await this.#send(this.base + buildPath(path, input.params ?? {}, input.query ?? {}), init)
    if (response.ok) return response
    const error = await CallError.fromResponse(response)
    // The session may end while the stream, which was let in, still lives. (A sign-in says 401 of its own credentials.)
    if (error.failure === 'unauthorized' && name !== 'createSession')
      this.#handlers?.onStatus({ state: 'unauthorized' })
    throw error
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init)
    } catch (error) {
      if (isAbort(error)) throw error
      throw new CallError('unreachable', error instanceof Error ? error.message : String(error))
    }
  }
}

/** `crypto.randomUUID` exists on secure origins only; a master in a LAN is plain http. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The transport of this page, with the stream in a SharedWorker where the browser has one. */
export function createBrowserTransport(): BrowserTransport {
  const base = new URL('.', document.baseURI).href
  return new BrowserTransport(base, createHub(base))
}

function createHub(base: string): Hub {
  if (typeof SharedWorker === 'undefined') return new StreamHub({ base })
  try {
    const worker = new SharedWorker(new URL('./shared-worker.ts', import.meta.url), { type: 'module' })
    return new WorkerHub(worker.port, base)
  } catch {
    // Forbidden by a policy or a private mode: this tab then has a stream of its own.
    return new StreamHub({ base })
  }
}
