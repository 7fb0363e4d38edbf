import type { ProjectCode, Pull } from '../api/contract/values.ts'
import { SpiderNotFoundError } from '../errors.ts'
import { findPython } from '../runner/interpreter.ts'
import type { ListedSpider, SpiderLoadError } from '../runner/run.ts'
import type { GitCode, GitCommit } from './git-code.ts'
import type { ExposedProject, ProjectRegistry } from './project-registry.ts'
import type { PullStore } from './project-store.ts'
import type { ProjectVersions } from './project-versions.ts'
import type { PullCode } from './pull-code.ts'
import type { SpiderList } from './spider-list.ts'
import { moduleOf, uniqueSpiders } from './spider-list.ts'
import type { SpiderLists } from './spider-lists.ts'

/** What is wrong travels with every ping; Python's whole traceback is told by the spider list. */
const MAX_PROBLEM = 2_000

export interface ProjectsParts {
  readonly registry: ProjectRegistry
  readonly lists: SpiderLists
  readonly versions: ProjectVersions
  readonly git: Pick<GitCode, 'commit' | 'commits' | 'head'>
  readonly pullCode: PullCode
  readonly pulls: PullStore
  /** `python` of the configuration: for projects that neither name an interpreter nor have their own. */
  readonly python: string
  /** Whether the jobs of a project import all of its spider modules, as Scrapy does, not only that of their spider. */
  readonly importsAll: (project: string) => boolean
}

/** The spiders of a project as this node's Python loaded them. */
export interface ProjectSpiders {
  readonly spiders: readonly ListedSpider[]
  readonly errors: readonly SpiderLoadError[]
  /** Milliseconds since 1970. */
  readonly listedAt: number
}

/** What a job of a spider runs. */
export interface RunnableSpider {
  readonly projectDir: string
  readonly settingsModule: string
  readonly python: string
  /** The only module that has to be imported; null: all. */
  readonly spiderModule: string | null
  /** Names the code as it is on disk now: a process that has loaded it serves this value only. null: it is just changing. */
  readonly codeVersion: string | null
  /** The commit that is checked out; null outside git. */
  readonly version: string | null
}

/** The projects on this machine: one door to where they are, their spiders, their commits, their pulls. */
export class Projects {
  readonly #parts: ProjectsParts

  constructor(parts: ProjectsParts) {
    this.#parts = parts
  }

  /** Sorted by name. */
  list(): readonly ExposedProject[] {
    return this.#parts.registry.list()
  }

  /** Throws ProjectNotFoundError. */
  require(name: string): ExposedProject {
    return this.#parts.registry.require(name)
  }

  /**
   * Made anew when the code has changed, or when told to. Throws ProjectNotFoundError, VersionNotFoundError,
   * ProjectUnusableError, RunnerError.
   */
  async spiders(
    name: string,
    options: { readonly version?: string | null; readonly refresh?: boolean; readonly looksNow?: boolean } = {},
  ): Promise<ProjectSpiders> {
    const { registry, lists, versions } = this.#parts
    registry.require(name)
    if (options.version != null) await versions.require(name, options.version)
    return spidersOf(options.refresh === true ? await lists.refresh(name) : await lists.get(name, options))
  }

  /** Of the last list, without making one; null when there is none. */
  knownSpiders(name: string): { readonly count: number; readonly errors: number } | null {
    const known = this.#parts.lists.known(name)
    return known === null ? null : { count: countOf(known), errors: known.listing.errors.length }
  }

  /** Whether the last list has the spider; true while there is none, so that the start itself says what is wrong. */
  hasSpider(name: string, spider: string): boolean {
    const known = this.#parts.lists.known(name)
    return known === null || known.listing.spiders.some((listed) => listed.name === spider)
  }

  /** Commits that were current here, newest last; none for an unknown project. */
  async versions(name: string): Promise<readonly string[]> {
    return this.#parts.registry.find(name) === null ? [] : await this.#parts.versions.list(name)
  }

  /**
   * Puts a folder into service, once its spiders could be listed. Throws InvalidParameterError, RunnerError: then nothing has
   * changed.
   */
  async add(name: string, path: string | null): Promise<ProjectSpiders> {
    const { registry, lists } = this.#parts
    try {
      const list = await lists.tryOut(await registry.candidate(name, path))
      await registry.add(name, path)
      return spidersOf(list)
    } catch (error) {
      if (registry.find(name) === null) await lists.forget(name)
      throw error
    }
  }

