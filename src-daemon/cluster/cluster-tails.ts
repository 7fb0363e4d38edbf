import type { LogTails, Tail, TailPiece } from '../api/ports.ts'
import { JobNotFoundError } from '../errors.ts'
import type { JobPlace, JobPlaces } from './job-places.ts'
import type { NodeTarget } from './node-target.ts'
import type { ScrapydNode } from './scrapyd-node.ts'
import { ScrapydTail } from './scrapyd-tail.ts'
import { type NodeStream, SlaveTail } from './slave-tail.ts'
import { TailOutbox } from './tail-outbox.ts'
import type { TailSource } from './tail-source.ts'
import { Turns } from './turns.ts'

export interface ClusterTailsParts {
  /** Logs on this node's disk. */
  readonly local: LogTails
  readonly places: JobPlaces
  readonly streamOf: (target: NodeTarget) => NodeStream
  readonly scrapydOf: (target: NodeTarget) => ScrapydNode
  /** How often a log on a stock Scrapyd is asked for. */
  readonly pollMs?: number
}

/** So many tails of one stock Scrapyd are asked for at once. */
const POLLS_AT_ONCE = 4

/** Follows the log of any job of the cluster, wherever it is run, also when that is decided or changes meanwhile. */
export class ClusterTails implements LogTails {
  readonly #parts: ClusterTailsParts
  readonly #turns = new Map<string, Turns>()

  constructor(parts: ClusterTailsParts) {
    this.#parts = parts
  }

  async open(key: string, offset: number, sink: (piece: TailPiece) => boolean): Promise<Tail> {
    const place = this.#parts.places.where(key)
    if (place === null) throw new JobNotFoundError(key)
    if (place.kind === 'local') return this.#parts.local.open(key, offset, sink)
    const tail = new ClusterTail({
      key,
      offset,
      out: new TailOutbox(sink),
      places: this.#parts.places,
      sourceAt: (at, from, out) => this.#sourceAt(key, at, from, out),
    })
    await tail.start(place)
    return tail
  }

  /** null: there is nothing to follow (yet). */
  #sourceAt(key: string, place: JobPlace, offset: number, out: TailOutbox): TailSource | null {
    const { local, places, streamOf, scrapydOf, pollMs: intervalMs = 1_000 } = this.#parts
    if (place.kind === 'local') return new LocalSource(local, key, offset, out)
    if (place.kind !== 'node') return null
    const { target, project, spider, id } = place
    if (target.kind !== 'scrapyd') return new SlaveTail({ stream: streamOf(target), key, offset, out })
    const turns = this.#turns.get(target.id) ?? new Turns(POLLS_AT_ONCE)
    this.#turns.set(target.id, turns)
    const isFinished = () => {
      const now = places.where(key)
      return now === null || now.kind === 'gone' || (now.kind === 'node' && now.isFinished)
    }
    return new ScrapydTail({ node: scrapydOf(target), project, spider, id, offset, out, isFinished, turns, intervalMs })
  }
}

interface ClusterTailParts {
  readonly key: string
  readonly offset: number
  readonly out: TailOutbox
  readonly places: JobPlaces
  readonly sourceAt: (place: JobPlace, offset: number, out: TailOutbox) => TailSource | null
}

/** A tail whose job may move from the queue to a node, and to another one. */
class ClusterTail implements Tail {
  readonly #parts: ClusterTailParts
  readonly #unsubscribe: () => void
  #source: TailSource | null = null
  #at = ''
  size = 0

  constructor(parts: ClusterTailParts) {
    this.#parts = parts
    this.#unsubscribe = parts.places.onMoved((key) => {
      if (key === parts.key) this.#moved()
    })
  }

  async start(place: JobPlace): Promise<void> {
    this.#at = nameOf(place)
    try {
      this.#source = this.#parts.sourceAt(place, this.#parts.offset, this.#parts.out)
      this.size = (await this.#source?.start()) ?? 0
      if (place.kind === 'gone') this.#parts.out.push({ offset: 0, length: 0, text: '', state: 'gone' })
      setImmediate(() => this.#parts.out.resume())
    } catch (error) {
      this.close()
      throw error
    }
  }

  resume(): void {
    this.#parts.out.resume()
  }

  close(): void {
    this.#unsubscribe()
    this.#source?.close()
    this.#parts.out.close()
  }

  /** Where the job is now it writes another log, from its begin. */
  #moved(): void {
    const place = this.#parts.places.where(this.#parts.key)
    if (place === null || nameOf(place) === this.#at) return
    this.#at = nameOf(place)
    this.#source?.close()
    const source = this.#parts.sourceAt(place, 0, this.#parts.out)
    this.#source = source
    source?.start().catch(() => {
      this.#parts.out.push({ offset: 0, length: 0, text: '', state: 'gone' })
    })
  }
}

/** A log on this node's disk, of a job that was not here when it was asked for. */
class LocalSource implements TailSource {
  readonly #local: LogTails
  readonly #key: string
  readonly #offset: number
  readonly #out: TailOutbox
  #tail: Tail | null = null
  #isClosed = false

  constructor(local: LogTails, key: string, offset: number, out: TailOutbox) {
    this.#local = local
    this.#key = key
    this.#offset = offset
    this.#out = out
  }

  async start(): Promise<number> {
    this.#out.onEmpty = () => this.#tail?.resume()
    const tail = await this.#local.open(this.#key, this.#offset, (piece) => this.#out.push(piece))
    this.#tail = tail
    if (this.#isClosed) tail.close()
    return tail.size
  }

  close(): void {
    this.#isClosed = true
    this.#tail?.close()
  }
}

function nameOf(place: JobPlace): string {
  return place.kind === 'node' ? `node ${place.target.id}` : place.kind
}
