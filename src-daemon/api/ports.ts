import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EndpointInput, EndpointName, EndpointReply } from './contract/endpoints.ts'
import type { EphemeralEvent } from './contract/events.ts'
import type { Requester, ScrapydApi } from './contract/scrapyd-api.ts'
import type { LogMatch } from './contract/values.ts'

/**
 * What the HTTP server needs from inside, and nothing more. The composition root hands a LocalNode's (slave) or a
 * Cluster's (master) implementation to the same server.
 */
export interface ServerParts {
  readonly scrapyd: ScrapydApi
  readonly api: ApiHandlers
  readonly files: FileTree
  readonly events: EventFeed
  readonly tails: LogTails
  readonly jobsPage: JobsPage
  /** Serves `/forward/<id>/…` (master); null on a slave. */
  readonly forwards: ForwardPort | null
}

/** Endpoints that the server answers by itself. */
export type ServerOwnEndpoint =
  | 'health'
  | 'openapi'
  | 'events'
  | 'addTail'
  | 'dropTail'
  | 'createSession'
  | 'getSession'
  | 'deleteSession'
  | 'getLog'
  | 'getOutput'

export type HandledEndpoint = Exclude<EndpointName, ServerOwnEndpoint>

/** One function per endpoint; throws classes of errors.ts. */
export type ApiHandlers = {
  readonly [N in HandledEndpoint]: (input: EndpointInput<N>, by: Requester) => Promise<EndpointReply<N>>
}

/** A file or folder below `/logs/` or `/items/`. */
export type TreeEntry =
  | { readonly kind: 'file'; readonly path: string; readonly size: number; readonly modifiedAt: number }
  | { readonly kind: 'folder'; readonly entries: readonly FolderRow[] }
  /** The file lies on another node: the server hands request and response over. */
  | { readonly kind: 'remote'; readonly forward: (request: IncomingMessage, response: ServerResponse) => void }

export interface FolderRow {
  readonly name: string
  readonly folder: boolean
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

export type TreeKind = 'logs' | 'items'

export interface FileTree {
  /** Whether `/items/` is served at all (`items_dir` set and local). */
  readonly hasItems: boolean
  /** `segments` are decoded path components, already refused when unsafe; null = not there. */
  find(kind: TreeKind, segments: readonly string[]): Promise<TreeEntry | null>
  /** Where the log, or what was printed, of a job lies. Throws JobNotFoundError, FileNotFoundError. */
  ofJob(kind: 'log' | 'output', key: string): Promise<Exclude<TreeEntry, { kind: 'folder' }>>
}

/** The numbered events as a follower reads them: a cursor over the table; a commit only wakes it. */
export interface EventFeed {
  readonly feed: string
  /** Number of the last committed event. */
  head(): number
  /** Whether the event `seq` is the one of that time (ms); also true when it is not kept any more. */
  isSame(seq: number, at: number): boolean
  /** Number of the oldest event that is still kept; `head() + 1` when none is. */
  oldest(): number
  /** Up to `limit` events after `seq`, each as its JSON text, in order. */
  read(after: number, limit: number): readonly { readonly seq: number; readonly type: string; readonly json: string }[]
  /** Pages of the state as it is at `head` (JSON texts of `snapshot` events without `head`/`done`). */
  snapshot(): AsyncIterable<{ readonly head: number; readonly json: string }>
  /** Called after each commit that added events. Returns the way to stop. */
  onCommit(listener: () => void): () => void
  onEphemeral(listener: (event: EphemeralEvent) => void): () => void
}

export interface TailPiece {
  readonly offset: number
  readonly length: number
  readonly text: string
  readonly state: 'live' | 'end' | 'gone' | 'away'
}

/** Follows the log of a job wherever it lies. */
export interface LogTails {
  /**
   * Begins at `offset` (negative: that many bytes before the end, moved to a line's begin). `sink` returns false when it
   * is full; the tail waits for `resume()`. Resolves to the file's size now. Throws JobNotFoundError.
   */
  open(key: string, offset: number, sink: (piece: TailPiece) => boolean): Promise<Tail>
}

export interface Tail {
  readonly size: number
  resume(): void
  close(): void
}

/** Rows of the plain `/jobs` page (Scrapyd's columns), streamed as they are read. */
export interface JobsPage {
  rows(state: 'pending' | 'running' | 'finished'): AsyncIterable<JobsPageRow>
}

export interface JobsPageRow {
  readonly project: string
  readonly spider: string
  readonly job: string
  readonly pid: number | null
  /** Milliseconds since 1970. */
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly logUrl: string | null
  readonly itemsUrl: string | null
}

export interface ForwardPort {
  /** `rest` = path and query after `/forward/<id>`. Answers by itself, also 404 for an unknown id. */
  serve(id: string, rest: string, request: IncomingMessage, response: ServerResponse): void
}

/** Search in a log file on this node; shared by LocalNode's handler and tests. */
export interface LogSearchResult {
  readonly matches: readonly LogMatch[]
  readonly total: number
  readonly next: number | null
  readonly size: number
}
