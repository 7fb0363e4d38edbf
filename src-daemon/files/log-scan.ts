import type { LogIndex } from '../api/contract/values.ts'
import { continuation, headLength, type LevelCode, levelNames, levelOf, otherLevel } from './log-line.ts'
import { SeverityMap } from './severity-map.ts'

const firstStep = 64
const maxOffsets = 32_768
const mapCells = 200
const newline = 10
const errorCode = levelNames.indexOf('ERROR')
const warningCode = levelNames.indexOf('WARNING')

/** A line's begin with all that a reader who starts there must know. */
export interface LinePoint {
  readonly offset: number
  /** 0-based. */
  readonly line: number
  /** Level of the record that the line before belongs to. */
  readonly level: LevelCode
}

/** What LogIndex says, as a thread hands it over. */
export interface LogScanResult extends Omit<LogIndex, 'size' | 'offsets'> {
  readonly offsets: Float64Array
}

/** Reads a log once, from its first byte on, in pieces of any size, and remembers where things are. */
export class LogScan {
  #position = 0
  #lines = 0
  readonly #counts = [0, 0, 0, 0, 0, 0, 0]
  #firstError: { line: number; offset: number } | null = null
  readonly #map = new SeverityMap()
  #step = firstStep
  #offsets: number[] = []
  #levels: LevelCode[] = []
  /** Level of the record the last line belongs to. */
  #level = continuation
  /** The line whose end has not come yet: where it begins, and its first bytes. */
  #lineStart = 0
  readonly #head = new Uint8Array(headLength)
  #headFilled = 0

  /** Bytes read so far. */
  get position(): number {
    return this.#position
  }

  /** Takes the next bytes, `bytes[0, length)`. */
  feed(bytes: Uint8Array, length: number): void {
    const base = this.#position
    let start = 0
    if (this.#lineStart < base) {
      const end = indexOfNewline(bytes, 0, length)
      this.#keepHead(bytes, 0, end)
      if (end < length) {
        this.#endLine(this.#head, 0, this.#headFilled, this.#lineStart)
        start = end + 1
        this.#startLine(base + start)
      } else {
        start = length
      }
    }
    while (start < length) {
      const end = indexOfNewline(bytes, start, length)
      if (end === length) {
        this.#keepHead(bytes, start, end)
        break
      }
      this.#endLine(bytes, start, end, base + start)
      start = end + 1
      this.#lineStart = base + start
    }
    this.#position = base + length
  }

  /** The last remembered line that begins at or before `offset`. */
  pointBefore(offset: number): LinePoint {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    const index = low - 1
    return {
      offset: this.#offsets[index] ?? 0,
      line: Math.max(index, 0) * this.#step,
      level: this.#levels[index] ?? continuation,
    }
  }

  /** What is known now; a last line without its end counts as a line. `size` = the file's size, for the map. */
  result(size: number): LogScanResult {
    const counts = this.#counts.slice()
    const map = this.#map.cells(mapCells, size)
    let lines = this.#lines
    let firstError = this.#firstError
    let open: number | null = null
    if (this.#lineStart < this.#position) {
      const level = levelOf(this.#head, 0, this.#headFilled)
      counts[level] = (counts[level] ?? 0) + 1
      const cell = map.at(-1)
      if (level <= errorCode) {
        firstError ??= { line: lines, offset: this.#lineStart }
        if (cell !== undefined) cell.errors++
      } else if (level === warningCode && cell !== undefined) {
        cell.warnings++
      }
      if ((lines & (this.#step - 1)) === 0) open = this.#lineStart
      lines++
    }
    const [critical = 0, error = 0, warning = 0, info = 0, debug = 0] = counts
    return {
      indexed: this.#position,
      lines,
      levels: { CRITICAL: critical, ERROR: error, WARNING: warning, INFO: info, DEBUG: debug },
      first_error: firstError,
      map,
      step: this.#step,
      offsets: Float64Array.from(open === null ? this.#offsets : [...this.#offsets, open]),
    }
  }

  #startLine(offset: number): void {
    this.#lineStart = offset
    this.#headFilled = 0
  }

  #keepHead(bytes: Uint8Array, start: number, end: number): void {
    const room = Math.min(headLength - this.#headFilled, end - start)
    if (room <= 0) return
    this.#head.set(bytes.subarray(start, start + room), this.#headFilled)
    this.#headFilled += room
  }

  #endLine(bytes: Uint8Array, start: number, end: number, offset: number): void {
    if ((this.#lines & (this.#step - 1)) === 0) this.#remember(offset)
    const level = levelOf(bytes, start, end)
    if (level !== continuation) {
      this.#level = level
      if (level !== otherLevel) this.#counts[level] = (this.#counts[level] ?? 0) + 1
      if (level <= errorCode) {
        this.#firstError ??= { line: this.#lines, offset }
        this.#map.addError(offset)
      } else if (level === warningCode) {
        this.#map.addWarning(offset)
      }
    }
    this.#lines++
  }

  #remember(offset: number): void {
    if (this.#offsets.length === maxOffsets) {
      this.#step *= 2
      this.#offsets = this.#offsets.filter((_, i) => i % 2 === 0)
      this.#levels = this.#levels.filter((_, i) => i % 2 === 0)
    }
    this.#offsets.push(offset)
    this.#levels.push(this.#level)
  }
}

function indexOfNewline(bytes: Uint8Array, start: number, end: number): number {
  const found = bytes.indexOf(newline, start)
  return found === -1 || found > end ? end : found
}
