import { endOfFile } from './plain-file.ts'

const TAIL_BYTES = 8192
const TAIL_CHARACTERS = 2000

/** The last lines of a file, at most 2 000 characters; null when it is empty or not there. */
export function outputTail(path: string): string | null {
  const end = endOfFile(path, TAIL_BYTES)
  return end === null ? null : lastLines(end.toString('utf8'))
}

/** The end of a text, cut at a line where there is one. */
export function lastLines(text: string): string | null {
  const trimmed = text.trimEnd()
  if (trimmed === '') return null
  if (trimmed.length <= TAIL_CHARACTERS) return trimmed
  const tail = trimmed.slice(-TAIL_CHARACTERS)
  const line = tail.indexOf('\n')
  return line === -1 ? tail : tail.slice(line + 1)
}
