import { lstat, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { FileTree, TreeEntry, TreeKind } from '../api/ports.ts'
import { FileNotFoundError, JobNotFoundError } from '../errors.ts'
import { containedPath, realPathOf } from './contained-path.ts'
import { folderRows } from './folder-rows.ts'
import { staysInFolder } from './job-path.ts'
import { fileError, isNotThere } from './regular-file.ts'

/** Where the files of a job lie on this node; null = there is none (not begun, or removed). */
export interface JobFiles {
  readonly log: string | null
  readonly items: string | null
  readonly output: string | null
}

/** The files of the job with this key; null = no such job here. */
export type LocateJobFiles = (key: string) => JobFiles | null

export interface LocalFileTreeOptions {
  readonly logsDir: string
  readonly itemsDir: string | null
  readonly locate: LocateJobFiles
}

/** `/logs/` and `/items/` of this node's disk. What a link shows outside of them is not there; nor is a device. */
export class LocalFileTree implements FileTree {
  readonly #roots: Readonly<Record<TreeKind, string | null>>
  readonly #locate: LocateJobFiles

  constructor({ logsDir, itemsDir, locate }: LocalFileTreeOptions) {
    this.#roots = { logs: resolve(logsDir), items: itemsDir === null ? null : resolve(itemsDir) }
    this.#locate = locate
  }

  get hasItems(): boolean {
    return this.#roots.items !== null
  }

  /** The folders `logs` and `items` themselves are there, empty, before the first job. Throws StorageError. */
  async find(kind: TreeKind, segments: readonly string[]): Promise<TreeEntry | null> {
    const root = this.#roots[kind]
    if (root === null || !segments.every(staysInFolder)) return null
    const realRoot = await realPathOf(root)
    if (realRoot === null) return segments.length === 0 ? { kind: 'folder', entries: [] } : null
    const path = await containedPath(realRoot, join(realRoot, ...segments))
    if (path === null) return null
    try {
      const stats = await stat(path)
      if (stats.isDirectory()) return { kind: 'folder', entries: await folderRows(realRoot, path) }
      if (!stats.isFile()) return null
      return { kind: 'file', path, size: stats.size, modifiedAt: Math.floor(stats.mtimeMs) }
    } catch (error) {
      if (isNotThere(error) || error instanceof FileNotFoundError) return null
      throw fileError(path, error)
    }
  }

  /** The log or output of a job, when it is a file (no link: the spider may have put it there). */
  async ofJob(kind: 'log' | 'output', key: string): Promise<Exclude<TreeEntry, { kind: 'folder' }>> {
    const files = this.#locate(key)
    if (files === null) throw new JobNotFoundError(key)
    const path = files[kind]
    if (path === null) throw new FileNotFoundError(`job '${key}' has no ${kind} here`)
    try {
      const stats = await lstat(path)
      if (!stats.isFile()) throw new FileNotFoundError(`the ${kind} of job '${key}' is not a file`)
      return { kind: 'file', path, size: stats.size, modifiedAt: Math.floor(stats.mtimeMs) }
    } catch (error) {
      if (isNotThere(error)) throw new FileNotFoundError(`the ${kind} of job '${key}' is gone`, { cause: error })
      throw fileError(path, error)
    }
  }
}
