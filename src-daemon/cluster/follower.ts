import { reasonText } from '../api/contract/reasons.ts'
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
/** What the slave may forget is not urgent; a request a second to each of many nodes would be a burden. */
const ACK_WITHIN_MS = 60_000
/** Rows that share a transaction: a long replay must not block the event loop. A page of a snapshot has many of them. */
const BATCH = 500

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
  /** The stream was cut or is back, the node was paused there …: it should be asked at once how it is. */
  readonly onDoubt: () => void
}

interface Snapshot {
  /** Keys of the jobs in it. */
  readonly keys: Set<string>
  readonly feed: string
  /** The same database: only our cursor was too old. */
  readonly tooOld: boolean
}

/** What one transaction of events did; the cursor counts once it is committed. */
interface Stored {
  readonly feed: string | null
  readonly cursor: number
  readonly cursor_at: number
  readonly ended: readonly string[]
  readonly projects: ReadonlySet<string>
  readonly hasJobs: boolean
  readonly hasNode: boolean
  readonly snapshot: Snapshot | null
}

/**
 * Follows the event feed of one slave and keeps the master's ledger in step with it: rows and cursor in one transaction,
 * so that a cut or a crash at any moment neither loses nor doubles anything (MECHANISMS.md, "Event feed and following").
 */
