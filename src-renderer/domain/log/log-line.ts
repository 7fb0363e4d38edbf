/** Scrapy's levels, in the order of the keys that show and hide them. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const
/** A level as the viewer shows it: CRITICAL counts as ERROR. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One line of a log. */
export interface LogLine {
  /** First byte in the file. */
  readonly offset: number
  /** Place among the lines that were read, counted from where reading began; negative before it. */
  readonly place: number
  /** As it is in the file, without its end; a line of many kilobytes is cut. */
  readonly text: string
  /** Level of the record it belongs to; null before the first record that was read. */
  readonly level: LogLevel | null
  /** It begins a record; other lines (a traceback, an item printed on many lines) belong to the one before. */
  readonly begins: boolean
}

const RECORD = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?/
const SCRAPY = /^(\d{4}-\d\d-\d\d[ T])(\d\d:\d\d:\d\d)((?:[.,]\d+)?) (\[.*?\]) ([A-Z]+):(?: |$)/
const WORD = /\b(CRITICAL|ERROR|WARNING|INFO|DEBUG)\b/
/** The level is looked for near the line's beginning. */
const HEAD = 512

/** The level of a line that begins a record; undefined: it begins none. null: a record without a level of Scrapy's. */
export function recordLevel(text: string): LogLevel | null | undefined {
  if (!RECORD.test(text)) return undefined
  const head = text.slice(0, HEAD)
  const word = SCRAPY.exec(head)?.[5] ?? WORD.exec(head.slice(19, 140))?.[1]
  if (word === 'CRITICAL') return 'ERROR'
  return LOG_LEVELS.find((level) => level === word) ?? null
}

/** A traceback that no record announces is an error of its own: the spider could not even be loaded. */
export function isTraceback(text: string): boolean {
  return text.startsWith('Traceback (most recent call last):')
}

/** The parts of a record's first line: what is only dimmed, and what is read. */
export interface LinePrefix {
  /** Folded in: hours are enough where the day is known. */
  readonly date: string
  readonly time: string
  readonly logger: string
  readonly level: string
  /** What follows the prefix. */
  readonly rest: string
}

/** Takes Scrapy's prefix off a line; null: it has none. */
export function linePrefix(text: string): LinePrefix | null {
  const match = SCRAPY.exec(text.slice(0, HEAD))
  if (match === null) return null
  const [whole, date = '', time = '', , logger = '', level = ''] = match
  return { date, time, logger, level, rest: text.slice(whole.length) }
}

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    bytes += unit < 0x8_00 ? 1 : 2
    // A pair is four bytes: its first half has been counted with two more, and the second is one already.
    if (unit >= 0xd8_00 && unit < 0xdc_00 && (text.charCodeAt(at + 1) & 0xfc_00) === 0xdc_00) at += 1
  }
  return bytes
}
