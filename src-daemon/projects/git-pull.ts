import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { GitCommand, GitCommandOptions } from './git-command.ts'
import { gitFailure, succeeded } from './git-failure.ts'
import type { StashedEdits } from './git-local-edits.ts'
import { LocalEdits, stashWords } from './git-local-edits.ts'
import type { Repository } from './git-repository.ts'
import { isOrphan, Submodules } from './git-submodules.ts'
import type { Upstream } from './git-upstream.ts'
import { findUpstream, readGitConfig } from './git-upstream.ts'

/** A git command of somebody else (an editor's status) ends within this time; a lock that stays longer was left behind. */
const LOCK_PATIENCE_MS = 3_000
const LOCK_POLL_MS = 50
/** Changing files must not be cut off half-way: local steps have at least this long, whatever the limit of the pull. */
const LOCAL_STEP_MS = 120_000
const UNFINISHED = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply']

/** What a pull is told. */
export interface PullOptions {
  /** null: the branch that is checked out. */
  readonly branch: string | null
  /** Milliseconds for everything that waits for a remote. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Gets what git prints, line by line, without credentials. */
  readonly onOutput?: ((text: string) => void) | undefined
}

/** How far a pull came; also part of the error of one that failed. */
export interface PullFindings {
  branch: string | null
  before: string | null
  after: string | null
  /** `git diff --shortstat` in words; null when the commit is the same. */
  changes: string | null
  /** Local edits that were put aside, and how to get them back; null when there were none. */
  stashed: string | null
}

/** A pull in words. */
export interface PullResult extends Readonly<PullFindings> {
  readonly message: string
}

/** A pull that failed. What it had found out or changed until then is told with it. */
export class PullError extends GitError {
  readonly progress: Readonly<PullFindings>

  constructor(message: string, progress: Readonly<PullFindings>, options?: { cause?: unknown }) {
    super(message, options)
    this.progress = progress
  }
}

/**
 * Fetch, switch to the branch, fast-forward, submodules. Commits that upstream does not have are never merged over and never
 * lost (an error says "diverged"); edits are stashed and named. The repository must be locked by the caller.
 */
export class GitPull {
  readonly #git: GitCommand
  readonly #repository: Repository
  readonly #options: PullOptions
  readonly #deadline: number
  readonly #stashes: StashedEdits[] = []
  #sshCommand: string | null = null
  readonly #progress: PullFindings = { branch: null, before: null, after: null, changes: null, stashed: null }

  constructor(git: GitCommand, repository: Repository, options: PullOptions) {
    this.#git = git
    this.#repository = repository
    this.#options = options
    this.#deadline = performance.now() + options.timeoutMs
  }

