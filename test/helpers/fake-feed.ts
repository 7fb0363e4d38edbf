import type { EphemeralEvent } from '../../src-daemon/api/contract/events.ts'
import type { EventFeed, LogTails, Tail, TailPiece } from '../../src-daemon/api/ports.ts'
import { JobNotFoundError } from '../../src-daemon/errors.ts'

interface Row {
  readonly seq: number
  readonly type: string
  readonly json: string
}

/** When every event of the fake happened. */
const COMMITTED = Date.parse('2026-01-01T00:00:00.000Z')

/** An event feed in memory. */
export class FakeFeed implements EventFeed {
  readonly feed = 'feed00000001'
  rows: Row[] = []
  reads = 0
  #head = 0
  readonly #commits = new Set<() => void>()
  readonly #ephemerals = new Set<(event: EphemeralEvent) => void>()

  head(): number {
    return this.#head
  }

  oldest(): number {
    return this.rows[0]?.seq ?? this.#head + 1
  }

  isSame(seq: number, at: number): boolean {
    const row = this.rows.find((kept) => kept.seq === seq)
    return row === undefined || at === COMMITTED
  }

  read(after: number, limit: number): readonly Row[] {
    this.reads += 1
    const first = this.rows[0]?.seq ?? 0
    const from = Math.max(0, after - first + 1)
    return this.rows.slice(from, from + limit)
  }

  async *snapshot(): AsyncGenerator<{ head: number; json: string }> {
    await Promise.resolve()
    const head = this.#head
    for (let page = 0; page < 2; page++) yield { head, json: '{"type":"snapshot","jobs":[],"nodes":[],"projects":[]}' }
  }

  onCommit(listener: () => void): () => void {
    this.#commits.add(listener)
    return () => this.#commits.delete(listener)
  }

  onEphemeral(listener: (event: EphemeralEvent) => void): () => void {
    this.#ephemerals.add(listener)
    return () => this.#ephemerals.delete(listener)
  }

  get listeners(): number {
    return this.#commits.size + this.#ephemerals.size
  }

  /** Commits events in one transaction; `padding` makes them large. */
  commit(count = 1, padding = 0): void {
    const at = new Date(COMMITTED).toISOString()
    for (let i = 0; i < count; i++) {
      const seq = ++this.#head
      const json = JSON.stringify({ type: 'project-removed', seq, at, name: `p${seq}${'x'.repeat(padding)}` })
      this.rows.push({ seq, type: 'project-removed', json })
    }
    for (const listener of this.#commits) listener()
  }

  /** Forgets all but the last rows, as retention does. */
  keep(count: number): void {
    this.rows = this.rows.slice(-count)
  }

  say(event: EphemeralEvent): void {
    for (const listener of this.#ephemerals) listener(event)
  }
}

interface OpenTail extends Tail {
  readonly key: string
  readonly sink: (piece: TailPiece) => boolean
  isOpen: boolean
  resumed: number
}

/** Log tails that say what a test tells them to. */
export class FakeTails implements LogTails {
  readonly tails: OpenTail[] = []
  readonly known = new Set<string>()

  open(key: string, _offset: number, sink: (piece: TailPiece) => boolean): Promise<Tail> {
    if (!this.known.has(key)) return Promise.reject(new JobNotFoundError(key))
    const tail: OpenTail = {
      key,
      sink,
      size: 1_234,
      isOpen: true,
      resumed: 0,
      resume: () => {
        tail.resumed += 1
      },
      close: () => {
        tail.isOpen = false
      },
    }
    this.tails.push(tail)
    return Promise.resolve(tail)
  }
}
