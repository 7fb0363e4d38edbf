import type { EphemeralEvent } from '../api/contract/events.ts'
import type { EventFeed } from '../api/ports.ts'
import type { EventStore, StoredEvent } from '../storage/events.ts'
import type { JobLists } from '../storage/job-lists.ts'
import type { Writer } from '../storage/writer.ts'
import type { LiveEvents } from './live-events.ts'

/** The event feed of this daemon: numbered events out of the database, ephemeral ones passed through. */
export class LiveFeed implements EventFeed {
  readonly feed: string
  readonly #events: EventStore
  readonly #lists: JobLists
  readonly #writer: Writer
  readonly #state: () => Promise<{ readonly nodes: readonly unknown[]; readonly projects: readonly unknown[] }>
  readonly #live: LiveEvents
  readonly #historyToKeep: number

  constructor(parts: {
    readonly feed: string
    readonly events: EventStore
    readonly lists: JobLists
    readonly writer: Writer
    readonly live: LiveEvents
    readonly historyToKeep: number
    /** Nodes and projects for a snapshot. */
    readonly state: () => Promise<{ readonly nodes: readonly unknown[]; readonly projects: readonly unknown[] }>
  }) {
    this.feed = parts.feed
    this.#events = parts.events
    this.#lists = parts.lists
    this.#writer = parts.writer
    this.#live = parts.live
    this.#state = parts.state
    this.#historyToKeep = parts.historyToKeep
  }

  head(): number {
    return this.#events.head()
  }

  oldest(): number {
    return this.#events.oldest()
  }

  isSame(seq: number, at: number): boolean {
    return this.#events.isSame(seq, at)
  }

  read(after: number, limit: number): readonly StoredEvent[] {
    return this.#events.read(after, limit)
  }

  /**
   * Everything, in pages. Rows may be newer than `head` (events follow that repeat them, which is harmless: each event
   * carries the whole row), never older.
   */
  async *snapshot(): AsyncGenerator<{ readonly head: number; readonly json: string }, void, void> {
    const head = this.head()
    const { nodes, projects } = await this.#state()
    yield { head, json: page('', JSON.stringify(nodes), JSON.stringify(projects)) }
    for await (const jobs of this.#lists.snapshot(this.#historyToKeep)) {
      yield { head, json: page(jobs, '[]', '[]') }
    }
  }

  onCommit(listener: () => void): () => void {
    return this.#writer.onCommit(listener)
  }

  onEphemeral(listener: (event: EphemeralEvent) => void): () => void {
    return this.#live.on(listener)
  }
}

/** A `snapshot` event; the server adds `head` and `done`. */
function page(jobs: string, nodes: string, projects: string): string {
  return `{"type":"snapshot","jobs":[${jobs}],"nodes":${nodes},"projects":${projects}}`
}
