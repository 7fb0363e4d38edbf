import { lstat, readFile, realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Where a repository lies. Found by looking, without starting git. */
export interface Repository {
  /** Top folder of the working tree; a real path. */
  readonly root: string
  /** `.git` of this working tree (HEAD, index). */
  readonly gitDir: string
  /** What all working trees of the repository share (refs, objects); names the repository. */
  readonly commonDir: string
}

/** The repository that a folder belongs to, or null when it is under no git. */
export async function findRepository(path: string): Promise<Repository | null> {
  let folder: string
  try {
    folder = await realpath(path)
  } catch {
    // A folder that is not there belongs to no repository.
    return null
  }
  for (;;) {
    const gitDir = await gitDirOf(folder)
    if (gitDir !== null) return { root: folder, gitDir, commonDir: await commonDirOf(gitDir) }
    const parent = dirname(folder)
    if (parent === folder) return null
    folder = parent
  }
}

async function gitDirOf(folder: string): Promise<string | null> {
  const path = join(folder, '.git')
  try {
    const stats = await lstat(path)
    if (!stats.isFile()) {
      await lstat(join(path, 'HEAD'))
      return path
    }
    // A linked working tree or a submodule: `gitdir: PATH`.
    const target = /^gitdir: (.+)$/m.exec(await readFile(path, 'utf8'))?.[1]
    return target === undefined ? null : resolve(folder, target.trimEnd())
  } catch {
    // Not there, or not readable: git would not find it either.
    return null
  }
}

async function commonDirOf(gitDir: string): Promise<string> {
  try {
    return resolve(gitDir, (await readFile(join(gitDir, 'commondir'), 'utf8')).trimEnd())
  } catch {
    // Only linked working trees have that file.
    return gitDir
  }
}
