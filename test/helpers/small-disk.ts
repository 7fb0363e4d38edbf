import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../../scripts/lib/root.ts'

const preload = pathToFileURL(join(root, 'test/helpers/preload/full-database.mjs')).href

/**
 * A disk that a test can fill: a small file system of its own where one may be mounted (root with the right to), else a
 * folder and a daemon whose databases may not grow.
 */
export class SmallDisk {
  readonly folder: string
  /** For the daemon that works on it. */
  readonly env: NodeJS.ProcessEnv
  readonly isMounted: boolean
  readonly #filler: string
  readonly #flag: string

  constructor(folder: string, megabytes: number) {
    this.folder = folder
    this.#filler = join(folder, 'filler')
    this.#flag = `${folder}.full`
    mkdirSync(folder, { recursive: true })
    this.isMounted = mount(folder, megabytes)
    this.env = this.isMounted ? {} : { NODE_OPTIONS: `--import=${preload}`, SCRAPYD_SERVICE_TEST_FULL: this.#flag }
  }

  /** Leaves no byte free. */
  fill(): void {
    if (!this.isMounted) {
      writeFileSync(this.#flag, '')
      return
    }
    const file = openSync(this.#filler, 'a')
    try {
      for (let size = 65_536; size >= 1;) {
        try {
          writeSync(file, Buffer.alloc(size))
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
          size = Math.floor(size / 2)
        }
      }
    } finally {
      closeSync(file)
    }
  }

  /** Gives the space back. */
  free(): void {
    rmSync(this.isMounted ? this.#filler : this.#flag, { force: true })
  }

  remove(): void {
    this.free()
    if (this.isMounted) execFileSync('umount', ['--lazy', this.folder])
  }
}

function mount(folder: string, megabytes: number): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    // A container without that right.
    return false
  }
}
