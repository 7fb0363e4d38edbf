import type { EphemeralEvent, FeedEvent } from '../api/contract/events.ts'
import type { Job } from '../api/contract/values.ts'
import type { Ledger } from '../jobs/ledger.ts'
import type { Logger } from '../logger.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { NodeStore } from '../storage/nodes.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Mirror } from './mirror.ts'
import type { NodeClient } from './node-client.ts'

const RETRY_MS = [200, 500, 1_000, 2_000, 5_000] as const
const ACK_EVERY_MS = 1_000

export interface FollowerParts {
  readonly node: ClusterNode
  readonly client: NodeClient
  readonly mirror: Mirror
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly nodes: NodeStore
  readonly writer: Writer
  readonly log: Logger
  /** This master, for acknowledgements. */
  readonly instance: string
  /** A stream was opened (its id), or the last one was cut (null). */
  readonly onStream: (stream: string | null) => void
  /** Live figures, log pieces, pulls: passed on, never stored. */
  readonly onEphemeral: (event: EphemeralEvent) => void
  /** The projects of the node changed. */
  readonly onProject: (name: string) => void
  /** Jobs there started or ended: its slots are not what they were. */
  readonly onJobs: () => void
  /** The stream was cut: whether the node is still there should be asked at once. */
  readonly onCut: () => void
}

/**
 * Follows the event feed of one slave and keeps the master's ledger in step with it: rows and cursor in one transaction,
 * so that a cut or a crash at any moment neither loses nor doubles anything (MECHANISMS.md, "Event feed and following").
 */
export class Follower {
  readonly #parts: FollowerParts
  readonly #abort = new AbortController()
  #running: Promise<void> | null = null
  #waiting: FeedEvent[] = []
  #flushing: Promise<void> | null = null
  #acknowledged = 0
  #ackTimer: NodeJS.Timeout | null = null
  /** Keys in the snapshot that is being received; null outside of one. */
  #snapshot: { readonly keys: Set<string>; readonly feed: string; readonly tooOld: boolean } | null = null
  #failure: unknown = null
  /** The node's newest event as the stream began: once we have it, we are in step. */
  #head = Number.POSITIVE_INFINITY

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    if (this.#ackTimer !== null) clearTimeout(this.#ackTimer)
    await this.#running
  }

