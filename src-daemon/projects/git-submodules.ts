import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { GitCommand, GitCommandOptions } from './git-command.ts'
import { succeeded } from './git-failure.ts'
import type { LocalEdits, StashedEdits } from './git-local-edits.ts'

/** Brings submodules to the commits that the superproject names, with the same care for local work. */
export class Submodules {
  readonly #git: GitCommand
  readonly #edits: LocalEdits

  constructor(git: GitCommand, edits: LocalEdits) {
    this.#git = git
    this.#edits = edits
  }

  /**
   * Before the superproject changes: puts edits aside (their files relative to the top folder) and refuses where a submodule
   * holds commits of its own. Throws GitError.
   */
  async prepare(root: string, label: string, options: GitCommandOptions): Promise<StashedEdits[]> {
    const stashed: StashedEdits[] = []
    for (const { path, isMoved } of await this.#checkedOut(root, options)) {
      const folder = join(root, path)
      if (isMoved && (await isOrphan(this.#git, folder, options))) {
        throw new GitError(reasonText('orphanSubmodule', { folder }))
      }
      const edits = await this.#edits.stashTracked(folder, label)
      if (edits !== null) stashed.push({ ...edits, files: edits.files.map((file) => `${path}/${file}`) })
    }
    return stashed
  }

  /** After the superproject changed. Throws GitError. */
  async update(root: string, options: GitCommandOptions): Promise<void> {
    if (!(await exists(join(root, '.gitmodules')))) return
    // The address of a submodule may have changed with the commit.
    const sync = await this.#git.run(root, ['submodule', 'sync', '--recursive', '--quiet'], options)
    succeeded((detail) => reasonText('noSubmodules', { root, detail }), sync, { root })
    const args = ['submodule', 'update', '--init', '--recursive', '--progress']
    const update = await this.#git.run(root, args, options)
    succeeded((detail) => reasonText('submodulesStay', { root, detail }), update, { root })
  }

  /** `isMoved`: somebody checked out another commit there than the superproject names. */
  async #checkedOut(root: string, options: GitCommandOptions): Promise<{ path: string; isMoved: boolean }[]> {
    if (!(await exists(join(root, '.gitmodules')))) return []
    const answer = await this.#git.run(root, ['submodule', 'status', '--recursive'], {
      ...options,
      onOutput: undefined,
    })
    return succeeded((detail) => reasonText('noSubmodules', { root, detail }), answer, { root })
      .split('\n')
      .map((line) => /^([ +])[0-9a-f]+ (.+?)(?: \([^()]*\))?$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => ({ path: match[2] ?? '', isMoved: match[1] === '+' }))
  }
}

/** Whether HEAD is detached at a commit that no branch or tag holds: leaving it would lose it. */
export async function isOrphan(git: GitCommand, root: string, options: GitCommandOptions): Promise<boolean> {
  const silent = { ...options, onOutput: undefined }
  const branch = await git.run(root, ['symbolic-ref', '--quiet', 'HEAD'], silent)
  if (branch.exitCode === 0) return false
  const args = ['for-each-ref', '--count=1', '--contains', 'HEAD', '--format=%(refname)']
  const answer = await git.run(root, args, silent)
  return succeeded((detail) => reasonText('noBranches', { root, detail }), answer, { root }).trim() === ''
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // Not there: a repository without submodules.
    return false
  }
}
