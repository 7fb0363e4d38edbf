import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import { fileError, isNotThere } from './regular-file.ts'

/**
 * The real path of `path` when it is there and lies, after all links, in `realRoot` (itself a real path); null when not.
 * Throws StorageError when the disk does not say.
 */
export async function containedPath(realRoot: string, path: string): Promise<string | null> {
  const real = await realPathOf(path)
  if (real === null || real === realRoot) return real
  return real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep) ? real : null
}

/** The real path, or null when nothing is there. Throws StorageError. */
export async function realPathOf(path: string): Promise<string | null> {
  try {
    return await realpath(path)
  } catch (error) {
    if (isNotThere(error)) return null
    throw fileError(path, error)
  }
}
