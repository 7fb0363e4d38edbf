import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** For what the system does not report: network disks, a folder made anew, no watches left. */
const pollMs = 1_000

interface WatchedFolder {
  readonly path: string
  readonly dev: number
  readonly ino: number
}

/**
 * Calls `onChange` soon after a file was written, made, removed or replaced, and once a second in any case. Neither the file
 * nor its folder needs to be there: the nearest folder above that is gets watched until then.
 */
export class FileWatch {
  readonly #name: string
  readonly #folder: string
  readonly #onChange: () => void
  readonly #poll: NodeJS.Timeout
  #watcher: FSWatcher | null = null
  #watched: WatchedFolder | null = null
  #attaching = false
  #closed = false

  constructor(path: string, onChange: () => void) {
    this.#name = basename(path)
    this.#folder = dirname(path)
    this.#onChange = onChange
    this.#poll = setInterval(() => {
      void this.#attach()
      onChange()
    }, pollMs)
    this.#poll.unref()
    void this.#attach()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    this.#detach()
  }

  async #attach(): Promise<void> {
    if (this.#attaching) return
    this.#attaching = true
    try {
      const target = await nearestFolder(this.#folder)
      if (this.#closed || target === null || isSame(target, this.#watched)) return
      this.#detach()
      this.#watcher = this.#watch(target.path)
      this.#watched = this.#watcher === null ? null : target
      // What happened before the watch was there, has been missed.
      this.#onChange()
      if (target.path !== this.#folder) queueMicrotask(() => void this.#attachIfNearer(target))
    } finally {
      this.#attaching = false
    }
  }

  /** The folder may have been made between the look and the watch. */
  async #attachIfNearer(target: WatchedFolder): Promise<void> {
    if (!this.#closed && !isSame(await nearestFolder(this.#folder), target)) await this.#attach()
  }

  #watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (folder !== this.#folder) void this.#attach()
        else if (name === null || name === this.#name) this.#onChange()
      })
      watcher.on('error', () => {
        if (this.#watcher === watcher) this.#detach()
      })
      return watcher
    } catch {
      // No watches left, or the folder is gone again: the poll goes on.
      return null
    }
  }

  #detach(): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#watched = null
  }
}

async function nearestFolder(folder: string): Promise<WatchedFolder | null> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { dev, ino } = await stat(path)
      return { path, dev, ino }
    } catch {
      // Not there (yet), or not ours to see: the one above.
      if (dirname(path) === path) return null
    }
  }
}

function isSame(a: WatchedFolder | null, b: WatchedFolder | null): boolean {
  return a !== null && b !== null && a.path === b.path && a.dev === b.dev && a.ino === b.ino
}
