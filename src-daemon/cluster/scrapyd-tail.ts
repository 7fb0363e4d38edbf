import { nextCharacter, wholeCharacters } from '../files/utf8-cut.ts'
import { hrefOf } from './forward-path.ts'
import type { NodeAnswer } from './node-request.ts'
import type { ScrapydNode } from './scrapyd-node.ts'
import type { TailOutbox } from './tail-outbox.ts'
import type { TailSource } from './tail-source.ts'
import type { Turns } from './turns.ts'

export interface ScrapydTailParts {
  readonly node: ScrapydNode
  readonly project: string
  readonly spider: string
  readonly id: string
  readonly offset: number
  readonly out: TailOutbox
  /** Whether nothing is written any more. */
  readonly isFinished: () => boolean
  /** Shared by all tails of the node: so many ask at once. */
  readonly turns: Turns
  readonly intervalMs: number
}

const PIECE_BYTES = 262_144
const LOOK_BYTES = 65_536
const NEWLINE = 10

/** The log of a job on a stock Scrapyd, which can only be asked for the bytes that may have come. */
export class ScrapydTail implements TailSource {
  readonly #parts: ScrapydTailParts
  readonly #path: string
  readonly #abort = new AbortController()
  #position = 0
  #wasThere = false
  #isAway = false
  #isPaused = false
  #timer: NodeJS.Timeout | null = null

  constructor(parts: ScrapydTailParts) {
    this.#parts = parts
    this.#path = hrefOf('logs', [parts.project, parts.spider, `${parts.id}.log`], false)
  }

  async start(): Promise<number> {
    this.#parts.out.onEmpty = () => {
      if (!this.#isPaused) return
      this.#isPaused = false
      this.#next(0)
    }
    const size = await this.#size()
    const { offset } = this.#parts
    if (size !== null) {
      this.#position = offset < 0 ? await this.#lineNear(Math.max(0, size + offset)) : offset > size ? 0 : offset
    }
    this.#next(0)
    return size ?? 0
  }

  close(): void {
    this.#abort.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #next(afterMs: number): void {
    if (this.#abort.signal.aborted) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#poll(), afterMs)
    this.#timer.unref()
  }

  async #poll(): Promise<void> {
    const { intervalMs, isFinished, out } = this.#parts
    // Asked first: what was written before the end is then in the answer.
    const wasFinished = isFinished()
    let more: boolean
    try {
      const answer = await this.#ask('GET', {
        range: `bytes=${this.#position}-${this.#position + PIECE_BYTES - 1}`,
      })
      if (this.#abort.signal.aborted) return
      if (this.#isAway) this.#send('', 0, 'live')
      this.#isAway = false
      more = this.#take(answer, wasFinished)
    } catch {
      if (this.#abort.signal.aborted) return
      if (!this.#isAway) this.#send('', 0, 'away')
      this.#isAway = true
      more = false
    }
    if (out.isFull) this.#isPaused = true
    else this.#next(more ? 0 : intervalMs)
  }

  /** Whether there may be more at once. */
  #take({ status, headers, body }: NodeAnswer, wasFinished: boolean): boolean {
    if (status === 404) return this.#takeAbsence(wasFinished)
    const [, total = ''] = /\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
    const size = total === '' ? null : Number(total)
    if (status === 206 && size !== null) {
      this.#wasThere = true
      return this.#takePiece(body, size, wasFinished)
    }
    // An empty file, or nothing new in it; a shorter one is another.
    if (status === 416 || (status === 200 && body.length <= this.#position)) {
      this.#wasThere = true
      if ((size ?? this.#position) < this.#position) {
        this.#position = 0
        return true
      }
      if (wasFinished) this.#finish('end')
      return false
    }
    if (status === 200) return this.#takePiece(body.subarray(this.#position), body.length, wasFinished)
    throw new Error(`HTTP ${status}`)
  }

  #takeAbsence(wasFinished: boolean): boolean {
    if (wasFinished) this.#finish('gone')
    else if (this.#wasThere) {
      this.#wasThere = false
      this.#send('', 0, 'gone')
      this.#position = 0
    }
    return false
  }

  #takePiece(body: Buffer, size: number, wasFinished: boolean): boolean {
    const isLast = wasFinished && this.#position + body.length >= size
    const length = isLast ? body.length : wholeCharacters(body, body.length)
    const bytes = body.subarray(0, length)
    if (bytes.length > 0) {
      this.#send(bytes.toString(), bytes.length, 'live')
      this.#position += bytes.length
    }
    return bytes.length > 0 && this.#position < size
  }

  #finish(state: 'end' | 'gone'): void {
    this.#send('', 0, state)
    this.close()
  }

  #send(text: string, length: number, state: 'live' | 'end' | 'gone' | 'away'): void {
    this.#parts.out.push({ offset: this.#position, length, text, state })
  }

  /** null: there is none yet, or the node does not answer now. */
  async #size(): Promise<number | null> {
    try {
      const { status, headers } = await this.#ask('HEAD', {})
      return status === 200 ? Number(headers['content-length'] ?? 0) : null
    } catch {
      // The polls will tell.
      return null
    }
  }

  /** The begin of the line at or after `wanted`; when none begins there, of the one that it lies in. */
  async #lineNear(wanted: number): Promise<number> {
    if (wanted === 0) return 0
    const from = Math.max(0, wanted - LOOK_BYTES)
    try {
      const { status, body } = await this.#ask('GET', { range: `bytes=${from}-${wanted + LOOK_BYTES - 1}` })
      return status === 206 ? from + lineStart(body, wanted - from, from === 0) : wanted
    } catch {
      return wanted
    }
  }

  #ask(method: 'GET' | 'HEAD', headers: Record<string, string>): Promise<NodeAnswer> {
    const { node, turns } = this.#parts
    const call = { method, path: this.#path, headers, mostBytes: 64 * 1_048_576, signal: this.#abort.signal }
    return turns.take(() => node.readFile(call))
  }
}

function lineStart(bytes: Buffer, at: number, isWhole: boolean): number {
  const next = bytes.indexOf(NEWLINE, at - 1)
  if (next !== -1 && next + 1 < bytes.length) return next + 1
  const previous = bytes.subarray(0, at).lastIndexOf(NEWLINE)
  if (previous !== -1) return previous + 1
  return isWhole ? 0 : nextCharacter(bytes, at)
}
