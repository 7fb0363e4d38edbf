import { en } from '../locales/en.ts'

/** A sentence of the daemon: its name among our words, and what stands in its places. */
export interface KnownReason {
  readonly key: string
  readonly values: Readonly<Record<string, string>>
}

/** Places that hold figures; all others hold names and quoted words. */
const FIGURES = new Set(['n', 'used', 'total', 'seconds', 'code', 'status'])

/** Our English sentences are the daemon's own (checked by a test), so that they are how one is known. */
const SENTENCES = Object.entries(en.reason).map(([key, sentence]) => ({ key, pattern: patternOf(sentence) }))

/** Finds the sentence that a reason is; null: other words, to be shown as they are. */
export function matchReason(reason: string): KnownReason | null {
  for (const { key, pattern } of SENTENCES) {
    const match = pattern.exec(reason)
    if (match !== null) return { key, values: { ...match.groups } }
  }
  return null
}

function patternOf(sentence: string): RegExp {
  const source = sentence
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>${FIGURES.has(name) ? '-?[\\d.]+' : '.+?'})`)
  return new RegExp(`^${source}$`, 's')
}

/** Words that a reason is put together of when it is no single sentence. */
export interface ReasonWords {
  readonly sentence: (known: KnownReason) => string
  /** Before the nodes that a job waits for ("Waits: …"). */
  readonly waits: (nodes: string) => string
  readonly colon: string
  readonly semicolon: string
}

const WAITS = 'Waits: '

/**
 * A reason in other words: known sentences, also behind a name ("crawl-01: is offline"), several of them, and inside one
 * another; whatever else is quoted as it is.
 */
export function translateReason(reason: string, words: ReasonWords): string {
  const known = matchReason(reason)
  if (known !== null) {
    const { detail } = known.values
    if (detail === undefined) return words.sentence(known)
    return words.sentence({ ...known, values: { ...known.values, detail: translateReason(detail, words) } })
  }
  if (reason.startsWith(WAITS)) {
    const nodes = reason.slice(WAITS.length).split('; ')
    return words.waits(nodes.map((node) => translateReason(node, words)).join(words.semicolon))
  }
  for (let at = reason.indexOf(': '); at !== -1; at = reason.indexOf(': ', at + 1)) {
    const [before, after] = [reason.slice(0, at), reason.slice(at + 2)]
    if (matchReason(before) !== null || matchReason(after) !== null)
      return translateReason(before, words) + words.colon + translateReason(after, words)
  }
  return reason
}
