import type { Dirent } from 'node:fs'
import { lstat, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { FolderRow } from '../api/ports.ts'
import { atMost } from './at-most.ts'
import { containedPath } from './contained-path.ts'
import { fileError, isNotThere } from './regular-file.ts'

const batchSize = 1_000
const statsAtOnce = 32

/**
 * The rows of a folder by name: files and folders, and links to such inside `realRoot`; nothing else. A folder of any size
 * is read, looked at and sorted in batches, so that nobody else has to wait for it. Throws FileNotFoundError, StorageError.
 */
export async function folderRows(realRoot: string, folder: string): Promise<FolderRow[]> {
  const sorted: FolderRow[][] = []
  let batch: Dirent[] = []
  async function finishBatch(): Promise<void> {
    const rows = await atMost(statsAtOnce, batch, (entry) => rowOf(realRoot, folder, entry))
    sorted.push(rows.filter((row) => row !== null).toSorted(byName))
    batch = []
  }
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      if (batch.push(entry) === batchSize) await finishBatch()
    }
  } catch (error) {
    throw fileError(folder, error)
  }
  await finishBatch()
  return mergeAll(sorted)
}

async function rowOf(realRoot: string, folder: string, { name }: Dirent): Promise<FolderRow | null> {
  const path = join(folder, name)
  try {
    let stats = await lstat(path)
    if (stats.isSymbolicLink()) {
      const real = await containedPath(realRoot, path)
      if (real === null) return null
      stats = await stat(real)
    }
    if (!stats.isFile() && !stats.isDirectory()) return null
    return { name, folder: stats.isDirectory(), size: stats.size, modifiedAt: Math.floor(stats.mtimeMs) }
  } catch (error) {
    // Removed meanwhile, or a name that is not UTF-8 and cannot be asked for.
    if (isNotThere(error)) return null
    throw fileError(path, error)
  }
}

function byName(a: FolderRow, b: FolderRow): number {
  if (a.name === b.name) return 0
  return a.name < b.name ? -1 : 1
}

/** Merges sorted lists pair by pair, letting others run in between. */
async function mergeAll(lists: FolderRow[][]): Promise<FolderRow[]> {
  let rest = lists
  while (rest.length > 1) {
    const merged: FolderRow[][] = []
    for (let i = 0; i < rest.length; i += 2) merged.push(await merge(rest[i] ?? [], rest[i + 1] ?? []))
    rest = merged
  }
  return rest[0] ?? []
}

async function merge(left: readonly FolderRow[], right: readonly FolderRow[]): Promise<FolderRow[]> {
  const merged: FolderRow[] = []
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const a = left[l]
    const b = right[r]
    if (b === undefined || (a !== undefined && byName(a, b) <= 0)) {
      if (a !== undefined) merged.push(a)
      l++
    } else {
      merged.push(b)
      r++
    }
    if (merged.length % 10_000 === 0) await turn()
  }
  return merged
}
