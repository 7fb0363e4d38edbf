import type { FileHandle } from 'node:fs/promises'
import { nextCharacter } from './utf8-cut.ts'

const lookBytes = 64 * 1024
const newline = 10

/**
 * Where a tail that was asked for at `offset` begins in a file of `size` bytes. An offset beyond the end is one of a file
 * that was here before: it begins at 0. A negative one counts from the end and is moved to the begin of a line: the next
 * one, or when none begins there the one it lies in, if that is near.
 */
export async function tailStart(handle: FileHandle, size: number, offset: number): Promise<number> {
  if (offset >= 0) return offset > size ? 0 : offset
  const wanted = size + offset
  if (wanted <= 0) return 0
  const bytes = Buffer.alloc(lookBytes)
  const after = await handle.read(bytes, 0, lookBytes, wanted - 1)
  const next = bytes.subarray(0, after.bytesRead).indexOf(newline)
  if (next !== -1 && wanted + next < size) return wanted + next
  const from = Math.max(0, wanted - lookBytes)
  const before = await handle.read(bytes, 0, wanted - from, from)
  const seen = bytes.subarray(0, before.bytesRead)
  const previous = seen.lastIndexOf(newline)
  if (previous !== -1) return from + previous + 1
  return from === 0 ? 0 : from + nextCharacter(seen, 0)
}