  /** Throws PullError. */
  async run(): Promise<PullResult> {
    try {
      const message = await this.#pull()
      return { ...this.#told(), message }
    } catch (error) {
      const found = this.#told()
      const failed = (error as Error).message
      const words = found.stashed === null ? failed : reasonText('editsAsideAfter', { failed, stashed: found.stashed })
      throw new PullError(words, found, { cause: error })
    }
  }

  async #pull(): Promise<string> {
    const { root } = this.#repository
    const progress = this.#progress
    await this.#refuseUnfinished()
    const current = await this.#line(['symbolic-ref', '--quiet', '--short', 'HEAD'])
    progress.before = await this.#line(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'])
    progress.branch = this.#options.branch ?? current
    if (progress.branch === null) {
      throw new GitError(reasonText('detached', { root, commit: short(progress.before) }))
    }
    const config = await readGitConfig(this.#git, root)
    this.#sshCommand = config.get('core.sshcommand') ?? null
    const upstream = await findUpstream(this.#git, this.#repository, config, progress.branch)
    const known = await this.#line(['rev-parse', '--verify', '--quiet', `${upstream.localRef}^{commit}`])
    await this.#fetch(upstream)
    const target = await this.#line(['rev-parse', '--verify', '--quiet', `${upstream.localRef}^{commit}`])
    if (target === null) {
      const where = reasonText('namedRemote', { remote: upstream.remote })
      throw new GitError(reasonText('noBranch', { where, branch: upstream.branch }))
    }
    const own = await this.#line(['rev-parse', '--verify', '--quiet', `refs/heads/${upstream.branch}^{commit}`])
    const unpushed = await this.#unpushed(upstream, own, target, known)
    if (current === null && (await isOrphan(this.#git, root, this.#local()))) {
      throw new GitError(reasonText('orphan', { commit: short(progress.before), command: 'git branch NAME' }))
    }
    const goal = unpushed > 0 && own !== null ? own : target
    await this.#update(upstream, current, own, goal)
    progress.after = await this.#line(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'])
    progress.changes = await this.#changes()
    return this.#words(current, unpushed)
  }

  /**
   * Commits of the own branch that upstream does not have, where upstream has nothing new; throws when both have some.
   * `known`: where upstream was before the fetch.
   */
  async #unpushed(upstream: Upstream, own: string | null, target: string, known: string | null): Promise<number> {
    if (own === null || own === target) return 0
    const { root } = this.#repository
    const counts = await this.#line(['rev-list', '--left-right', '--count', `${own}...${target}`])
    const [ahead = 0, behind = 0] = (counts ?? '').split('\t').map(Number)
    if (ahead === 0 || behind === 0) return ahead
    const args = ['merge-base', '--is-ancestor', own, known ?? own]
    const isRewritten = known !== null && (await this.#git.run(root, args, this.#quiet())).exitCode === 0
    const { remote, branch } = upstream
    const both = { remote, branch, commits: commits(ahead) }
    throw new GitError(
      isRewritten
        ? reasonText('rewritten', { ...both, command: `git -C '${root}' reset --keep ${short(target)}` })
        : reasonText('diverged', { ...both, n: behind, root }),
    )
  }

  async #fetch(upstream: Upstream): Promise<void> {
    const { root } = this.#repository
    const refspec = `+${upstream.remoteRef}:${upstream.localRef}`
    const args = ['fetch', '--progress', '--no-recurse-submodules', upstream.remote, refspec]
    const place = { root, remote: upstream.remote }
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#git.run(root, args, this.#remote())
      if (answer.exitCode === 0) return
      // Somebody fetched at the same moment: the ref moved between git's reading and writing it.
      if (attempt > 1 || !/cannot lock ref|unable to update local ref/.test(answer.stderr)) {
        throw gitFailure((detail) => reasonText('notFetched', { branch: upstream.branch, detail }), answer, place)
      }
    }
  }

  async #update(upstream: Upstream, current: string | null, own: string | null, goal: string): Promise<void> {
    const { root } = this.#repository
    const label = `scrapyd-service: local edits before pulling ${upstream.branch}`
    const edits = new LocalEdits(this.#git, this.#local())
    await this.#waitForIndex()
    const submodules = new Submodules(this.#git, edits)
    for (const kept of await submodules.prepare(root, label, this.#local())) this.#keep(kept)
    this.#keep(await edits.stashTracked(root, label))
    if (goal !== this.#progress.before || current !== upstream.branch) {
      this.#keep(await edits.stashInTheWay(root, this.#progress.before, goal, label))
      // `-B` moves the branch only when the files could be changed; that it moves forward was made sure of before.
      const args =
        current === upstream.branch && this.#progress.before !== null
          ? ['merge', '--ff-only', '--no-edit', goal]
          : ['checkout', '--no-recurse-submodules', '-B', upstream.branch, goal]
      const failed = (detail: string) =>
        reasonText('notBrought', { root, commit: short(goal), branch: upstream.branch, detail })
      succeeded(failed, await this.#git.run(root, args, this.#local()), { root })
    }
    if (own === null && !upstream.isTracked) {
      const args = ['branch', '--quiet', `--set-upstream-to=${upstream.localRef}`, upstream.branch]
      // Only a convenience (`behind` can be told): a narrow fetch configuration may not know the ref.
      await this.#git.run(root, args, this.#quiet())
    }
    await submodules.update(root, this.#remote())
  }

  async #refuseUnfinished(): Promise<void> {
    const { root, gitDir } = this.#repository
    for (const name of UNFINISHED) {
      if (await exists(join(gitDir, name))) {
        throw new GitError(reasonText('unfinished', { root, file: name }))
      }
    }
  }

  async #waitForIndex(): Promise<void> {
    const file = join(this.#repository.gitDir, 'index.lock')
    const deadline = performance.now() + LOCK_PATIENCE_MS
    while (await exists(file)) {
      if (performance.now() > deadline) throw new GitError(await lockWords(file))
      await delay(LOCK_POLL_MS)
    }
  }

  #keep(edits: StashedEdits | null): void {
    if (edits !== null) this.#stashes.push(edits)
  }

  #told(): PullFindings {
    return { ...this.#progress, stashed: this.#stashes.length === 0 ? null : this.#stashes.map(stashWords).join('; ') }
  }

  async #changes(): Promise<string | null> {
    const { before, after } = this.#progress
    if (before === null || after === null || before === after) return null
    return await this.#line(['diff', '--shortstat', before, after])
  }

  #words(from: string | null, unpushed: number): string {
    const { branch, before, after, changes, stashed } = this.#told()
    const isSame = before === after
    const parts = [
      isSame
        ? reasonText('upToDate', { commit: short(after) })
        : reasonText('pulledTo', { from: short(before), to: short(after) }),
      isSame ? null : changes,
      from === branch || branch === null ? null : switched(from, branch),
      unpushed === 0 ? null : reasonText('notPushed', { commits: commits(unpushed) }),
      stashed === null ? null : reasonText('editsAside', { stashed }),
    ]
    return parts.filter((part) => part !== null).join('; ')
  }

  /** The answer of a quick local command, or null when it fails. */
  async #line(args: readonly string[]): Promise<string | null> {
    const answer = await this.#git.run(this.#repository.root, args, this.#quiet())
    const line = answer.stdout.trim()
    return answer.exitCode === 0 && line !== '' ? line : null
  }

  /** For steps that wait for a remote: what is left of the pull's time. */
  #remote(): GitCommandOptions {
    const left = Math.max(1, this.#deadline - performance.now())
    const { signal, onOutput } = this.#options
    return { timeoutMs: left, signal, onOutput, sshCommand: this.#sshCommand }
  }

  /** For steps that change files: never stopped by the caller. */
  #local(): GitCommandOptions {
    return { timeoutMs: Math.max(LOCAL_STEP_MS, this.#options.timeoutMs), onOutput: this.#options.onOutput }
  }

  #quiet(): GitCommandOptions {
    return { timeoutMs: LOCAL_STEP_MS }
  }
}

async function lockWords(file: string): Promise<string> {
  const age = await stat(file).then(
    (stats) => Math.round((Date.now() - stats.mtimeMs) / 1000),
    // Released at the last moment: the next pull will work.
    () => 0,
  )
  return reasonText('lockedFor', { file, seconds: age, command: `rm '${file}'` })
}

function switched(before: string | null, branch: string): string {
  return before === null ? reasonText('switchedDetached', { branch }) : reasonText('switched', { before, branch })
}

function commits(n: number): string {
  return n === 1 ? reasonText('oneCommit') : reasonText('manyCommits', { n })
}

function short(commit: string | null): string {
  return commit === null ? reasonText('noCommit') : commit.slice(0, 12)
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // ENOENT is the expected answer.
    return false
  }
}
