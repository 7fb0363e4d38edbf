/** Where a page of a listing ended, as clients carry it to the next. */
export interface Cursor {
  /** A cursor is good for its own sort only. */
  readonly sort: string
  readonly segment: number
  /** Key and number of the last row; null: the begin. */
  readonly key: number | string | null
  readonly n: number
  /** 0-based position of the next page's first row. */
  readonly start: number
  /** When the listing began: what depends on the time stays as it was then, or rows would change their places. */
  readonly now: number
}

/** The text of a cursor. */
export function writeCursor({ sort, segment, key, n, start, now }: Cursor): string {
  return [sort, segment, key, n, start, now].join('_')
}

/** null when `text` is no cursor of that sort. */
export function readCursor(text: string, sort: string, segments: number): Cursor | null {
  const parts = text.split('_')
  const [of, at, key, ...rest] = parts
  if (parts.length !== 6 || of !== sort || !/^\d$/.test(at!)) return null
  const numbers = rest.map((part) => (/^\d{1,16}$/.test(part) ? Number(part) : Number.NaN))
  if (Number(at) >= segments || numbers.some((number) => !Number.isSafeInteger(number))) return null
  const isText = sort.endsWith('created')
  if (isText ? !/^[0-9a-z]{1,64}$/.test(key!) : !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(key!)) return null
  const [n, start, now] = numbers as [number, number, number]
  return { sort, segment: Number(at), key: isText ? key! : Number(key), n, start, now }
}