  /** Takes a project out of service; its code stays on disk. Throws ProjectNotFoundError. */
  async remove(name: string): Promise<void> {
    await this.#parts.registry.remove(name)
    await this.#parts.lists.forget(name)
  }

  /** Its code here, and what is wrong with it, in words. `fresh` reads git anew. Throws ProjectNotFoundError. */
  async code(name: string, options: { readonly fresh?: boolean } = {}): Promise<ProjectCode> {
    const { registry, git, lists } = this.#parts
    const { path } = registry.require(name)
    const problems: string[] = []
    const told = (error: unknown) => {
      problems.push((error as Error).message)
      return null
    }
    const [head] = await Promise.all([git.head(path, options).catch(told), registry.resolve(name).catch(told)])
    const known = lists.known(name)
    const unlisted = lists.problem(name)
    if (unlisted !== null && problems.length === 0) problems.push(unlisted.message.slice(0, MAX_PROBLEM))
    return {
      project: name,
      path,
      commit: head?.commit ?? null,
      branch: head?.branch ?? null,
      subject: head?.subject ?? null,
      author: head?.author ?? null,
      committed_at: head?.committedAt ?? null,
      dirty: head?.dirty ?? null,
      behind: head?.behind ?? null,
      ahead: head?.ahead ?? null,
      spiders: known === null ? null : countOf(known),
      error: problems.length === 0 ? null : problems.join('; '),
    }
  }

  /** Throws, with the reason for the job, where the spider cannot be run. */
  async runnable(name: string, spider: string, version: string | null): Promise<RunnableSpider> {
    const { registry, lists, versions, python, importsAll } = this.#parts
    const project = await registry.resolve(name)
    const commit = await versions.require(name, version)
    const has = ({ listing }: SpiderList) => listing.spiders.some((listed) => listed.name === spider)
    let list = await lists.get(name)
    // It may have come with code that is newer than the last look at the files.
    if (!has(list)) list = await lists.get(name, { looksNow: true })
    if (!has(list)) {
      const { errors } = list.listing
      throw new SpiderNotFoundError(
        spider,
        errors.map(({ module }) => module),
      )
    }
    const { listing, fingerprint } = list
    const { projectDir, settingsModule } = project
    return {
      projectDir,
      settingsModule,
      python: findPython(projectDir, project.python, python),
      spiderModule: importsAll(name) ? null : moduleOf(listing, spider),
      codeVersion: codeVersionOf(commit, fingerprint),
      version: commit,
    }
  }

  /** Names the code of a project as it is on disk now; null while it is changing. Throws as `spiders` does. */
  async codeVersion(name: string): Promise<string | null> {
    const { lists, versions } = this.#parts
    return codeVersionOf(await versions.require(name, null), (await lists.get(name)).fingerprint)
  }

  /**
   * Pulls one project, or all (null). Resolves when all is done; failures are in the steps. Throws NotSupportedError.
   * @param id of the pull over many nodes that this is a part of, and under which `recordPull` will keep the whole
   */
  async pull(name: string | null, by: string | null, onStep: (pull: Pull) => void, id?: string): Promise<Pull> {
    const projects = name === null ? this.list() : [this.require(name)]
    return await this.#parts.pullCode.pull({ id, projects, named: name !== null, by, onStep })
  }

  /** Keeps a pull over many nodes, of which this node's was a part. */
  async recordPull(pull: Pull): Promise<void> {
    await this.#parts.pulls.save(pull)
  }

  /** Ends pulls that wait for a remote; one that is changing files is waited for. */
  async stop(): Promise<void> {
    await this.#parts.pullCode.stop()
  }

  /** The last pulls that a project was part of, newest first. */
  pulls(name: string): readonly Pull[] {
    return this.#parts.pulls.last(name)
  }

  /** Throws ProjectNotFoundError, InvalidParameterError, GitError. */
  async commits(name: string, from: string | null, to: string | null): Promise<GitCommit[]> {
    return await this.#parts.git.commits(this.require(name).path, from, to)
  }
}

function spidersOf({ listing, listedAt }: SpiderList): ProjectSpiders {
  return { spiders: uniqueSpiders(listing), errors: listing.errors, listedAt }
}

function countOf({ listing }: SpiderList): number {
  return uniqueSpiders(listing).length
}

function codeVersionOf(commit: string | null, fingerprint: string | null): string | null {
  if (fingerprint === null) return null
  return `${commit === null ? '' : `${commit.slice(0, 12)}-`}${fingerprint.slice(0, 16)}`
}
