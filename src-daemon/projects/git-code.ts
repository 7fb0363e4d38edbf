import { access } from 'node:fs/promises'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError, InvalidParameterError, NotInGitError } from '../errors.ts'
import { GitCommand } from './git-command.ts'
import { gitFailure, succeeded } from './git-failure.ts'
import type { GitHead } from './git-head.ts'
import { GitHeads } from './git-head.ts'
import type { PullOptions, PullResult } from './git-pull.ts'
import { GitPull } from './git-pull.ts'
import type { Repository } from './git-repository.ts'
import { findRepository } from './git-repository.ts'
import { RepositoryLock } from './repository-lock.ts'

const TIMEOUT_MS = 20_000
const MOST_COMMITS = 200

/** One commit of a list. */
export interface GitCommit {
  readonly commit: string
  readonly subject: string
  readonly author: string
  /** ISO 8601, UTC. */
  readonly at: string
}

/** What the daemon knows of and does with code under git, on this node. */
export class GitCode {
  readonly #git: GitCommand
  readonly #heads: GitHeads
  readonly #lock = new RepositoryLock()

  /** `env`: the daemon's own environment; git gets what of it is safe. */
  constructor(env: NodeJS.ProcessEnv) {
    this.#git = new GitCommand(env)
    this.#heads = new GitHeads(this.#git)
  }

  /** The repository that a folder belongs to; null outside git. */
  async repositoryOf(path: string): Promise<Repository | null> {
    return await findRepository(path)
  }

  /** The commit that is checked out; null outside git. Cheap enough for every schedule. Throws GitError. */
  async commit(path: string): Promise<string | null> {
    return await this.#heads.commit(path)
  }

  /** What is checked out; null outside git. `fresh` reads everything anew. Throws GitError. */
  async head(path: string, options: { readonly fresh?: boolean } = {}): Promise<GitHead | null> {
    return await this.#heads.head(path, options)
  }

  /** Brings the repository of a folder to the newest commit of its branch. Throws PullError or GitError. */
  async pull(path: string, options: PullOptions): Promise<PullResult> {
    const repository = await findRepository(path)
    if (repository === null) throw await notUnderGit(path)
    try {
      return await this.#lock.hold(repository, options, () => new GitPull(this.#git, repository, options).run())
    } finally {
      this.#heads.forgetRepository(repository.root)
    }
  }

  /**
   * Commits that `to` has and `from` does not, newest first, at most 200. Without `to`: up to what is checked out; without
   * `from`: the last ones. Throws InvalidParameterError for what is no commit's hash, GitError outside git.
   */
  async commits(path: string, from: string | null, to: string | null): Promise<GitCommit[]> {
    const { root } = await this.#repository(path)
    const end = to === null ? 'HEAD' : hash('to', to)
    const range = from === null ? end : `${hash('from', from)}..${end}`
    const format = '--format=%H%x00%s%x00%an%x00%cI%x00'
    const args = ['log', `--max-count=${MOST_COMMITS}`, '--no-show-signature', format, range, '--']
    const answer = await this.#git.run(root, args, { timeoutMs: TIMEOUT_MS })
    if (answer.exitCode !== 0 && /bad revision|unknown revision|bad object/.test(answer.stderr)) {
      throw new GitError(reasonText('unknownCommits', { path, range }))
    }
    const text = succeeded((detail) => reasonText('noCommitList', { root, detail }), answer, { root })
    const fields = text.split('\0')
    const commits: GitCommit[] = []
    for (let index = 0; index + 3 < fields.length; index += 4) {
      const [commit, subject, author, date] = fields.slice(index, index + 4) as [string, string, string, string]
      commits.push({ commit: commit.trim(), subject, author, at: new Date(date).toISOString() })
    }
    return commits
  }

  /** Whether one commit is part of another's history (or is the same). Throws GitError when one is unknown here. */
  async isAncestor(path: string, ancestor: string, descendant: string): Promise<boolean> {
    const { root } = await this.#repository(path)
    const args = ['merge-base', '--is-ancestor', hash('ancestor', ancestor), hash('descendant', descendant)]
    const answer = await this.#git.run(root, args, { timeoutMs: TIMEOUT_MS })
    if (answer.exitCode === 0) return true
    if (answer.exitCode === 1) return false
    throw gitFailure((detail) => reasonText('noComparison', { root, detail }), answer, { root })
  }

  async #repository(path: string): Promise<Repository> {
    const repository = await findRepository(path)
    if (repository === null) throw await notUnderGit(path)
    return repository
  }
}

async function notUnderGit(path: string): Promise<GitError> {
  try {
    await access(path)
    return new NotInGitError(reasonText('outsideGit', { path }))
  } catch (error) {
    return new GitError(reasonText('folderUnread', { path, detail: (error as Error).message }), { cause: error })
  }
}

function hash(parameter: string, value: string): string {
  if (!/^[0-9a-f]{4,64}$/i.test(value))
    throw new InvalidParameterError(parameter, `${parameter} is not a commit's hash`)
  return value
}
