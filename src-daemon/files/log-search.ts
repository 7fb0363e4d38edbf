import { readSync } from 'node:fs'
import type { LogMatch } from '../api/contract/values.ts'
import type { LogSearchResult } from '../api/ports.ts'
import { foldAscii } from './ascii-fold.ts'
import { excerpt } from './log-excerpt.ts'
import { continuation, type LevelCode, levelNames, levelOf } from './log-line.ts'
import { type LogQuery, type Needle, needleOf } from './log-query.ts'
import type { LinePoint } from './log-scan.ts'

const bufferBytes = 2 << 20
const newline = 10
/** An answer ends early when its texts together are longer than this: `next` goes on. */
const answerLength = 2_000_000

/** A line whose end has not been read yet, because it is longer than the buffer. */
interface OpenLine {
  readonly offset: number
  readonly level: LevelCode
  readonly matched: boolean
}

/** One pass through a log. Blocking reads, a buffer at a time: made for a thread of its own. */
export class LogSearch {
  readonly #fd: number
  readonly #size: number
  readonly #query: LogQuery
  readonly #needle: Needle
  readonly #wanted: readonly boolean[] | null
  readonly #bytes = Buffer.from(new ArrayBuffer(bufferBytes))
  readonly #folded: Buffer | null
  readonly #matches: LogMatch[] = []
  #textLength = 0
  #total = 0
  #next: number | null = null
  /** Offset in the file of the buffer's first byte, and the number of the line that lies there. */
  #base: number
  #line: number
  #open: OpenLine | null = null
  /** The level in force before the line that begins at `#levelFrom` in the buffer. */
  #level: LevelCode
  #levelFrom = 0

  /** Searches the first `size` bytes of `fd`; `start` is a line at or before `query.from`. */
  constructor(fd: number, size: number, query: LogQuery, start: LinePoint) {
    this.#fd = fd
    this.#size = size
    this.#query = query
    this.#needle = needleOf(query.q)
    this.#wanted = query.levels.length === 0 ? null : levelNames.map((name) => query.levels.includes(name))
    this.#folded = this.#needle.kind === 'bytes' && this.#needle.fold ? Buffer.from(new ArrayBuffer(bufferBytes)) : null
    this.#base = start.offset
    this.#line = start.line
    this.#level = start.level
  }

