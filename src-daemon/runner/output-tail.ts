import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

const TAIL_BYTES = 8192
const TAIL_CHARACTERS = 2000

/** The last lines of a file, at most 2 000 characters; null when it is empty or not there. */
export function outputTail(path: string): string | null {
  let fd: number
  try {
    // Without waiting, should something else than a file have been put there.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    // Nothing was printed, or the folder is gone.
    return null
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) return null
    const { size } = stats
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES))
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    return lastLines(buffer.toString('utf8', 0, length))
  } finally {
    closeSync(fd)
  }
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
