import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { GitCommand } from './git-command.ts'
import { succeeded } from './git-failure.ts'
import type { Repository } from './git-repository.ts'
import { findRepository } from './git-repository.ts'
import { holdsUntrackedCode, parseStatus } from './git-status.ts'

const TIP_TIMEOUT_MS = 10_000
/** `git status` reads the whole working tree: it gets this long, then `dirty` is unknown for a while. */
const STATUS_TIMEOUT_MS = 5_000
const STATUS_AGE_MS = 10_000
/** The work of `git status` stays below one part in so many of the time. */
const STATUS_SHARE = 20
/** The files that tell whether HEAD moved are not looked at more often than this. */
const GLANCE_MS = 50
/** So long "not under git", or why git fails, is taken as still true. */
const ABSENT_MS = 1_000
const TIP_FORMAT = '--format=%H%x00%s%x00%an%x00%cI'

/** What is checked out. */
export interface GitHead {
  /** Full hash; null on a branch without commits. */
  readonly commit: string | null
  /** null when HEAD is detached. */
  readonly branch: string | null
  readonly subject: string | null
  readonly author: string | null
  /** ISO 8601, UTC. */
  readonly committedAt: string | null
  /** Whether the code differs from the commit; null where that takes too long to find out. */
  readonly dirty: boolean | null
  /** Against the upstream branch as last fetched; null when there is none. */
  readonly behind: number | null
  readonly ahead: number | null
}

type Tip = Pick<GitHead, 'commit' | 'branch' | 'subject' | 'author' | 'committedAt'>
type Work = Pick<GitHead, 'dirty' | 'behind' | 'ahead'>

interface Known {
  readonly repository: Repository
  glancedAt: number
  key: string
  tip: Tip
  work: Work
  workAt: number
  workCostMs: number
}

/** Answers what is checked out, cheaply enough for every schedule: git runs only when its own files have changed. */
export class GitHeads {
  readonly #git: GitCommand
  readonly #known = new Map<string, Known>()
  /** By top folder: projects in one repository share what is known of it. */
  readonly #roots = new Map<string, Known>()
  readonly #reading = new Map<string, Promise<Known | null>>()
  readonly #looking = new WeakMap<Known, Promise<void>>()
  /** Paths outside git (null), and paths that git cannot read. */
  readonly #absent = new Map<string, { readonly until: number; readonly error: unknown }>()

  constructor(git: GitCommand) {
    this.#git = git
  }

  /** The commit that is checked out at a path; null outside git and before the first commit. Throws GitError. */
  async commit(path: string): Promise<string | null> {
    return (await this.#current(path))?.tip.commit ?? null
  }

  /**
   * null outside git. `dirty` may be some seconds old (it is looked up again in the background), unless `fresh`.
   * Throws GitError (git is missing, refuses the folder …).
   */
  async head(path: string, options: { readonly fresh?: boolean } = {}): Promise<GitHead | null> {
    if (options.fresh === true) this.forget(path)
    const known = await this.#current(path)
    if (known === null) return null
    const age = performance.now() - known.workAt
    const first = known.workAt === Number.NEGATIVE_INFINITY
    if (age > Math.max(STATUS_AGE_MS, known.workCostMs * STATUS_SHARE)) {
      const look = this.#look(known)
      if (first) await look
      // An error of a look in the background is met again, and told, by the next one that waits.
      else look.catch(() => undefined)
    }
    return { ...known.tip, ...known.work }
  }

  /** Forgets what is known of a path and its repository: the next question is answered by git. */
  forget(path: string): void {
    const root = this.#known.get(path)?.repository.root
    this.#absent.delete(path)
    if (root !== undefined) this.forgetRepository(root)
  }

  /** Forgets what is known of the repository with that top folder. */
  forgetRepository(root: string): void {
    this.#roots.delete(root)
    for (const [path, known] of this.#known) if (known.repository.root === root) this.#known.delete(path)
  }

  async #current(path: string): Promise<Known | null> {
    const known = this.#known.get(path)
    if (known !== undefined) {
      const now = performance.now()
      if (now - known.glancedAt < GLANCE_MS) return known
      if ((await refsKey(known.repository, known.tip.branch)) === known.key) {
        known.glancedAt = now
        return known
      }
    }
    const absent = this.#absent.get(path)
    if (absent !== undefined && performance.now() < absent.until) {
      if (absent.error === null) return null
      throw absent.error
    }
    const running = this.#reading.get(path)
    if (running !== undefined) return await running
    const reading = this.#read(path)
      .catch((error: unknown) => {
        this.#known.delete(path)
        this.#absent.set(path, { until: performance.now() + ABSENT_MS, error })
        throw error
      })
      .finally(() => this.#reading.delete(path))
    this.#reading.set(path, reading)
    return await reading
  }

  async #read(path: string): Promise<Known | null> {
    const repository = await findRepository(path)
    if (repository === null) {
      this.#known.delete(path)
      this.#absent.set(path, { until: performance.now() + ABSENT_MS, error: null })
      return null
    }
    const glancedAt = performance.now()
    const branch = await this.#branch(repository)
    // The key is taken first: a change while git reads makes the next question ask again.
    const key = await refsKey(repository, branch)
    const shared = this.#roots.get(repository.root)
    if (shared?.key === key) {
      this.#known.set(path, shared)
      return shared
    }
    const known: Known = {
      repository,
      glancedAt,
      key,
      tip: await this.#tip(repository, branch),
      work: { dirty: null, behind: null, ahead: null },
      workAt: Number.NEGATIVE_INFINITY,
      workCostMs: 0,
    }
    this.#known.set(path, known)
    this.#roots.set(repository.root, known)
    return known
  }

  async #branch(repository: Repository): Promise<string | null> {
    const branch = await branchInHead(repository)
    if (branch !== '.invalid') return branch
    // Refs in one table: HEAD is a stand-in for old gits.
    const args = ['symbolic-ref', '--short', '--quiet', 'HEAD']
    const answer = await this.#git.run(repository.root, args, { timeoutMs: TIP_TIMEOUT_MS })
    return answer.exitCode === 0 ? answer.stdout.trimEnd() : null
  }

