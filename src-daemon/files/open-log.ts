import type { FileHandle } from 'node:fs/promises'
import { lstat } from 'node:fs/promises'
import { FileNotFoundError } from '../errors.ts'
import { type FileIdentity, hasOnlyGrown, headBytes } from './file-identity.ts'
import { fileError, isNotThere, openRegularFile } from './regular-file.ts'

/** A log that is held open, as it was when it was looked at last. */
export interface OpenLog {
  readonly handle: FileHandle
  readonly identity: FileIdentity
  readonly modifiedAt: number
}

/** Opens the file at `path`; null when none is there. Throws StorageError. */
export async function openLog(path: string): Promise<OpenLog | null> {
  let opened
  try {
    opened = await openRegularFile(path)
  } catch (error) {
    if (error instanceof FileNotFoundError) return null
    throw error
  }
  const { handle, stats } = opened
  try {
    const identity = { dev: stats.dev, ino: stats.ino, size: stats.size, head: await readHead(handle) }
    return { handle, identity, modifiedAt: stats.mtimeMs }
  } catch (error) {
    await handle.close()
    throw fileError(path, error)
  }
}

/**
 * Looks at an open log again: with its new size when it only grew; `cut` when it was emptied or written anew; `away` when
 * something else, or nothing, lies at its path. Throws StorageError.
 */
export async function lookAgain(path: string, log: OpenLog): Promise<OpenLog | 'cut' | 'away'> {
  try {
    const stats = await lstat(path)
    const { identity, handle } = log
    if (stats.dev !== identity.dev || stats.ino !== identity.ino) return 'away'
    if (stats.size === identity.size && stats.mtimeMs === log.modifiedAt) return log
    const now = { dev: stats.dev, ino: stats.ino, size: stats.size, head: await readHead(handle) }
    return hasOnlyGrown(identity, now) ? { handle, identity: now, modifiedAt: stats.mtimeMs } : 'cut'
  } catch (error) {
    if (isNotThere(error)) return 'away'
    throw fileError(path, error)
  }
}

/** The size of an open log, wherever it lies now. */
export async function sizeNow({ handle, identity }: OpenLog): Promise<number> {
  try {
    return (await handle.stat()).size
  } catch {
    // The disk has lost it: what is known is what can be tried.
    return identity.size
  }
}

/** Lets go of a log. It was only read, so that a close that fails (a disk that went away) loses nothing. */
export async function closeLog(log: OpenLog | null): Promise<void> {
  await log?.handle.close().catch(() => undefined)
}

async function readHead(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(headBytes)
  const { bytesRead } = await handle.read(head, 0, headBytes, 0)
  return head.subarray(0, bytesRead)
}
