import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

// A spider may leave a link or a pipe where a file of its run should be: neither is followed or waited for.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The last `most` bytes of a file of a run; null when it is not there, is no file, or cannot be read. */
export function endOfFile(path: string, most: number): Buffer | null {
  let fd: number | undefined
  try {
    fd = openSync(path, FLAGS)
    const stats = fstatSync(fd)
    if (!stats.isFile()) return null
    const buffer = Buffer.alloc(Math.min(stats.size, most))
    const length = readSync(fd, buffer, 0, buffer.length, stats.size - buffer.length)
    return buffer.subarray(0, length)
  } catch {
    return null
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
