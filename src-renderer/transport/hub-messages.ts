import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { CallFailure } from './call-error.ts'
import type { LogPiece, StreamStatus, TailRequest } from './transport.ts'

/** What a tab says to the shared worker. */
export type TabMessage =
  | { readonly type: 'join'; readonly base: string }
  | { readonly type: 'tail'; readonly id: string; readonly request: TailRequest }
  | { readonly type: 'drop-tail'; readonly id: string }
  | { readonly type: 'reconnect' }
  /** Sent now and then: a tab that crashed cannot say goodbye. */
  | { readonly type: 'alive' }
  | { readonly type: 'leave' }

/** What the shared worker says to a tab. */
export type WorkerMessage =
  | { readonly type: 'events'; readonly events: readonly FeedEvent[] }
  | { readonly type: 'status'; readonly status: StreamStatus }
  | { readonly type: 'piece'; readonly piece: LogPiece }
  | { readonly type: 'tail-error'; readonly id: string; readonly error: PlainCallError }
  /** The tab was silent for too long and is not served any more: it has to join again. */
  | { readonly type: 'forgotten' }

/** A CallError as it travels between threads (classes do not survive the structured clone). */
export interface PlainCallError {
  readonly failure: CallFailure
  readonly message: string
  readonly status: number
  readonly code: string
}

/** Milliseconds between two `alive` messages. */
export const ALIVE_INTERVAL = 30_000
/** Browsers slow timers of hidden tabs down to one a minute; a tab silent for this long is gone or frozen. */
export const ALIVE_LIMIT = 200_000
