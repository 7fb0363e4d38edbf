import type { LogIndex } from '../../../src-daemon/api/contract/values.ts'
import type { LogLevel, LogLine } from './log-line.ts'

/** Errors or warnings at a place of the file, as parts of 1 from its begin. */
export interface LogMark {
  readonly at: number
  readonly kind: 'error' | 'warning'
}

type Counts = Readonly<Record<LogLevel, number>>

/** Lines that came before the index did are remembered up to this number. */
const MOST_WAITING = 200_000
const MOST_MARKS = 4_000

/**
 * Counts per level and the error map of a whole log: what the daemon's index says of its first part, and what was seen on
 * the tail of the rest. Nothing is known before there is an index.
 */
export class LogTally {
  #index: LogIndex | null = null
  #waiting: { readonly offset: number; readonly level: LogLevel }[] = []
  readonly #more = { DEBUG: 0, INFO: 0, WARNING: 0, ERROR: 0 }
  readonly #marks: { readonly offset: number; readonly kind: LogMark['kind'] }[] = []
  /** Lines up to here were counted. */
  #counted = 0

  /** Lines that came on the tail, in order. */
  add(lines: readonly LogLine[]): void {
    for (const { offset, level, begins } of lines) {
      if (!begins || level === null || offset < this.#counted) continue
      this.#counted = offset + 1
      if (this.#index === null) {
        if (this.#waiting.length < MOST_WAITING) this.#waiting.push({ offset, level })
      } else this.#count(offset, level)
    }
  }

  /** The index, complete as far as the file went when it was asked for. */
  setIndex(index: LogIndex): void {
    this.#index = index
    for (const level of Object.keys(this.#more) as LogLevel[]) this.#more[level] = 0
    this.#marks.length = 0
    for (const { offset, level } of this.#waiting) this.#count(offset, level)
    this.#waiting = []
    this.#counted = Math.max(this.#counted, index.indexed)
  }

  /** null while nothing is known. */
  counts(): Counts | null {
    if (this.#index === null) return null
    const { CRITICAL, ERROR, WARNING, INFO, DEBUG } = this.#index.levels
    return {
      DEBUG: DEBUG + this.#more.DEBUG,
      INFO: INFO + this.#more.INFO,
      WARNING: WARNING + this.#more.WARNING,
      ERROR: ERROR + CRITICAL + this.#more.ERROR,
    }
  }

  /** Where errors and warnings lie in a file of `size` bytes. */
  marks(size: number): LogMark[] {
    if (this.#index === null || size === 0) return []
    const { map, size: indexed } = this.#index
    const width = indexed / Math.max(map.length, 1)
    const marks: LogMark[] = []
    for (const [cell, { errors, warnings }] of map.entries()) {
      const at = ((cell + 0.5) * width) / size
      if (errors > 0) marks.push({ at, kind: 'error' })
      else if (warnings > 0) marks.push({ at, kind: 'warning' })
    }
    return [...marks, ...this.#marks.map(({ offset, kind }) => ({ at: offset / size, kind }))]
  }

  #count(offset: number, level: LogLevel): void {
    if (this.#index !== null && offset < this.#index.indexed) return
    this.#more[level] += 1
    if ((level === 'ERROR' || level === 'WARNING') && this.#marks.length < MOST_MARKS)
      this.#marks.push({ offset, kind: level === 'ERROR' ? 'error' : 'warning' })
  }
}