  async #tip(repository: Repository, branch: string | null): Promise<Tip> {
    const { root } = repository
    const failed = (detail: string) => reasonText('noTip', { root, detail })
    const args = ['log', '-1', '--no-show-signature', TIP_FORMAT]
    const answer = await this.#git.run(root, args, { timeoutMs: TIP_TIMEOUT_MS })
    if (answer.exitCode !== 0 && /does not have any commits yet/.test(answer.stderr)) {
      return { commit: null, branch, subject: null, author: null, committedAt: null }
    }
    const [commit, subject, author, date] = succeeded(failed, answer, { root }).trimEnd().split('\0')
    if (commit === undefined || date === undefined)
      throw new GitError(failed(reasonText('gitWords', { said: answer.stdout })))
    return { commit, branch, subject: subject ?? '', author: author ?? '', committedAt: new Date(date).toISOString() }
  }

  /** Single flight: `git status` may be slow. */
  #look(known: Known): Promise<void> {
    const running = this.#looking.get(known)
    if (running !== undefined) return running
    const look = this.#work(known).finally(() => this.#looking.delete(known))
    this.#looking.set(known, look)
    return look
  }

  async #work(known: Known): Promise<void> {
    const { root } = known.repository
    const started = performance.now()
    const options = ['--porcelain=v2', '--branch', '-z', '--ahead-behind', '--no-renames', '--ignore-submodules=dirty']
    const args = ['--no-optional-locks', 'status', ...options, '--untracked-files=normal']
    try {
      const answer = await this.#git.run(root, args, { timeoutMs: STATUS_TIMEOUT_MS })
      const status = parseStatus(succeeded((detail) => reasonText('noState', { root, detail }), answer, { root }))
      const dirty = status.changed.length > 0 || (await holdsUntrackedCode(root, status.untracked))
      known.work = { dirty, behind: status.behind, ahead: status.ahead }
    } catch (error) {
      // Too slow: unknown, and not asked again soon.
      if (performance.now() - started < STATUS_TIMEOUT_MS) throw error
      known.work = { ...known.work, dirty: null }
    } finally {
      known.workCostMs = performance.now() - started
      known.workAt = performance.now()
    }
  }
}

async function branchInHead(repository: Repository): Promise<string | null> {
  const text = await readFile(join(repository.gitDir, 'HEAD'), 'utf8').catch((error: unknown) => {
    throw new GitError(reasonText('noHead', { root: repository.root, detail: (error as Error).message }), {
      cause: error,
    })
  })
  return /^ref: refs\/heads\/(.+)$/m.exec(text)?.[1]?.trimEnd() ?? null
}

/** Changes whenever HEAD, its branch or what was fetched may have changed. */
async function refsKey({ gitDir, commonDir }: Repository, branch: string | null): Promise<string> {
  const files = [
    join(gitDir, 'HEAD'),
    join(gitDir, 'logs', 'HEAD'),
    join(gitDir, 'FETCH_HEAD'),
    join(commonDir, 'packed-refs'),
    join(commonDir, 'config'),
    join(commonDir, 'reftable', 'tables.list'),
    ...(branch === null ? [] : [join(commonDir, 'refs', 'heads', branch)]),
  ]
  return (await Promise.all(files.map(stamp))).join(' ')
}

async function stamp(file: string): Promise<string> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true })
    return `${mtimeNs}.${ctimeNs}.${size}.${ino}`
  } catch {
    // Not every repository has every file.
    return '-'
  }
}