  async #run(): Promise<void> {
    const { node, log, onStream, onCut } = this.#parts
    let lastWords = ''
    for (let attempt = 0; !this.#abort.signal.aborted; attempt++) {
      try {
        for await (const events of this.#open()) {
          attempt = 0
          if (this.#failure !== null) throw this.#failure
          for (const event of events) this.#take(event)
        }
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        // Once per reason: a node that is away is told by its pings.
        if (!this.#abort.signal.aborted && words !== lastWords) log.warn(`the event stream of ${node.name} was cut`, words)
        lastWords = words
      }
      this.#snapshot = null
      this.#head = Number.POSITIVE_INFINITY
      node.inStep = false
      await this.#flushing?.catch(() => {})
      this.#waiting = []
      this.#failure = null
      onStream(null)
      if (this.#abort.signal.aborted) return
      onCut()
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!, this.#abort.signal)
    }
  }

  #open(): AsyncIterable<readonly FeedEvent[]> {
    const { row } = this.#parts.node
    return this.#parts.client.openEventBatches({
      ...(row.feed === null ? {} : { cursor: `${row.feed}:${row.cursor}` }),
      ...(row.cursor_at === 0 ? {} : { check: row.cursor_at }),
      signal: this.#abort.signal,
    })
  }

  #take(event: FeedEvent): void {
    switch (event.type) {
      case 'hello':
        this.#head = event.head
        this.#parts.onStream(event.stream)
        if (this.#parts.node.row.feed === event.feed) this.#checkInStep()
        return
      case 'stats':
      case 'log':
      case 'pull':
      case 'load':
        this.#parts.onEphemeral(event)
        return
      default:
        this.#waiting.push(event)
        this.#flushing ??= this.#flush()
    }
  }

  /** Stores what has come, in one transaction per turn. A failure cuts the stream: it is read again from the cursor. */
  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const events = this.#waiting
        this.#waiting = []
        const { ended, projects, jobs } = await this.#parts.writer.write(() => this.#store(events))
        for (const key of ended) this.#parts.ledger.announceEnd(key)
        for (const project of projects) this.#parts.onProject(project)
        this.#checkInStep()
        if (jobs) this.#parts.onJobs()
        this.#acknowledgeSoon()
      }
    } catch (error) {
      this.#failure = error
      this.#parts.log.error(`what ${this.#parts.node.name} reported could not be stored`, error)
    } finally {
      this.#flushing = null
    }
  }

  #checkInStep(): void {
    const { node } = this.#parts
    if (node.inStep || this.#snapshot !== null || node.row.cursor < this.#head) return
    node.inStep = true
    this.#parts.onJobs()
  }

  #store(events: readonly FeedEvent[]): { ended: string[]; projects: Set<string>; jobs: boolean } {
    const { node, mirror, nodes } = this.#parts
    const ended: string[] = []
    const projects = new Set<string>()
    let jobs = false
    let { feed, cursor, cursor_at } = node.row
    const apply = (job: Job) => {
      jobs = true
      const key = mirror.apply(node, job)
      if (key !== null) ended.push(key)
    }
    for (const event of events) {
      if (event.type === 'reset') {
        this.#snapshot = { keys: new Set(), feed: event.feed, tooOld: event.reason.includes('too old') }
        continue
      }
      if (event.type === 'snapshot') {
        for (const job of event.jobs) {
          this.#snapshot?.keys.add(job.key)
          apply(job)
        }
        for (const project of event.projects) projects.add(project.name)
        if (event.done && this.#snapshot !== null) {
          ended.push(...this.#loseUnknown(this.#snapshot, feed))
          feed = this.#snapshot.feed
          cursor = event.head
          cursor_at = 0
          this.#snapshot = null
        }
        continue
      }
      if (!('seq' in event)) continue
      if (event.seq <= cursor) continue
      if (event.seq !== cursor + 1) throw new Error(`gap in the feed of ${node.name}: ${cursor} -> ${event.seq}`)
      cursor = event.seq
      cursor_at = Date.parse(event.at)
      if (event.type === 'job') apply(event.job)
      else if (event.type === 'project') projects.add(event.project.name)
      else if (event.type === 'project-removed') projects.add(event.name)
    }
    nodes.update(node.id, { feed, cursor, cursor_at })
    node.row = { ...node.row, feed, cursor, cursor_at }
    return { ended, projects, jobs }
  }

  /** Jobs that we believed there and that its whole state does not contain: its database is gone, or an older copy. */
  #loseUnknown(
    snapshot: { readonly keys: ReadonlySet<string>; readonly feed: string; readonly tooOld: boolean },
    feedBefore: string | null,
  ): readonly string[] {
    const { node, jobs, mirror } = this.#parts
    // Where only our cursor was too old, a dispatch on its way is no loss: the dispatcher settles it. A database that is
    // gone may have begun it, so that it must not be sent again.
    const unknown = jobs
      .unfinishedOn(node.id)
      .filter((row) => !snapshot.keys.has(row.key) && !(row.state === 'assigned' && snapshot.tooOld))
    const reason =
      feedBefore !== null && feedBefore !== snapshot.feed
        ? `The database of ${node.name} is gone; what became of the job there is unknown`
        : `${node.name} does not know this job any more (its database is an older copy)`
    return mirror.lose(unknown, reason, Date.now())
  }

  /** Tells the slave, at most once a second, what it may forget. */
  #acknowledgeSoon(): void {
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = null
      const { row } = this.#parts.node
      if (row.feed === null || row.cursor <= this.#acknowledged) return
      this.#acknowledged = row.cursor
      this.#parts.client
        .call('ackEvents', { body: { instance: this.#parts.instance, feed: row.feed, seq: row.cursor } })
        .catch(() => {
          // The next event tries again.
          this.#acknowledged = 0
        })
    }, ACK_EVERY_MS).unref()
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
