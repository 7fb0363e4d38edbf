import type { FileHandle } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { fileError, openRegularFile } from './regular-file.ts'
import { wholeCharacters } from './utf8-cut.ts'

const chunkBytes = 256 * 1024
/** A longer row is cut here and given as text. */
const maxRowBytes = 1 << 20
/** An answer ends early when its rows together are longer than this. */
const answerBytes = 4 << 20
const newline = 10
/** How long parsing may hold the event loop. */
const turnMs = 8

export interface ItemsPage {
  /** Parsed rows; what is not JSON, or longer than 1 MiB, as its text. */
  readonly items: unknown[]
  /** Byte offset of the row after the last one given; null when there is none. */
  readonly next: number | null
  readonly size: number
}

/**
 * Rows of a `.jl` file. `offset` inside a row stands for that row's begin. A last row without its line end is one that is
 * being written: it is given only when `ended`, so that who goes on from `size` gets it once, and whole. Throws
 * FileNotFoundError, StorageError.
 */
export async function readItems(
  path: string,
  { offset, limit, ended }: { offset: number; limit: number; ended: boolean },
): Promise<ItemsPage> {
  const { handle, stats } = await openRegularFile(path)
  try {
    const rows = new RowReader(handle, stats.size)
    await rows.seek(offset)
    return await readPage(rows, stats.size, limit, ended)
  } catch (error) {
    throw fileError(path, error)
  } finally {
    await handle.close()
  }
}

async function readPage(rows: RowReader, size: number, limit: number, ended: boolean): Promise<ItemsPage> {
  const items: unknown[] = []
  let next: number | null = null
  let bytes = 0
  let began = performance.now()
  while (next === null) {
    const row = await rows.next()
    if (row === null || (!row.finished && !ended)) break
    if (items.length === limit || bytes >= answerBytes) next = row.offset
    else if (row.text.trim() !== '') {
      items.push(row.cut ? row.text : parsed(row.text))
      bytes += row.text.length
    }
    if (performance.now() - began > turnMs) {
      await turn()
      began = performance.now()
    }
  }
  return { items, next, size }
}

/** A row's value. Integers that JavaScript cannot hold stay exact, as text: ids of 19 digits are common. */
function parsed(row: string): unknown {
  try {
    return /\d{16}/.test(row) ? JSON.parse(row, exactNumber) : JSON.parse(row)
  } catch {
    // Not JSON (another exporter, or Python's NaN): shown as it is.
    return row
  }
}

function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return value
  return context?.source ?? value
}

interface Row {
  readonly offset: number
  readonly text: string
  readonly cut: boolean
  /** Whether its line end is there. */
  readonly finished: boolean
}

/** Rows of a file one after the other; holds no more than the longest row that is given whole. */
class RowReader {
  readonly #handle: FileHandle
  readonly #size: number
  /** Bytes of the file from `#base` on, read but not given yet. */
  #pending: Buffer = Buffer.alloc(0)
  #base = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /** Goes to the begin of the row in which `offset` lies. */
  async seek(offset: number): Promise<void> {
    let end = Math.min(offset, this.#size)
    while (end > 0) {
      const start = Math.max(0, end - chunkBytes)
      const chunk = await this.#read(start, end - start)
      const found = chunk.lastIndexOf(newline)
      if (found !== -1) {
        this.#base = start + found + 1
        return
      }
      end = start
    }
    this.#base = 0
  }

  async next(): Promise<Row | null> {
    const offset = this.#base
    let searched = 0
    for (;;) {
      const found = this.#pending.indexOf(newline, searched)
      if (found !== -1) return this.#take(offset, found, found + 1, true)
      searched = this.#pending.length
      if (searched > maxRowBytes) return await this.#takeLong(offset)
      const chunk = await this.#read(offset + searched, chunkBytes)
      if (chunk.length === 0) return searched === 0 ? null : this.#take(offset, searched, searched, false)
      this.#pending = searched === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    }
  }

  #take(offset: number, end: number, used: number, finished: boolean): Row {
    const cut = end > maxRowBytes
    const length = cut ? wholeCharacters(this.#pending, maxRowBytes) : end
    const text = this.#pending.toString('utf8', 0, length)
    this.#pending = this.#pending.subarray(used)
    this.#base = offset + used
    return { offset, text, cut, finished }
  }

  /** The row is too long to be held: its begin is kept, its end looked for. */
  async #takeLong(offset: number): Promise<Row> {
    const row = this.#take(offset, this.#pending.length, this.#pending.length, false)
    for (;;) {
      const chunk = await this.#read(this.#base, chunkBytes)
      if (chunk.length === 0) return row
      const found = chunk.indexOf(newline)
      this.#base += found === -1 ? chunk.length : found + 1
      if (found === -1) continue
      this.#pending = chunk.subarray(found + 1)
      return { ...row, finished: true }
    }
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.#size - position)
    if (wanted <= 0) return Buffer.alloc(0)
    const buffer = Buffer.allocUnsafe(wanted)
    const { bytesRead } = await this.#handle.read(buffer, 0, wanted, position)
    return buffer.subarray(0, bytesRead)
  }
}
