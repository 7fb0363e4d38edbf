import type { LevelName } from './log-line.ts'

/** What is looked for in a log. */
export interface LogQuery {
  /** Part of a line; without a capital letter, capitals do not matter. Empty: every line. */
  readonly q: string
  /** Only lines of records with one of these levels (a traceback's lines have its record's level); empty: all. */
  readonly levels: readonly LevelName[]
  /** Byte offset to begin at, moved back to the begin of its line. */
  readonly from: number
  readonly limit: number
}

/** How the text of a query is compared with a line. */
export type Needle =
  | { readonly kind: 'any' }
  /** No line can contain it. */
  | { readonly kind: 'none' }
  /** Byte for byte; `fold`: A-Z in the line as a-z. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly fold: boolean }
  /** Letters beyond ASCII that have two cases: lines must be decoded. */
  | { readonly kind: 'text'; readonly text: string }

export function needleOf(q: string): Needle {
  if (q === '') return { kind: 'any' }
  if (q.includes('\n')) return { kind: 'none' }
  const anyCase = q === q.toLowerCase()
  const beyondAscii = q.replace(/[\0-\x7f]/g, '')
  if (anyCase && beyondAscii.toUpperCase() !== beyondAscii) return { kind: 'text', text: q }
  return { kind: 'bytes', bytes: Buffer.from(q), fold: anyCase && /[a-z]/.test(q) }
}
