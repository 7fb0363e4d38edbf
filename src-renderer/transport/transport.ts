import type { EndpointCall, EndpointReply } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { CallError } from './call-error.ts'
import type { BytesEndpoint, ConsoleEndpoint } from './routes.ts'

/**
 * The one door between the console and a daemon. In a browser it is `fetch` on the own origin; in the desktop app it is
 * typed IPC to the main process, which holds the credentials. Nothing else in the console knows which.
 */
export interface Transport {
  /** Where the daemon is, as a base for commands that an operator copies (`http://10.20.0.10:6800/prefix/`). */
  readonly base: string
  /** Calls an endpoint of the contract. Throws CallError, or an AbortError when `signal` ends it. */
  call<N extends ConsoleEndpoint>(name: N, input?: EndpointCall<N>, options?: CallOptions): Promise<EndpointReply<N>>
  /** Reads a range of a file. */
  bytes<N extends BytesEndpoint>(name: N, input: EndpointCall<N>, options?: CallOptions): Promise<FileBytes>
  /** Follows the daemon's events. One stream serves the whole page; the console opens it once. */
  stream(handlers: StreamHandlers): StreamHandle
  /** Follows a log on that stream. The tail outlives reconnects: it goes on at the byte where it was cut. */
  tail(request: TailRequest, handlers: TailHandlers): TailHandle
  /** URL of a file of the daemon (`log_url`, `items_url`, a download) for a link; null where a link cannot reach it. */
  fileHref(url: string): string | null
  /** Opens a file of the daemon: a new tab, or the system's save dialog. */
  openFile(url: string, options?: { readonly download?: boolean }): void
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface FileBytes {
  readonly bytes: Uint8Array
  /** Size of the whole file now. */
  readonly size: number
}

/** State of the event stream. */
export type StreamStatus =
  | { readonly state: 'connecting' }
  | {
      readonly state: 'live'
      readonly feed: string
      readonly nodeName: string
      /** Highest number committed as the stream began. */
      readonly head: number
      /** The daemon's clock at `hello`, and ours (milliseconds). */
      readonly serverNow: number
      readonly localNow: number
      /** Every event since the cut was or will be replayed; otherwise the page must read its state anew. */
      readonly resumed: boolean
    }
  /** `since`: when it was lost; `retryAt`: next try (milliseconds of our clock). */
  | { readonly state: 'waiting'; readonly since: number; readonly retryAt: number; readonly reason: string }
  | { readonly state: 'unauthorized' }

export interface StreamHandlers {
  /** Events in order, as they came in one piece of the stream. Log pieces go to their tails instead. */
  onEvents(events: readonly FeedEvent[]): void
  onStatus(status: StreamStatus): void
}

export interface StreamHandle {
  /** Connects now: instead of waiting, after signing in, or anew where it is live (after signing out). */
  reconnect(): void
  close(): void
}

export type LogPiece = Extract<FeedEvent, { type: 'log' }>

export interface TailRequest {
  readonly key: string
  /** First byte; negative: that many bytes before the end, moved to a line's begin. */
  readonly offset: number
}

export interface TailHandlers {
  onPiece(piece: LogPiece): void
  /** The tail cannot be opened (job or file gone, its node away). It is given up. */
  onError(error: CallError): void
}

export interface TailHandle {
  close(): void
}
