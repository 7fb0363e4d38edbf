import { nextCharacter, wholeCharacters } from './utf8-cut.ts'

/** Longest text, in UTF-16 units, that an answer carries of one line. */
const excerptLength = 2_000
const bytesBeforeHit = 300
const hitInFirst = 1_500
/** Bytes that surely hold `excerptLength` units. */
const excerptBytes = excerptLength * 4

/** The line in `bytes[start, end)` as text; of a long one the part around `hit`, with `…` where it was cut. */
export function excerpt(bytes: Buffer, start: number, end: number, hit: number): string {
  const lineEnd = bytes[end - 1] === 13 && end > start ? end - 1 : end
  const first = hit - start > hitInFirst ? nextCharacter(bytes, hit - bytesBeforeHit) : start
  const before = first > start ? '…' : ''
  const last = Math.min(lineEnd, first + excerptBytes)
  const window = bytes.subarray(first, last)
  const text = before + window.toString('utf8', 0, last < lineEnd ? wholeCharacters(window, window.length) : undefined)
  if (text.length <= excerptLength && last === lineEnd) return text
  const cut = excerptLength - 1
  const splitsPair = isHighSurrogate(text.charCodeAt(cut - 1))
  return `${text.slice(0, splitsPair ? cut - 1 : cut)}…`
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
