/** A piece of a text; `hit` pieces are what the query matched. */
export interface TextPart {
  readonly text: string
  readonly hit: boolean
}

export interface Match {
  readonly score: number
  /** Indexes of the characters that the query matched. */
  readonly hits: readonly number[]
}

/** Indexes of the characters of a Chinese text that Latin letters stand for (`cls` of 财联社), or null. */
export type PinyinMatch = (text: string, query: string) => readonly number[] | null

/**
 * Whether a text answers a query: as a whole, at a word's begin, inside, by the first letters of its words (`xf` of
 * `xinhua_finance`), or by pinyin. Better matches have a higher score. null: no match.
 */
export function matchText(text: string, query: string, pinyin: PinyinMatch | null = null): Match | null {
  if (query === '') return { score: 0, hits: [] }
  const at = text.toLowerCase().indexOf(query.toLowerCase())
  if (at !== -1) return { score: scoreOf(text, query, at), hits: range(at, query.length) }
  const initials = matchInitials(text, query)
  if (initials !== null) return { score: 20, hits: initials }
  const byPinyin = pinyin === null ? null : matchPinyin(text, query, pinyin)
  return byPinyin === null ? null : { score: 30, hits: byPinyin }
}

/** Only the Chinese part of a text is spelt: letters beside it (a job's id) are not. */
function matchPinyin(text: string, query: string, pinyin: PinyinMatch): number[] | null {
  for (const { 0: part, index } of text.matchAll(/[㐀-鿿]+/g)) {
    const hits = pinyin(part, query)
    if (hits !== null) return hits.map((at) => at + index)
  }
  return null
}

function scoreOf(text: string, query: string, at: number): number {
  if (text.length === query.length) return 100
  if (at === 0) return 80
  return isWordStart(text, at) ? 60 : 40
}

function isWordStart(text: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1] ?? '') || /[a-z][A-Z]/.test(text.slice(at - 1, at + 1))
}

function matchInitials(text: string, query: string): number[] | null {
  const hits: number[] = []
  const wanted = query.toLowerCase()
  for (let at = 0; at < text.length && hits.length < wanted.length; at += 1) {
    if (isWordStart(text, at) && text[at]?.toLowerCase() === wanted[hits.length]) hits.push(at)
  }
  return hits.length === wanted.length ? hits : null
}

function range(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index)
}

/** A text in pieces: those that were hit, and the others. */
export function markText(text: string, hits: readonly number[]): TextPart[] {
  const set = new Set(hits)
  const parts: { text: string; hit: boolean }[] = []
  for (const [at, character] of Array.from(text.split('')).entries()) {
    const hit = set.has(at)
    const last = parts.at(-1)
    if (last?.hit === hit) last.text += character
    else parts.push({ text: character, hit })
  }
  return parts
}
