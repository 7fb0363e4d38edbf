import { GitError } from '../errors.ts'
import type { GitCommand } from './git-command.ts'
import { gitFailure, succeeded } from './git-failure.ts'
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

/**
 * The upstream of a branch: what the branch is set to follow, else the branch of the same name on `origin`, else on the
 * only remote. Throws GitError in words.
 */
export async function findUpstream(git: GitCommand, { root }: Repository, branch: string): Promise<Upstream> {
  if (branch.startsWith('-') || (await ask(git, root, ['check-ref-format', '--branch', branch])).exitCode !== 0) {
    throw new GitError(`'${branch}' is not the name of a branch`)
  }
  const remotes = lines(succeeded(`cannot read the remotes of ${root}`, await ask(git, root, ['remote']), { root }))
  const followed = (await configured(git, root, `branch.${branch}.remote`)) ?? null
  const merge = await configured(git, root, `branch.${branch}.merge`)
  if (followed !== null && merge !== null && followed !== '.' && remotes.includes(followed)) {
    const localRef = `refs/remotes/${followed}/${merge.replace(/^refs\/heads\//, '')}`
    return { branch, remote: followed, remoteRef: merge, localRef, isTracked: true }
  }
  const remote = remotes.includes('origin') ? 'origin' : remotes.length === 1 ? remotes[0] : undefined
  if (remote === undefined) {
    const why = remotes.length === 0 ? 'it has no remote' : `it has the remotes ${remotes.join(', ')}, none is 'origin'`
    throw new GitError(`there is nowhere to pull ${root} from: ${why} and branch '${branch}' follows none`)
  }
  return {
    branch,
    remote,
    remoteRef: `refs/heads/${branch}`,
    localRef: `refs/remotes/${remote}/${branch}`,
    isTracked: false,
  }
}

/** A value of git's configuration as the repository sees it; null when it is not set. */
export async function configured(git: GitCommand, root: string, key: string): Promise<string | null> {
  const answer = await ask(git, root, ['config', '--get', key])
  if (answer.exitCode === 0) return answer.stdout.trimEnd()
  // 1: not set. Anything else is a configuration that git cannot read.
  if (answer.exitCode === 1) return null
  throw gitFailure(`cannot read git's configuration of ${root}`, answer, { root })
}

async function ask(git: GitCommand, root: string, args: readonly string[]) {
  return await git.run(root, args, { timeoutMs: TIMEOUT_MS })
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
