import type { ApiClient } from '../src-daemon/api/client/api-client.ts'
import {
  ENDPOINTS,
  type Endpoint,
  type EndpointCall,
  type EndpointReply,
} from '../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../src-daemon/api/contract/events.ts'
import { InvalidParameterError } from '../src-daemon/errors.ts'
import type { OpenCluster, PageEndpoint } from './ipc-contract.ts'

/** What a page passes to an endpoint, not yet checked. */
export interface LooseInput {
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly query?: Readonly<Record<string, unknown>> | undefined
  readonly body?: unknown
}

/** Hears what any stream of the session brings. */
export interface EventListener {
  onEvents(events: readonly FeedEvent[]): void
  /** No stream is open any more: what was heard may not hold. */
  onSilence(): void
}

/** The open cluster: requests of the page go out from here, with credentials that the page does not know. */
export class ClusterSession {
  readonly cluster: OpenCluster
  readonly #client: ApiClient
  readonly #calls = new Map<string, AbortController>()
  readonly #listener: EventListener
  #streams = 0

  constructor(cluster: OpenCluster, client: ApiClient, listener: EventListener) {
    this.cluster = cluster
    this.#client = client
    this.#listener = listener
  }

  /** Calls an endpoint after checking the input by its own schemas. */
  call(id: string, name: PageEndpoint, input: LooseInput): Promise<unknown> {
    return this.#abortable(id, (signal) => this.#client.call(name, checkInput(name, input), { signal }))
  }

  bytes(id: string, name: 'getLog' | 'getOutput', input: LooseInput): Promise<{ bytes: Uint8Array; size: number }> {
    return this.#abortable(id, async (signal) => {
      const response = await this.#client.open(name, checkInput(name, input), { signal })
      const bytes = new Uint8Array(await response.arrayBuffer())
      return { bytes, size: Number(response.headers.get('x-log-size') ?? bytes.length) }
    })
  }

  /** Nobody waits for that call, or that stream, any more. */
  abort(id: string): void {
    this.#calls.get(id)?.abort()
  }

  /** Follows the events until the stream ends; `cursor` null: from now on. Rejects with what broke it. */
  follow(id: string, cursor: string | null, onBatch: (events: readonly FeedEvent[]) => void): Promise<void> {
    return this.#abortable(id, async (signal) => {
      const place = cursor === null ? { live: true } : { cursor }
      this.#streams += 1
      try {
        for await (const events of this.#client.openEventBatches({ ...place, signal, idleMs: 45_000 })) {
          onBatch(events)
          this.#listener.onEvents(events)
        }
      } finally {
        this.#streams -= 1
        if (this.#streams === 0) this.#listener.onSilence()
      }
    })
  }

  /** The nodes now, for tray and badge. */
  nodes(): Promise<EndpointReply<'listNodes'>> {
    return this.#client.call('listNodes')
  }

  /** A file of the daemon, as it comes. */
  file(url: string, signal: AbortSignal): Promise<Response> {
    return this.#client.openFile(url, { signal })
  }

  close(): void {
    for (const call of this.#calls.values()) call.abort()
  }

  async #abortable<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const call = new AbortController()
    this.#calls.set(id, call)
    try {
      return await work(call.signal)
    } finally {
      if (this.#calls.get(id) === call) this.#calls.delete(id)
    }
  }
}

/** What goes on the wire is what the contract allows. Throws InvalidParameterError with the field. */
export function checkInput<N extends PageEndpoint>(name: N, input: LooseInput): EndpointCall<N> {
  const endpoint: Endpoint = ENDPOINTS[name]
  const parts = { params: endpoint.params, query: endpoint.query, body: endpoint.body }
  for (const [part, schema] of Object.entries(parts)) {
    const value = input[part as keyof typeof parts]
    const checked = schema.safeParse(value ?? {})
    if (!checked.success) {
      const [issue] = checked.error.issues
      const field = issue?.path.join('.') || part
      throw new InvalidParameterError(field, `${field}: ${issue?.message ?? 'is not valid'}`)
    }
  }
  // Sent as it was given: the schemas also read texts of URLs, and the daemon reads them again.
  const hasBody = endpoint.method !== 'GET' && endpoint.method !== 'DELETE'
  return { params: input.params, query: input.query, ...(hasBody ? { body: input.body ?? {} } : {}) } as EndpointCall<N>
}
