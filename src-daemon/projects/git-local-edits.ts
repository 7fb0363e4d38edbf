import { lstat, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import type { GitCommand, GitCommandOptions } from './git-command.ts'
import { succeeded } from './git-failure.ts'
import { parseStatus } from './git-status.ts'

const NAMED_FILES = 5

/** Local edits that were put aside, never lost: an entry of `git stash`. */
export interface StashedEdits {
  /** Hash of the stash's commit; stays valid when later entries shift its number. */
  readonly commit: string
  readonly files: readonly string[]
}

/**
 * Puts local edits aside before a pull changes the working tree. Edits of tracked files all go; of the files that git
 * does not know only those that the new commit brings too: what spiders and the daemon write beside the code (items, logs, an
 * environment) stays where it is.
 */
export class LocalEdits {
  readonly #git: GitCommand
  readonly #options: GitCommandOptions

  constructor(git: GitCommand, options: GitCommandOptions) {
    this.#git = git
    this.#options = options
  }

  /** Stashes the edits of tracked files, staged or not. null when there are none. */
  async stashTracked(root: string, label: string): Promise<StashedEdits | null> {
    const files = await this.#changed(root)
    if (files.length === 0) return null
    return await this.#stash(root, ['stash', 'push', '--message', label], files)
  }

  /** Stashes files that `git` would overwrite: unknown or ignored here, part of the commit `to`. null when there are none. */
  async stashInTheWay(root: string, from: string | null, to: string, label: string): Promise<StashedEdits | null> {
    const files = await this.#inTheWay(root, from, to)
    if (files.length === 0) return null
    const folder = await mkdtemp(join(tmpdir(), 'scrapyd-service-'))
    try {
      const list = join(folder, 'paths')
      await writeFile(list, files.join('\0'))
      const paths = [`--pathspec-from-file=${list}`, '--pathspec-file-nul']
      return await this.#stash(
        root,
        ['--literal-pathspecs', 'stash', 'push', '--all', '--message', label, ...paths],
        files,
      )
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #changed(root: string): Promise<readonly string[]> {
    const args = [
      'status',
      '--porcelain=v2',
      '--branch',
      '-z',
      '--no-renames',
      '--ignore-submodules=all',
      '--untracked-files=no',
    ]
    return parseStatus(await this.#read(root, ['--no-optional-locks', ...args])).changed
  }

  async #stash(root: string, args: readonly string[], files: readonly string[]): Promise<StashedEdits | null> {
    const before = await this.#newest(root)
    const answer = await this.#git.run(root, args, this.#options)
    succeeded((detail) => reasonText('notStashed', { root, detail }), answer, { root })
    const commit = await this.#newest(root)
    // Nothing was stashed where only the times of the files differ.
    return commit === null || commit === before ? null : { commit, files }
  }

  async #newest(root: string): Promise<string | null> {
    const answer = await this.#git.run(root, ['rev-parse', '--verify', '--quiet', 'refs/stash'], quiet(this.#options))
    return answer.exitCode === 0 ? answer.stdout.trimEnd() : null
  }

  async #inTheWay(root: string, from: string | null, to: string): Promise<string[]> {
    const args =
      from === null
        ? ['ls-tree', '-r', '--name-only', '-z', to]
        : ['diff', '--name-only', '-z', '--no-renames', '--diff-filter=A', from, to]
    const added = split(await this.#read(root, args))
    const blocking = new Set<string>()
    for (const path of added) {
      const found = await blocker(root, path)
      if (found !== null) blocking.add(found)
    }
    // A tracked file that becomes a folder is git's own business.
    return from === null ? [...blocking] : await this.#unknown(root, from, [...blocking])
  }

  async #unknown(root: string, commit: string, paths: readonly string[]): Promise<string[]> {
    if (paths.length === 0) return []
    const tracked = new Set(split(await this.#read(root, ['ls-tree', '-r', '--name-only', '-z', commit])))
    return paths.filter((path) => !tracked.has(path))
  }

  async #read(root: string, args: readonly string[]): Promise<string> {
    const answer = await this.#git.run(root, args, quiet(this.#options))
    return succeeded((detail) => reasonText('notReadable', { root, detail }), answer, { root })
  }
}

/** One line for an operator: which files, and how to get them back. */
export function stashWords({ commit, files }: StashedEdits): string {
  const entry = { files: files.slice(0, NAMED_FILES).join(', '), commit: commit.slice(0, 12) }
  return files.length > NAMED_FILES
    ? reasonText('stashedMore', { ...entry, n: files.length - NAMED_FILES })
    : reasonText('stashed', entry)
}

/** What lies on the disk where `path` is to be written: the path itself, or a file where one of its folders should be. */
async function blocker(root: string, path: string): Promise<string | null> {
  for (let part = path; part !== '.'; part = dirname(part)) {
    try {
      const stats = await lstat(join(root, part))
      return part === path || !stats.isDirectory() ? part : null
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    }
  }
  return null
}

function split(text: string): string[] {
  return text.split('\0').filter((path) => path !== '')
}

function quiet(options: GitCommandOptions): GitCommandOptions {
  return { ...options, onOutput: undefined }
}
