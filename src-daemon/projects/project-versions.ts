import { VersionNotFoundError } from '../errors.ts'
import type { VersionStore } from './project-store.ts'

/** The shortest piece of a commit's hash that names it (git's own default). */
const SHORTEST = 7

export interface ProjectVersionsParts {
  /** The commit that is checked out for a project; null outside git. Throws GitError. */
  readonly commit: (project: string) => Promise<string | null>
  readonly store: VersionStore
  readonly now: () => number
}

/** Which commits were current here: a version, where Scrapyd had the number of an egg. */
export class ProjectVersions {
  readonly #parts: ProjectVersionsParts
  readonly #last = new Map<string, string>()

  constructor(parts: ProjectVersionsParts) {
    this.#parts = parts
  }

  /** The commit that is checked out now, noted when it is another than before; null outside git. Throws GitError. */
  async current(project: string): Promise<string | null> {
    const commit = await this.#parts.commit(project)
    if (commit !== null) await this.note(project, commit)
    return commit
  }

  /** Newest last. Throws GitError. */
  async list(project: string): Promise<readonly string[]> {
    await this.current(project)
    return this.#parts.store.versions(project)
  }

  /**
   * The commit that is checked out now, when it is the version that is asked for (null: any). Throws VersionNotFoundError:
   * never an old number with new code. Where git fails and no version is asked for, it is just not known.
   */
  async require(project: string, version: string | null): Promise<string | null> {
    if (version === null || version === '') {
      // A git that cannot be read must not keep spiders from running.
      return await this.current(project).catch(() => null)
    }
    const commit = await this.current(project)
    if (commit === null || !isNameOf(version, commit)) throw new VersionNotFoundError(version)
    return commit
  }

  /** Keeps a commit that is, or just was, current. */
  async note(project: string, commit: string): Promise<void> {
    const last = this.#last.get(project) ?? this.#parts.store.versions(project).at(-1)
    if (last === commit) return
    await this.#parts.store.record(project, commit, this.#parts.now())
    this.#last.set(project, commit)
  }
}

/** Whether a version that is asked for is that commit: its hash, or a piece of it that names it. */
export function isNameOf(version: string, commit: string): boolean {
  return version.length >= SHORTEST && commit.startsWith(version.toLowerCase())
}
