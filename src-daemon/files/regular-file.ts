import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { FileNotFoundError, StorageError } from '../errors.ts'

// A spider may leave a link or a FIFO where its log should be: a link is not followed, and a FIFO must not block.
const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

const notThere = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EMLINK', 'ENXIO'])

/** Whether an error of `node:fs` says that there is no such file (or none that we would read). */
export function isNotThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && notThere.has(String(error.code))
}

/** FileNotFoundError or StorageError, whichever an error of `node:fs` stands for. */
export function fileError(path: string, error: unknown): Error {
  if (error instanceof FileNotFoundError || error instanceof StorageError) return error
  if (isNotThere(error)) return new FileNotFoundError(`file not found: ${path}`, { cause: error })
  return new StorageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })
}

/** Opens a regular file for reading. Throws FileNotFoundError (also for links and devices) and StorageError. */
export async function openRegularFile(path: string): Promise<{ handle: FileHandle; stats: Stats }> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, flags)
    const stats = await handle.stat()
    if (!stats.isFile()) throw new FileNotFoundError(`not a file: ${path}`)
    return { handle, stats }
  } catch (error) {
    await handle?.close()
    throw fileError(path, error)
  }
}

/** The same without promises, for the thread that reads logs. */
export function openRegularFileSync(path: string): { fd: number; stats: Stats } {
  let fd: number | undefined
  try {
    fd = openSync(path, flags)
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new FileNotFoundError(`not a file: ${path}`)
    return { fd, stats }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw fileError(path, error)
  }
}
