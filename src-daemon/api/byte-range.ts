/** Bytes `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const SINGLE_RANGE = /^bytes=\s*(\d*)-(\d*)\s*$/

/**
 * Reads a `Range` header. null: send the whole file (no header, several ranges, another unit); `unsatisfiable`: 416.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const match = SINGLE_RANGE.exec(header ?? '')
  if (match === null) return null
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return null
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size }
  }
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  if (last !== '' && Number(last) < start) return null
  return start >= size ? 'unsatisfiable' : { start, end }
}

/** Where `offset` (negative: from the end) and `limit` lie in a file of this size. */
export function clampRange(offset: number, limit: number, size: number): ByteRange {
  const start = offset < 0 ? Math.max(0, size + offset) : Math.min(offset, size)
  return { start, end: Math.min(start + limit, size) }
}
