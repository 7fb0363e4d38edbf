import type { EndpointCall, EndpointReply } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { IpcError, OpenCluster, PageEndpoint } from '../../src-main/ipc-contract.ts'
import type { CallError } from './call-error.ts'
import { callError, type Desktop } from './desktop-bridge.ts'
import type { BytesEndpoint, ConsoleEndpoint } from './routes.ts'
import { StreamHub, type HubSubscriber } from './stream-hub.ts'
import type { StreamSource } from './stream-source.ts'
import type {
  CallOptions,
  FileBytes,
  LogPiece,
  StreamHandle,
  StreamHandlers,
  TailHandle,
  TailHandlers,
  TailRequest,
  Transport,
} from './transport.ts'

/** The transport of the desktop app: every request goes out from the main process, which holds the credentials. */
export class IpcTransport implements Transport {
  readonly base: string
  readonly isLocal: boolean
  readonly #desktop: Desktop
  readonly #hub: StreamHub
  readonly #tails = new Map<string, TailHandlers>()
  #handlers: StreamHandlers | null = null

  constructor(desktop: Desktop, { base, isLocal }: OpenCluster, backoff?: readonly number[]) {
    this.#desktop = desktop
    this.base = base
    this.isLocal = isLocal
    const source = new IpcStreamSource(desktop)
    this.#hub = new StreamHub({ base, source, ...(backoff === undefined ? {} : { backoff }) })
  }

  async call<N extends ConsoleEndpoint>(
    name: N,
    input: EndpointCall<N> = {},
    options: CallOptions = {},
  ): Promise<EndpointReply<N>> {
    // The session of a browser; here main signs every request, and closing the cluster is what ends it.
    if (name === 'deleteSession') {
      await this.#desktop.invoke('clusters.close', 'chosen')
      return { status: 'ok' } as EndpointReply<N>
    }
    const answer = await abortable(this.#desktop, options.signal, (id) =>
      this.#desktop.invoke('session.call', id, name as PageEndpoint, input),
    )
    return answer as EndpointReply<N>
  }

  bytes<N extends BytesEndpoint>(name: N, input: EndpointCall<N>, options: CallOptions = {}): Promise<FileBytes> {
    return abortable(this.#desktop, options.signal, (id) => this.#desktop.invoke('session.bytes', id, name, input))
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
    const id = crypto.randomUUID()
    this.#tails.set(id, handlers)
    this.#hub.addTail(this.#subscriber, id, request)
    return {
      close: () => {
        if (this.#tails.delete(id)) this.#hub.dropTail(id)
      },
    }
  }

  /** A link would have to carry the password. */
  fileHref(): null {
    return null
  }

  openFile(url: string): void {
    // Main shows what went wrong in the system's own dialog.
    this.#desktop.invoke('files.save', url).catch(() => {})
  }

  readonly #subscriber: HubSubscriber = {
    onEvents: (events) => this.#handlers?.onEvents(events),
    onStatus: (status) => this.#handlers?.onStatus(status),
    onPiece: (piece: LogPiece) => {
      const handlers = this.#tails.get(piece.tail)
      if (piece.state === 'end' || piece.state === 'gone') this.#tails.delete(piece.tail)
      handlers?.onPiece(piece)
    },
    onTailError: (id: string, error: CallError) => {
      const handlers = this.#tails.get(id)
      this.#tails.delete(id)
      handlers?.onError(error)
    },
  }
}

/** Events that main follows for this page. */
class IpcStreamSource implements StreamSource {
  readonly #desktop: Desktop

  constructor(desktop: Desktop) {
    this.#desktop = desktop
  }

  async *events(cursor: string | null, signal: AbortSignal): AsyncGenerator<readonly FeedEvent[]> {
    const stream = crypto.randomUUID()
    const arrived: FeedEvent[][] = []
    let end: { readonly error: IpcError | null } | null = null
    let wake: (() => void) | null = null
    const stop = this.#desktop.onMessage((message) => {
      if (message.type === 'events' && message.stream === stream) arrived.push([...message.events])
      else if (message.type === 'stream-end' && message.stream === stream) end = message
      else return
      wake?.()
    })
    const onAbort = () => wake?.()
    signal.addEventListener('abort', onAbort)
    try {
      await this.#desktop.invoke('session.follow', stream, cursor)
      for (;;) {
        yield* arrived.splice(0)
        if (signal.aborted) return
        const ended = end as { readonly error: IpcError | null } | null
        if (ended?.error != null) throw callError(ended.error)
        if (ended !== null) return
        if (arrived.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      stop()
      signal.removeEventListener('abort', onAbort)
      void this.#desktop.invoke('session.unfollow', stream).catch(() => {})
    }
  }

  async addTail(stream: string, tail: string, { key, offset }: TailRequest): Promise<void> {
    const input = { params: { stream, tail }, body: { key, offset } }
    await this.#desktop.invoke('session.call', crypto.randomUUID(), 'addTail', input)
  }

  dropTail(stream: string, tail: string): void {
    const input = { params: { stream, tail } }
    this.#desktop.invoke('session.call', crypto.randomUUID(), 'dropTail', input).catch(() => {})
  }
}

/** A call that its signal ends: here at once, and in main. */
async function abortable<T>(
  desktop: Desktop,
  signal: AbortSignal | undefined,
  call: (id: string) => Promise<T>,
): Promise<T> {
  const id = crypto.randomUUID()
  if (signal === undefined) return call(id)
  signal.throwIfAborted()
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => {
      void desktop.invoke('session.abort', id).catch(() => {})
      reject(new DOMException('the call is not wanted any more', 'AbortError'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    call(id)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}
