import type { Stats } from 'node:fs'
import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { FolderRow, TreeEntry } from './ports.ts'

const STATS_AT_ONCE = 64

type LocalEntry = Exclude<TreeEntry, { kind: 'remote' }>

/**
 * A folder on this disk as it is served. Only files and folders below it are found, by whatever links: a symbolic link
 * that leads out of it does not exist.
 */
export class DiskTree {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  /**
   * `segments` are names, already refused when unsafe; null = not there. The root is there before it was made. The `path`
   * of a file has no symbolic links left in it.
   */
  async find(segments: readonly string[]): Promise<LocalEntry | null> {
    const found = await this.#resolve(segments)
    if (found === null) return segments.length === 0 ? { kind: 'folder', entries: [] } : null
    const { path, stats } = found
    if (stats.isDirectory()) return { kind: 'folder', entries: await this.#rows(path) }
    return stats.isFile() ? { kind: 'file', path, size: stats.size, modifiedAt: stats.mtimeMs } : null
  }

  async #resolve(segments: readonly string[]): Promise<{ path: string; stats: Stats } | null> {
    try {
      const root = await realpath(this.#root)
      const path = await realpath(join(root, ...segments))
      if (path !== root && !path.startsWith(root.endsWith(sep) ? root : root + sep)) return null
      return { path, stats: await stat(path) }
    } catch (error) {
      if (isAbsent(error)) return null
      throw error
    }
  }

  async #rows(folder: string): Promise<FolderRow[]> {
    const names = await readdir(folder)
    const rows: FolderRow[] = []
    for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
      const some = await Promise.all(names.slice(at, at + STATS_AT_ONCE).map((name) => rowOf(folder, name)))
      for (const row of some) if (row !== null) rows.push(row)
    }
    return rows
  }
}

/** null: gone meanwhile, or neither a file nor a folder. Links are shown as what they lead to when they are opened. */
async function rowOf(folder: string, name: string): Promise<FolderRow | null> {
  try {
    const path = join(folder, name)
    const own = await lstat(path)
    const stats = own.isSymbolicLink() ? await stat(path) : own
    if (!stats.isDirectory() && !stats.isFile()) return null
    return { name, folder: stats.isDirectory(), size: stats.size, modifiedAt: stats.mtimeMs }
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EINVAL'])

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ABSENT.has(String(error.code))
}