  /**
   * Runs to the end, or with `untilFull` only to the first match that the answer has no room for (`total` then counts
   * what was seen). Awaits `pause` after each buffer; what it throws ends the search.
   */
  async run(untilFull: boolean, pause: () => Promise<void>): Promise<LogSearchResult> {
    let filled = 0
    while (this.#needle.kind !== 'none') {
      const room = Math.min(bufferBytes - filled, this.#size - this.#base - filled)
      const read = room > 0 ? readSync(this.#fd, this.#bytes, filled, room, this.#base + filled) : 0
      filled += read
      const atEnd = read === 0 || this.#base + filled >= this.#size
      if (filled === 0) break
      const lines = this.#bytes.lastIndexOf(newline, filled - 1) + 1
      const unfinished = !atEnd && lines === 0
      if (unfinished && filled < bufferBytes) continue
      const end = atEnd || unfinished ? filled : lines
      this.#window(end, unfinished)
      const used = end - (unfinished ? this.#overlap() : 0)
      this.#bytes.copyWithin(0, used, filled)
      this.#base += used
      filled -= used
      if (atEnd || (untilFull && this.#next !== null)) break
      await pause()
    }
    return { matches: this.#matches, total: this.#total, next: this.#next, size: this.#size }
  }

  /** Looks at the buffer's first `end` bytes: whole lines, or a part of one that is longer than the buffer. */
  #window(end: number, unfinished: boolean): void {
    const bytes = this.#bytes.subarray(0, end)
    const hay = this.#hay(end)
    this.#levelFrom = 0
    const open = this.#open
    if (open !== null) {
      const openEnd = bytes.indexOf(newline)
      this.#levelFrom = openEnd === -1 ? end : openEnd + 1
      this.#level = open.level
    }
    let counted = 0
    let at = 0
    let matchedFrom = -1
    while (at < end) {
      const hit = this.#nextHit(hay, at)
      if (hit === -1) break
      const start = hit === 0 ? 0 : bytes.lastIndexOf(newline, hit - 1) + 1
      const found = bytes.indexOf(newline, hit)
      const lineEnd = found === -1 ? end : found
      at = lineEnd + 1
      const continues = start === 0 && open !== null
      if (continues && open.matched) continue
      matchedFrom = start
      if (this.#base + (found === -1 ? end : at) <= this.#query.from) continue
      const level = continues ? open.level : this.#levelAt(start, lineEnd)
      if (this.#wanted !== null && this.#wanted[level] !== true) continue
      const offset = continues ? open.offset : this.#base + start
      if (!this.#isRoom()) {
        this.#next ??= offset
      } else {
        this.#line += countNewlines(bytes, counted, start)
        counted = start
        const text = excerpt(bytes, start, lineEnd, hit)
        this.#textLength += text.length
        this.#matches.push({ offset, line: this.#line, level: levelNames[level] ?? null, text })
      }
      this.#total++
    }
    this.#finishWindow(bytes, counted, matchedFrom, unfinished)
  }

  #finishWindow(bytes: Buffer, counted: number, matchedFrom: number, unfinished: boolean): void {
    // Nobody asks for line numbers once the answer is full.
    if (this.#isRoom()) this.#line += countNewlines(bytes, counted, bytes.length)
    const end = unfinished ? bytes.length : Math.max(bytes.length - 1, 0)
    const start = end === 0 ? 0 : bytes.lastIndexOf(newline, end - 1) + 1
    const continues = start === 0 && this.#open !== null
    if (!continues) this.#level = this.#levelAt(start, end)
    if (!unfinished) this.#open = null
    else if (continues && this.#open !== null)
      this.#open = { ...this.#open, matched: this.#open.matched || matchedFrom === 0 }
    else this.#open = { offset: this.#base + start, level: this.#level, matched: matchedFrom === start }
  }

  #isRoom(): boolean {
    return this.#next === null && this.#matches.length < this.#query.limit && this.#textLength < answerLength
  }

  /** The level of the record that the line in `[start, end)` belongs to. Lines are asked for in their order. */
  #levelAt(start: number, end: number): LevelCode {
    let lineStart = start
    let lineEnd = end
    let level = continuation
    while (lineStart >= this.#levelFrom) {
      level = levelOf(this.#bytes, lineStart, lineEnd)
      if (level !== continuation || lineStart === 0) break
      lineEnd = lineStart - 1
      lineStart = lineEnd === 0 ? 0 : this.#bytes.lastIndexOf(newline, lineEnd - 1) + 1
    }
    if (level === continuation) level = this.#level
    this.#level = level
    this.#levelFrom = end + 1
    return level
  }

  /** Position of the next match at or after `at`, which begins a line; -1 when there is none. */
  #nextHit(hay: Buffer, at: number): number {
    const needle = this.#needle
    switch (needle.kind) {
      case 'any':
        return at
      case 'bytes':
        return hay.indexOf(needle.bytes, at)
      case 'text':
        return nextTextHit(hay, at, needle.text)
      case 'none':
        return -1
    }
  }

  #hay(end: number): Buffer {
    const needle = this.#needle
    if (this.#folded !== null) {
      foldAscii(this.#bytes, this.#folded, end)
      return this.#folded.subarray(0, end)
    }
    const hay = this.#bytes.subarray(0, end)
    // One decoding of the whole buffer is much cheaper than one of each line.
    if (needle.kind === 'text' && !hay.toString('utf8').toLowerCase().includes(needle.text)) return hay.subarray(0, 0)
    return hay
  }

  /** Bytes of an unfinished line that are looked at again, so that a match across the buffer's end is seen. */
  #overlap(): number {
    switch (this.#needle.kind) {
      case 'bytes':
        return this.#needle.bytes.length - 1
      case 'text':
        return this.#needle.text.length * 4
      default:
        return 0
    }
  }
}

function nextTextHit(hay: Buffer, from: number, text: string): number {
  for (let at = from; at < hay.length;) {
    const found = hay.indexOf(newline, at)
    const end = found === -1 ? hay.length : found
    const line = hay.toString('utf8', at, end)
    const index = line.toLowerCase().indexOf(text)
    if (index !== -1) return Math.min(at + Buffer.byteLength(line.slice(0, index)), Math.max(end - 1, at))
    at = end + 1
  }
  return -1
}

function countNewlines(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i++) if (bytes[i] === newline) count++
  return count
}
