import type { ConfigProblem } from '../errors.ts'
import { stripInlineComment, unquote } from './inline-comment.ts'

/**
 * The rules a file is read by. `service`: our files (` #` and ` ;` begin a comment, a value may be quoted).
 * `configparser`: Python's ConfigParser as Scrapyd and Scrapy use it (comments are whole lines, names ignore case).
 * In both, an indented line goes on with the value above it.
 */
export type IniDialect = 'service' | 'configparser'

export interface IniSection {
  readonly name: string
  readonly line: number
}

export interface IniEntry {
  readonly section: string
  /** As written; `configparser` files are looked up without regard to case. */
  readonly name: string
  /** Lines of a continued value are joined by line feeds. Not interpolated yet in a `configparser` file. */
  readonly value: string
  readonly line: number
  /** The first indented line that went on with this value; null where the value stands on one line. */
  readonly continuedAt: number | null
  /** The value has a problem of its own already; what it says must not be used. */
  readonly isBroken: boolean
}

export interface IniFile {
  readonly path: string
  readonly dialect: IniDialect
  readonly sections: readonly IniSection[]
  readonly entries: readonly IniEntry[]
  readonly problems: readonly ConfigProblem[]
}

interface OpenEntry {
  readonly section: string
  readonly name: string
  readonly line: number
  readonly pieces: string[]
  continuedAt: number | null
}

/**
 * Parses INI text and keeps the line of everything. Own code, because the INI packages on npm give no line numbers (or
 * lower-case every name), and none follows ConfigParser in continuation lines and duplicates, which decide here whether
 * a file that Scrapyd accepts means the same to us. Problems are collected, never thrown.
 * Rules of `configparser`: Python's `RawConfigParser._read`, with its defaults.
 */
export function parseIni(text: string, path: string, dialect: IniDialect): IniFile {
  const sections: IniSection[] = []
  const entries: IniEntry[] = []
  const problems: ConfigProblem[] = []
  const seen = new Map<string, number>()
  let section: string | null = null
  let open: OpenEntry | null = null
  let indent = 0

  const report = (line: number, option: string | null, message: string) =>
    problems.push({ source: path, line, option, message })
  const close = () => {
    if (open !== null) entries.push(finish(open, dialect, report))
    open = null
  }

  text.split(/\r\n|\n|\r/).forEach((raw, index) => {
    const line = index + 1
    const content = raw.trim()
    if (content.startsWith('#') || content.startsWith(';')) return
    if (content === '') {
      open?.pieces.push('')
      return
    }
    const lineIndent = raw.search(/\S/)
    if (open !== null && lineIndent > indent) {
      open.pieces.push(raw)
      open.continuedAt ??= line
      return
    }
    close()
    indent = lineIndent

    const header = readHeader(content, dialect)
    if (header !== null) {
      section = header
      const first = seen.get(header)
      // ConfigParser lets [DEFAULT] alone appear again.
      const mayRepeat = dialect === 'configparser' && header === 'DEFAULT'
      if (first !== undefined && !mayRepeat)
        report(line, `[${header}]`, `this section is already in line ${first}; join the two`)
      else seen.set(header, line)
      sections.push({ name: header, line })
      return
    }
    const option = readOption(content)
    if (option === null) {
      report(line, null, 'this line is neither a [section], nor `name = value`, nor a comment')
      return
    }
    if (section === null) {
      report(line, option.name, 'this option stands before the first [section]')
      return
    }
    const key = `${section}\n${dialect === 'configparser' ? option.name.toLowerCase() : option.name}`
    const first = seen.get(key)
    if (first !== undefined) {
      report(line, `[${section}] ${option.name}`, `this option is already in line ${first}; keep one of them`)
    } else seen.set(key, line)
    open = { section, name: option.name, line, pieces: [option.value], continuedAt: null }
  })
  close()
  return { path, dialect, sections, entries, problems }
}

/** `[name]`; ConfigParser ignores what follows the bracket, our files allow a comment there. */
function readHeader(content: string, dialect: IniDialect): string | null {
  if (dialect === 'configparser') return /^\[(.+)\]/.exec(content)?.[1] ?? null
  return /^\[\s*([^\]]*[^\]\s])\s*\](?:\s+[#;].*)?$/.exec(content)?.[1] ?? null
}

/** `name = value` or `name: value`: the first delimiter counts, as in ConfigParser. */
function readOption(content: string): { name: string; value: string } | null {
  const delimiter = content.search(/[=:]/)
  if (delimiter < 1) return null
  return { name: content.slice(0, delimiter).trimEnd(), value: content.slice(delimiter + 1) }
}

function finish(
  open: OpenEntry,
  dialect: IniDialect,
  report: (line: number, option: string, message: string) => void,
): IniEntry {
  const { section, name, line, continuedAt } = open
  if (dialect === 'configparser') {
    const value = open.pieces.map((piece) => piece.trim()).join('\n')
    return { section, name, value: value.trimEnd(), line, continuedAt, isBroken: false }
  }
  const isJson = /^\s*\[/.test(open.pieces.join(''))
  const value = open.pieces
    .map((piece) => stripInlineComment(piece, isJson))
    .join('\n')
    .trim()
  if (continuedAt !== null) return { section, name, value, line, continuedAt, isBroken: false }
  const unquoted = unquote(value)
  if (unquoted === null) report(line, `[${section}] ${name}`, 'the closing quote is missing, or text follows it')
  return { section, name, value: unquoted ?? '', line, continuedAt, isBroken: unquoted === null }
}
