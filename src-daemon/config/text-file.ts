import { readFileSync } from 'node:fs'
import type { ConfigProblem } from '../errors.ts'

/** What came out of a file: its text, nothing because there is no such file, or the reason why it cannot be used. */
export type TextFile =
  | { readonly found: 'text'; readonly text: string }
  | { readonly found: 'nothing' }
  | { readonly found: 'problem'; readonly problem: ConfigProblem }

const LINE_FEED = 0x0a

/** Reads a UTF-8 file, with or without a byte order mark. Bytes that are not UTF-8 are a problem with their line. */
export function readTextFile(path: string): TextFile {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { found: 'nothing' }
    return problem(path, null, code === 'EISDIR' ? 'is a folder; a file is needed' : `cannot be read: ${message}`)
  }
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    const text = decoder.decode(bytes)
    const zero = text.indexOf('\0')
    if (zero === -1) return { found: 'text', text }
    return problem(path, text.slice(0, zero).split('\n').length, 'holds a NUL character; is this a text file?')
  } catch {
    return problem(path, firstLineThatIsNotUtf8(bytes), 'is not UTF-8 text; save the file as UTF-8')
  }
}

function problem(source: string, line: number | null, message: string): TextFile {
  return { found: 'problem', problem: { source, line, option: null, message } }
}

/** A line feed is never part of a longer UTF-8 sequence, so lines can be decoded one by one. */
function firstLineThatIsNotUtf8(bytes: Buffer): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(LINE_FEED, start)
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end === -1 ? bytes.length : end))
    } catch {
      return line
    }
    if (end === -1) return line
    start = end + 1
  }
}
