import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { GitCommand } from './git-command.ts'
import { succeeded } from './git-failure.ts'
import type { Repository } from './git-repository.ts'

const TIMEOUT_MS = 10_000

/** Where a branch gets its commits from. */
export interface Upstream {
  readonly branch: string
  readonly remote: string
  /** The ref on the remote, `refs/heads/main`. */
  readonly remoteRef: string
  /** The ref here that holds it, `refs/remotes/origin/main`. */
  readonly localRef: string
  /** Whether the branch exists here and is set to follow that remote. */
  readonly isTracked: boolean
}

/** git's configuration as a repository sees it: the last value of every key, sections and names in lower case. */
export type GitConfig = ReadonlyMap<string, string>

/** Throws GitError when git cannot read its configuration. */
export async function readGitConfig(git: GitCommand, root: string): Promise<GitConfig> {
  const answer = await git.run(root, ['config', '--list', '--null'], { timeoutMs: TIMEOUT_MS })
  const entries = succeeded((detail) => reasonText('noGitConfig', { root, detail }), answer, { root }).split('\0')
  return new Map(
    entries.map((entry) => {
      const [key = '', ...value] = entry.split('\n')
      return [key, value.join('\n')]
    }),
  )
}

/**
 * The upstream of a branch: what the branch is set to follow, else the branch of the same name on `origin`, else on the
 * only remote. Throws GitError in words.
 */
export async function findUpstream(
  git: GitCommand,
  { root }: Repository,
  config: GitConfig,
  branch: string,
): Promise<Upstream> {
  const check = ['check-ref-format', '--branch', branch]
  if (branch.startsWith('-') || (await git.run(root, check, { timeoutMs: TIMEOUT_MS })).exitCode !== 0) {
    throw new GitError(reasonText('notABranch', { branch }))
  }
  const remotes = [...config.keys()]
    .map((key) => /^remote\.(.+)\.url$/s.exec(key)?.[1])
    .filter((name) => name !== undefined)
  const followed = config.get(`branch.${branch}.remote`)
  const merge = config.get(`branch.${branch}.merge`)
  if (followed !== undefined && merge !== undefined && remotes.includes(followed)) {
    const localRef = `refs/remotes/${followed}/${merge.replace(/^refs\/heads\//, '')}`
    return { branch, remote: followed, remoteRef: merge, localRef, isTracked: true }
  }
  const remote = remotes.includes('origin') ? 'origin' : remotes.length === 1 ? remotes[0] : undefined
  if (remote === undefined) {
    throw new GitError(
      remotes.length === 0
        ? reasonText('noRemote', { root, branch })
        : reasonText('noOrigin', { root, remotes: remotes.join(', '), branch }),
    )
  }
  const localRef = `refs/remotes/${remote}/${branch}`
  return { branch, remote, remoteRef: `refs/heads/${branch}`, localRef, isTracked: false }
}
