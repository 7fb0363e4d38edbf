import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** `git status --porcelain=v2 --branch -z`, as far as it is used. */
export interface GitStatus {
  /** Short name of the upstream branch (`origin/main`); null when there is none. */
  readonly upstream: string | null
  /** Against the upstream as last fetched; null when there is no upstream, or it is gone. */
  readonly ahead: number | null
  readonly behind: number | null
  /** Tracked files that differ from the commit; relative to the top folder. */
  readonly changed: readonly string[]
  /** Files that git does not know, folders of such files ending with a slash. */
  readonly untracked: readonly string[]
}

/** Reads the porcelain format, version 2. */
export function parseStatus(text: string): GitStatus {
  const fields = text.split('\0')
  const changed: string[] = []
  const untracked: string[] = []
  let upstream: string | null = null
  let ahead: number | null = null
  let behind: number | null = null
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] ?? ''
    switch (field.slice(0, 2)) {
      case '# ': {
        const [, key, first, second] = field.split(' ')
        if (key === 'branch.upstream') upstream = first ?? null
        if (key === 'branch.ab') {
          ahead = Math.abs(Number(first))
          behind = Math.abs(Number(second))
        }
        break
      }
      case '1 ':
        changed.push(pathAfter(field, 8))
        break
      case '2 ':
        changed.push(pathAfter(field, 9))
        // A rename: the old path is a field of its own.
        index += 1
        break
      case 'u ':
        changed.push(pathAfter(field, 10))
        break
      case '? ':
        untracked.push(field.slice(2))
        break
      default:
        break
    }
  }
  return { upstream, ahead, behind, changed, untracked }
}

function pathAfter(field: string, words: number): string {
  return field.split(' ').slice(words).join(' ')
}

/**
 * Whether untracked files belong to the code: Python files, packages. What spiders leave behind (items, logs, `.scrapy`,
 * an environment) is not an edit.
 */
export async function holdsUntrackedCode(root: string, untracked: readonly string[]): Promise<boolean> {
  if (untracked.some((path) => path.endsWith('.py') || path.endsWith('scrapy.cfg'))) return true
  for (const path of untracked) {
    if (path.endsWith('/') && (await isCodeFolder(join(root, path)))) return true
  }
  return false
}

async function isCodeFolder(folder: string): Promise<boolean> {
  try {
    const names = await readdir(folder)
    return !names.includes('pyvenv.cfg') && names.some((name) => name.endsWith('.py') || name === 'scrapy.cfg')
  } catch {
    // Gone meanwhile, or not readable: nothing in it can be loaded either.
    return false
  }
}
