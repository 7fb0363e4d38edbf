/** Scrapy's levels, the most severe first. */
export const levelNames = ['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'] as const
export type LevelName = (typeof levelNames)[number]

/** A level as a small number: an index of `levelNames`, or one of the two below. */
export type LevelCode = number
/** The line begins no record: it belongs to the record before it (a traceback, an item printed on many lines). */
export const continuation: LevelCode = 5
/** The line begins a record whose level is none of Scrapy's. */
export const otherLevel: LevelCode = 6

const words = levelNames.map((name) => Buffer.from(name))
/** How far into a line the level is looked for: date, logger name (a spider's name, of any characters) and level. */
export const headLength = 512

const [space, comma, dot, zero, nine, colon, openBracket, closeBracket] = Buffer.from(' ,.09:[]') as unknown as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
]
const dash = 45
const letterT = 84

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine
}

function isUpper(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 65 && byte <= 90
}

function isWordByte(byte: number | undefined): boolean {
  return isDigit(byte) || isUpper(byte) || (byte !== undefined && ((byte >= 97 && byte <= 122) || byte === 95))
}

/**
 * The level of the line in `bytes[start, end)`. Known: Scrapy's own format (`2026-11-22 22:10:40 [scrapy.core.engine]
 * INFO: …`), with or without milliseconds; in other formats that begin with date and time, the first level word near the
 * beginning.
 */
export function levelOf(bytes: Uint8Array, start: number, end: number): LevelCode {
  if (end - start < 22 || bytes[start + 4] !== dash || bytes[start + 7] !== dash) return continuation
  if (bytes[start + 13] !== colon || bytes[start + 16] !== colon || !isDigit(bytes[start])) return continuation
  const between = bytes[start + 10]
  if ((between !== space && between !== letterT) || !isDigit(bytes[start + 18])) return continuation

  const limit = Math.min(end, start + headLength)
  let at = start + 19
  if (bytes[at] === comma || bytes[at] === dot) {
    at++
    while (at < limit && isDigit(bytes[at])) at++
  }
  if (bytes[at] !== space || bytes[at + 1] !== openBracket) return levelWordIn(bytes, at, Math.min(limit, at + 120))
  for (at += 2; at < limit; at++) {
    if (bytes[at] !== closeBracket || bytes[at + 1] !== space || !isUpper(bytes[at + 2])) continue
    const wordStart = at + 2
    let wordEnd = wordStart + 1
    while (wordEnd < limit && isUpper(bytes[wordEnd])) wordEnd++
    if (bytes[wordEnd] === colon && wordEnd < limit) return codeOf(bytes, wordStart, wordEnd)
  }
  return levelWordIn(bytes, start + 19, Math.min(limit, start + 140))
}

function codeOf(bytes: Uint8Array, start: number, end: number): LevelCode {
  // The five words begin with five different letters.
  for (let code = 0; code < words.length; code++) {
    const word = words[code] as Buffer
    if (word[0] !== bytes[start] || word.length !== end - start) continue
    let same = 1
    while (same < word.length && word[same] === bytes[start + same]) same++
    return same === word.length ? code : otherLevel
  }
  return otherLevel
}

function levelWordIn(bytes: Uint8Array, start: number, end: number): LevelCode {
  for (let at = start; at < end; at++) {
    if (!isUpper(bytes[at]) || isWordByte(bytes[at - 1])) continue
    let wordEnd = at + 1
    while (wordEnd < end && isWordByte(bytes[wordEnd])) wordEnd++
    const code = codeOf(bytes, at, wordEnd)
    if (code !== otherLevel) return code
    at = wordEnd
  }
  return otherLevel
}
