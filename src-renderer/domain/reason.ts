import { en } from '../locales/en.ts'

/** A sentence of the daemon: its name among our words, and what stands in its places. */
export interface KnownReason {
  readonly key: string
  readonly values: Readonly<Record<string, string>>
}

const FIGURE = String.raw`-?[\d.]+`
/** Of a folder or a file: what stands before it is not part of it. */
const PATH = '/.*?'
const COMMIT = '(?:[0-9a-f]{4,64}|no commit)'
/** What stands in some places has a form; in all others stand names and quoted words. */
const PLACES: Readonly<Record<string, string>> = {
  n: FIGURE,
  used: FIGURE,
  total: FIGURE,
  seconds: FIGURE,
  code: FIGURE,
  status: FIGURE,
  pid: FIGURE,
  path: PATH,
  root: PATH,
  folder: PATH,
  commit: COMMIT,
  from: COMMIT,
  to: COMMIT,
  commits: String.raw`\d+ commits?`,
  /** The name of a git command. */
  verb: String.raw`[\w-]+`,
  machine: String.raw`\S*`,
  remote: "[^']+",
  /** Of one entry of git's stash; the next one begins behind its bracket. */
  files: String.raw`(?:(?! \(back with: ).)+?`,
  /** What a pull had done. */
  pulled: `(?:already up to date at |${COMMIT} -> ).+?`,
}
/** Places that sentences may stand in. */
const NESTED = new Set(['detail', 'cause', 'failed', 'pulled', 'stashed', 'where', 'commits', 'commit', 'from', 'to'])

interface Form {
  readonly key: string
  /** Words that it begins with, ends with, and the longest ones between: seeing that they are missing is cheap. */
  readonly head: string
  readonly tail: string
  readonly middle: string
  readonly pattern: RegExp
}

/** Our English sentences are the daemon's own (checked by a test), so that they are how one is known. */
const FORMS = Object.entries(en.reason).map(([key, sentence]) => formOf(key, sentence))
/** Those that a text can be, by its first character. */
const byFirst = new Map<string, readonly Form[]>()

/** Finds the sentence that a reason is; null: other words, to be shown as they are. */
export function matchReason(reason: string): KnownReason | null {
  for (const { key, head, tail, middle, pattern } of formsFor(reason.charAt(0))) {
    if (!reason.startsWith(head) || !reason.endsWith(tail) || !reason.includes(middle)) continue
    const match = pattern.exec(reason)
    if (match !== null) return { key, values: { ...match.groups } }
  }
  return null
}

/** Whether it says that nobody listens at a node's address. */
export function isRefusal(reason: string | null): boolean {
  const key = reason === null ? undefined : matchReason(reason)?.key
  return key === 'refused' || key === 'refusedHint'
}

function patternOf(sentence: string): RegExp {
  const source = sentence
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>${PLACES[name] ?? '.+?'})`)
  return new RegExp(`^${source}$`, 's')
}

function formOf(key: string, sentence: string): Form {
  const words = sentence.split(/\{\w+\}/)
  return {
    key,
    head: words[0] ?? '',
    tail: words.at(-1) ?? '',
    middle: words.slice(1, -1).reduce((longest, next) => (next.length > longest.length ? next : longest), ''),
    pattern: patternOf(sentence),
  }
}

function formsFor(first: string): readonly Form[] {
  let forms = byFirst.get(first)
  if (forms === undefined) {
    forms = FORMS.filter(({ head }) => head === '' || head.charAt(0) === first)
    byFirst.set(first, forms)
  }
  return forms
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
/** Names in front and sentences beside one another are few; a traceback may hold any number of colons. */
const MOST_JOINTS = 8

/**
 * A reason in other words: known sentences, also behind a name ("crawl-01: is offline"), several of them, and inside one
 * another; whatever else is quoted as it is.
 */
export function translateReason(reason: string, words: ReasonWords): string {
  const known = matchReason(reason)
  if (known !== null) {
    const values = Object.entries(known.values).map(([name, value]) => [
      name,
      NESTED.has(name) ? translateReason(value, words) : value,
    ])
    return words.sentence({ ...known, values: Object.fromEntries(values) as KnownReason['values'] })
  }
  if (reason.startsWith(WAITS)) {
    const nodes = reason.slice(WAITS.length).split('; ')
    return words.waits(nodes.map((node) => translateReason(node, words)).join(words.semicolon))
  }
  for (const [before, after] of splits(reason, '; ')) {
    if (isKnown(before) || isKnown(after))
      return translateReason(before, words) + words.semicolon + translateReason(after, words)
  }
  for (const [before, after] of splits(reason, ': ')) {
    if (matchReason(before) !== null || matchReason(after) !== null)
      return translateReason(before, words) + words.colon + translateReason(after, words)
  }
  return reason
}

/** Whether a text is a sentence, or one behind a name. */
function isKnown(text: string): boolean {
  if (matchReason(text) !== null) return true
  const colon = text.indexOf(': ')
  return colon !== -1 && matchReason(text.slice(colon + 2)) !== null
}

/** The text cut in two at each of its first joints. */
function* splits(text: string, joint: string): Generator<readonly [string, string]> {
  let at = text.indexOf(joint)
  for (let n = 0; at !== -1 && n < MOST_JOINTS; n++) {
    yield [text.slice(0, at), text.slice(at + joint.length)]
    at = text.indexOf(joint, at + 1)
  }
}
