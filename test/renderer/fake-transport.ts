import type { EndpointCall, EndpointReply } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import { CallError } from '../../src-renderer/transport/call-error.ts'
import type { BytesEndpoint, ConsoleEndpoint } from '../../src-renderer/transport/routes.ts'
import type {
  FileBytes,
  StreamHandle,
  StreamHandlers,
  StreamStatus,
  TailHandle,
  TailHandlers,
  TailRequest,
  Transport,
} from '../../src-renderer/transport/transport.ts'

type Answers = { [N in ConsoleEndpoint]?: (input: EndpointCall<N>) => unknown }

interface Call {
  readonly name: ConsoleEndpoint
  readonly input: { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown }
}

/** A transport in memory: answers are given by the test, the stream is played by the test. */
export class FakeTransport implements Transport {
  readonly base = 'http://10.20.0.10:6800/'
  readonly calls: Call[] = []
  readonly opened: string[] = []
  readonly answers: Answers
  reconnects = 0
  #handlers: StreamHandlers | null = null

  constructor(answers: Answers = {}) {
    this.answers = answers
  }

  async call<N extends ConsoleEndpoint>(name: N, input: EndpointCall<N> = {}): Promise<EndpointReply<N>> {
    this.calls.push({ name, input })
    const answer = this.answers[name] as ((input: EndpointCall<N>) => unknown) | undefined
    if (answer === undefined) throw new CallError('refused', `${name} is not answered`, { status: 404 })
    return (await answer(input)) as EndpointReply<N>
  }

  bytes(_name: BytesEndpoint, _input: { readonly query?: unknown }): Promise<FileBytes> {
    return Promise.resolve({ bytes: new Uint8Array(), size: 0 })
  }

  stream(handlers: StreamHandlers): StreamHandle {
    this.#handlers = handlers
    return { reconnect: () => (this.reconnects += 1), close: () => (this.#handlers = null) }
  }

  tail(_request: TailRequest, _handlers: TailHandlers): TailHandle {
    return { close: () => {} }
  }

  fileHref(url: string): string {
    return this.base + url
  }

  openFile(url: string): void {
    this.opened.push(url)
  }

  /** Plays a state of the stream. */
  status(status: StreamStatus): void {
    this.#handlers?.onStatus(status)
  }

  live(options: { readonly resumed?: boolean; readonly ahead?: number } = {}): void {
    const localNow = Date.now()
    const serverNow = localNow + (options.ahead ?? 0)
    this.status({
      state: 'live',
      feed: 'feed00000001',
      nodeName: 'hq-01',
      head: 0,
      serverNow,
      localNow,
      resumed: options.resumed ?? false,
    })
  }

  /** Plays events of the stream. */
  events(...events: readonly (Record<string, unknown> & { readonly type: string })[]): void {
    this.#handlers?.onEvents(events as unknown as FeedEvent[])
  }

  callsTo(name: ConsoleEndpoint): Call[] {
    return this.calls.filter((call) => call.name === name)
  }
}