export class Follower {
  readonly #parts: FollowerParts
  readonly #abort = new AbortController()
  #running: Promise<void> | null = null
  /** Ends the present stream only: it is opened again. */
  #cut = new AbortController()
  #waiting: FeedEvent[] = []
  /** In what waits. */
  #rows = 0
  #flushing: Promise<void> | null = null
  #acknowledged: { readonly feed: string; readonly seq: number } | null = null
  #ackTimer: NodeJS.Timeout | null = null
  /** The snapshot that is being received; null outside of one. */
  #snapshot: Snapshot | null = null
  /** A reset has come whose snapshot is not stored yet: nothing that we believe of the node is certain. */
  #isResetting = false
  /** Jobs that we believed there before the stream was asked for: only these can be missing in its snapshot. */
  #held: ReadonlySet<string> = new Set()
  /** Streams, one after the other, by which we did not get in step. */
  #failures = 0
  /** The node's newest event as the stream began: once we have it, we are in step. */
  #head = Number.POSITIVE_INFINITY

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Nothing of the node is stored any more once this resolves. */
  async stop(): Promise<void> {
    this.#abort.abort()
    if (this.#ackTimer !== null) clearTimeout(this.#ackTimer)
    await this.#running
  }

  /** Opens the stream anew: the node was away, and the connection may be a dead one. */
  reopen(): void {
    this.#parts.node.inStep = false
    this.#cut.abort()
  }

  async #run(): Promise<void> {
    const { node, log, onStream, onDoubt } = this.#parts
    let lastWords = ''
    while (!this.#abort.signal.aborted) {
      this.#cut = new AbortController()
      const signal = AbortSignal.any([this.#abort.signal, this.#cut.signal])
      try {
        for await (const events of this.#open(signal)) {
          for (const event of events) this.#take(event)
          // A slow disk: the slave is read no faster than its events can be stored.
          if (this.#rows >= 2 * BATCH) await this.#flushing
        }
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        node.followFailure = words
        // Once per reason: a node that is away is told by its pings.
        if (!signal.aborted && words !== lastWords) log.warn(`the event stream of ${node.name} was cut`, words)
        lastWords = words
      }
      this.#cut.abort()
      node.inStep = false
      this.#waiting = []
      this.#rows = 0
      await this.#flushing
      this.#snapshot = null
      this.#isResetting = false
      this.#head = Number.POSITIVE_INFINITY
      onStream(null)
      if (this.#abort.signal.aborted) return
      onDoubt()
      await pause(RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!, this.#abort.signal)
    }
  }

  #open(signal: AbortSignal): AsyncIterable<readonly FeedEvent[]> {
    const { node, jobs, client } = this.#parts
    const { feed, cursor, cursor_at } = node.row
    this.#held = new Set(jobs.unfinishedOn(node.id).map((row) => row.key))
    return client.openEventBatches({
      ...(feed === null ? {} : { cursor: `${feed}:${cursor}` }),
      ...(cursor_at === 0 ? {} : { check: cursor_at }),
      signal,
    })
  }

  #take(event: FeedEvent): void {
    if (this.#cut.signal.aborted) return
    const { node, onStream, onEphemeral, onDoubt } = this.#parts
    switch (event.type) {
      case 'hello':
        this.#head = event.head
        onStream(event.stream)
        if (!node.isOnline) onDoubt()
        if (event.resumes === true) this.#checkInStep()
        return
      case 'stats':
      case 'log':
      case 'pull':
      case 'load':
      case 'forward':
      case 'forward-removed':
        onEphemeral(event)
        return
      case 'reset':
        this.#isResetting = true
        node.inStep = false
        break
      default:
    }
    this.#waiting.push(event)
    this.#rows += rowsIn(event)
    this.#flushing ??= this.#flush()
  }

  /** Stores what has come, in one transaction per turn. A failure cuts the stream: it is read again from the cursor. */
  async #flush(): Promise<void> {
    const { node, writer, ledger, log, onProject, onJobs, onDoubt } = this.#parts
    try {
      // All that arrived together goes into one transaction.
      await Promise.resolve()
      while (this.#waiting.length > 0) {
        const events = this.#next()
        const stored = await writer.writePatiently(() => this.#store(events))
        const { feed, cursor, cursor_at } = stored
        node.row = { ...node.row, feed, cursor, cursor_at }
        this.#snapshot = stored.snapshot
        if (stored.snapshot === null && !this.#waiting.some((event) => event.type === 'reset'))
          this.#isResetting = false
        for (const key of stored.ended) ledger.announceEnd(key)
        for (const project of stored.projects) onProject(project)
        if (stored.hasNode) onDoubt()
        this.#checkInStep()
        if (stored.hasJobs) onJobs()
        this.#acknowledgeSoon()
      }
    } catch (error) {
      log.error(`what ${node.name} reported could not be stored`, error)
      node.followFailure = error instanceof Error ? error.message : String(error)
      this.reopen()
    } finally {
      this.#flushing = null
    }
  }

  /** What goes into the next transaction. */
  #next(): readonly FeedEvent[] {
    let count = 0
    let rows = 0
    for (; rows < BATCH && count < this.#waiting.length; count++) rows += rowsIn(this.#waiting[count]!)
    this.#rows -= rows
    return this.#waiting.splice(0, count)
  }

  #checkInStep(): void {
    const { node, onJobs } = this.#parts
    if (node.inStep || this.#isResetting || this.#cut.signal.aborted || node.row.cursor < this.#head) return
    node.inStep = true
    node.followFailure = null
    this.#failures = 0
    onJobs()
    this.#acknowledgeSoon()
  }

  /** Runs inside the transaction: what it changes in memory would survive a commit that fails, so that it changes nothing. */
  #store(events: readonly FeedEvent[]): Stored {
    const { node, mirror, nodes } = this.#parts
    const ended: string[] = []
    const projects = new Set<string>()
    let hasJobs = false
    let hasNode = false
    let snapshot = this.#snapshot
    let { feed, cursor, cursor_at } = node.row
    const apply = (job: Job) => {
      hasJobs = true
      const key = mirror.apply(node, job)
      if (key !== null) ended.push(key)
    }
    for (const event of events) {
      if (event.type === 'reset') {
        snapshot = { keys: new Set(), feed: event.feed, tooOld: event.reason.includes('too old') }
        continue
      }
      if (event.type === 'snapshot') {
        for (const job of event.jobs) {
          snapshot?.keys.add(job.key)
          apply(job)
        }
        for (const project of event.projects) projects.add(project.name)
        if (event.done && snapshot !== null) {
          ended.push(...this.#loseUnknown(snapshot, feed))
          feed = snapshot.feed
          cursor = event.head
          cursor_at = 0
          snapshot = null
        }
        continue
      }
      if (!('seq' in event) || event.seq <= cursor) continue
      if (event.seq !== cursor + 1) throw new Error(`gap in the feed of ${node.name}: ${cursor} -> ${event.seq}`)
      cursor = event.seq
      cursor_at = Date.parse(event.at)
      if (event.type === 'job') apply(event.job)
      else if (event.type === 'project') projects.add(event.project.name)
      else if (event.type === 'project-removed') projects.add(event.name)
      else if (event.type === 'node') hasNode = true
    }
    nodes.update(node.id, { feed, cursor, cursor_at })
    return { feed, cursor, cursor_at, ended, projects, hasJobs, hasNode, snapshot }
  }

  /** Jobs that we believed there and that its whole state does not contain: its database is gone, or an older copy. */
  #loseUnknown({ keys, feed, tooOld }: Snapshot, feedBefore: string | null): readonly string[] {
    const { node, jobs, mirror } = this.#parts
    // Where only our cursor was too old, a dispatch on its way is no loss: the dispatcher settles it. A database that is
    // gone may have begun it, so that it must not be sent again.
    const unknown = jobs
      .unfinishedOn(node.id)
      .filter((row) => this.#held.has(row.key) && !keys.has(row.key) && !(row.state === 'assigned' && tooOld))
    const reason =
      feedBefore !== null && feedBefore !== feed
        ? reasonText('databaseGone', { node: node.name })
        : reasonText('databaseOlder', { node: node.name })
    return mirror.lose(unknown, reason, Date.now())
  }

  /** Tells the slave, now and then, what it may forget. */
  #acknowledgeSoon(): void {
    if (this.#abort.signal.aborted) return
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = null
      const { feed, cursor: seq } = this.#parts.node.row
      if (feed === null || (this.#acknowledged?.feed === feed && seq <= this.#acknowledged.seq)) return
      this.#acknowledged = { feed, seq }
      const body = { instance: this.#parts.instance, feed, seq }
      this.#parts.client.call('ackEvents', { body }, { signal: this.#abort.signal }).catch(() => {
        // The next event, or the next stream, tries again.
        this.#acknowledged = null
      })
    }, ackDelay()).unref()
  }
}

function rowsIn(event: FeedEvent): number {
  return event.type === 'snapshot' ? 1 + event.jobs.length : 1
}

/** Different each time: nodes that came in step together must not be told together for ever. */
function ackDelay(): number {
  return ACK_WITHIN_MS * (0.5 + Math.random() / 2)
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
