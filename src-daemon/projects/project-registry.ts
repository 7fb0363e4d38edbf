import { isAbsolute, join, resolve } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import { projectNameProblem } from '../config/project-name.ts'
import type { ProjectConfig } from '../config/config.ts'
import {
  DirectoryTraversalError,
  InvalidParameterError,
  ProjectNotFoundError,
  ProjectUnusableError,
} from '../errors.ts'
import type { ProjectLocation } from './project-location.ts'
import { cfgStamp, locateProject } from './project-location.ts'
import type { ProjectRow, ProjectStore } from './project-store.ts'

/** A folder that cannot be used is looked at again after this time, not on every request. */
const PROBLEM_MS = 300

/** A project that is in service on this node. */
export interface ExposedProject {
  readonly name: string
  /** Absolute; the folder as configured or added. */
  readonly path: string
  readonly source: 'config' | 'scrapy.cfg' | 'added'
}

/** A project whose code can be found. */
export interface ResolvedProject extends ExposedProject {
  readonly projectDir: string
  readonly settingsModule: string
  /** The interpreter that the configuration names for it; null when it names none. */
  readonly python: string | null
}

/** A project came into service, moved to another folder, or was taken out. */
export interface ProjectChange {
  readonly change: 'added' | 'moved' | 'removed'
  readonly name: string
}

export interface ProjectRegistryParts {
  readonly configured: readonly ProjectConfig[]
  /** Interpreters by project, from `[python]`. */
  readonly python: Readonly<Record<string, string>>
  /** `local_crawler_code_path`. */
  readonly codePath: string | null
  readonly store: ProjectStore
  /** Called after the change is stored. */
  readonly onChange?: (change: ProjectChange) => void
}

type Sight =
  | { readonly path: string; readonly location: ProjectLocation }
  | { readonly path: string; readonly problem: string; readonly until: number }

/** Which projects exist here, and where: those of the configuration, changed by what was said at run time. */
export class ProjectRegistry {
  readonly #parts: ProjectRegistryParts
  readonly #configured: ReadonlyMap<string, ProjectConfig>
  readonly #rows = new Map<string, ProjectRow>()
  /** Names of rows that the configuration has overtaken. */
  readonly #void: string[] = []
  readonly #sights = new Map<string, Sight>()
  readonly #looking = new Map<string, { readonly path: string; readonly sight: Promise<Sight> }>()
  #writes: Promise<unknown> = Promise.resolve()

  constructor(parts: ProjectRegistryParts) {
    this.#parts = parts
    this.#configured = new Map(parts.configured.map((project) => [project.name, project]))
    for (const row of parts.store.rows()) {
      const configured = this.#configured.get(row.name)
      if (configured === undefined || configured.path === row.configuredPath) this.#rows.set(row.name, row)
      else this.#void.push(row.name)
    }
  }

  /** Forgets for good what was said before the path in the configuration changed: a change back does not revive it. */
  async start(): Promise<void> {
    await this.#inOrder(async () => {
      for (const name of this.#void.splice(0)) if (!this.#rows.has(name)) await this.#parts.store.delete(name)
    })
  }

  /** Sorted by name. */
  list(): readonly ExposedProject[] {
    const names = new Set([...this.#configured.keys(), ...this.#rows.keys()])
    return [...names]
      .map((name) => this.find(name))
      .filter((project) => project !== null)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** null when it is not in service. */
  find(name: string): ExposedProject | null {
    const configured = this.#configured.get(name)
    const row = this.#rows.get(name)
    if (row !== undefined) return row.state === 'removed' ? null : { name, path: row.path, source: 'added' }
    return configured === undefined ? null : { name, path: configured.path, source: configured.source }
  }

  /** Throws ProjectNotFoundError. */
  require(name: string): ExposedProject {
    const project = this.find(name)
    if (project === null) throw new ProjectNotFoundError(name)
    return project
  }

  /** The project with the place of its code. Throws ProjectNotFoundError; ProjectUnusableError while there is none. */
  async resolve(name: string): Promise<ResolvedProject> {
    const project = this.require(name)
    const sight = await this.#look(project)
    if ('problem' in sight)
      throw new ProjectUnusableError(reasonText('notUsable', { project: name, detail: sight.problem }))
    return this.#resolved(project, sight.location)
  }

  /**
   * What adding would give, without doing it. Throws InvalidParameterError (and DirectoryTraversalError) in words.
   * Left out, `path` is where the project is or is configured, else its name below `local_crawler_code_path`.
   */
  async candidate(name: string, path: string | null): Promise<ResolvedProject> {
    if (name === '.' || name === '..' || /[/\\]/.test(name)) throw new DirectoryTraversalError(name)
    const problem = projectNameProblem(name)
    if (problem !== null) throw new InvalidParameterError('project', reasonText('badProject', { detail: problem }))
    const folder = this.#folder(name, path)
    const found = await locateProject(name, folder)
    if ('problem' in found) throw badPath(found.problem)
    return this.#resolved({ name, path: folder, source: 'added' }, found.location)
  }

  /** Puts a project into service, or moves it. Nothing changes where it is so already. Throws as `candidate` does. */
  async add(name: string, path: string | null): Promise<ExposedProject> {
    return await this.#inOrder(async () => {
      const candidate = await this.candidate(name, path)
      const before = this.find(name)
      if (before?.path !== candidate.path) {
        const configuredPath = this.#configured.get(name)?.path ?? null
        if (configuredPath === candidate.path) await this.#forget(name)
        else await this.#put({ name, path: candidate.path, state: 'added', configuredPath })
        this.#sights.delete(name)
        this.#parts.onChange?.({ change: before === null ? 'added' : 'moved', name })
      }
      return this.require(name)
    })
  }

  /** Takes a project out of service; its code stays. Throws ProjectNotFoundError. */
  async remove(name: string): Promise<void> {
    await this.#inOrder(async () => {
      const { path } = this.require(name)
      const configured = this.#configured.get(name)
      if (configured === undefined) await this.#forget(name)
      else await this.#put({ name, path, state: 'removed', configuredPath: configured.path })
      this.#sights.delete(name)
      this.#parts.onChange?.({ change: 'removed', name })
    })
  }

  #folder(name: string, path: string | null): string {
    const { codePath } = this.#parts
    if (path !== null && path !== '') {
      if (path.includes('\0')) throw badPath(reasonText('pathHoldsNul'))
      if (isAbsolute(path)) return resolve(path)
      if (codePath !== null) return resolve(codePath, path)
      throw badPath(reasonText('relativePath', { given: path }))
    }
    const known = this.find(name)?.path ?? this.#configured.get(name)?.path
    if (known !== undefined) return known
    if (codePath !== null) return join(codePath, name)
    throw new InvalidParameterError('path', reasonText('pathNeeded'))
  }

  /** Those who ask while somebody looks share what that finds: a flood of requests is one look at the disk. */
  #look(project: ExposedProject): Promise<Sight> {
    const { name, path } = project
    const begun = this.#looking.get(name)
    if (begun?.path === path) return begun.sight
    const sight = this.#lookNow(project).finally(() => {
      if (this.#looking.get(name)?.sight === sight) this.#looking.delete(name)
    })
    this.#looking.set(name, { path, sight })
    return sight
  }

  async #lookNow({ name, path }: ExposedProject): Promise<Sight> {
    const known = this.#sights.get(name)
    if (known?.path === path) {
      if ('problem' in known && performance.now() < known.until) return known
      if ('location' in known && (await cfgStamp(known.location.cfgFile)) === known.location.stamp) return known
    }
    const sight = { path, ...(await locateProject(name, path)), until: performance.now() + PROBLEM_MS }
    this.#sights.set(name, sight)
    return sight
  }

  #resolved(project: ExposedProject, { projectDir, settingsModule }: ProjectLocation): ResolvedProject {
    const { python } = this.#parts
    return {
      ...project,
      projectDir,
      settingsModule,
      python: Object.hasOwn(python, project.name) ? (python[project.name] ?? null) : null,
    }
  }

  /** Changes are made one after the other, each on what the one before has stored. */
  async #inOrder<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#writes.then(change)
    // The next change does not care how this one ended.
    this.#writes = result.catch(() => undefined)
    return await result
  }

  async #put(row: ProjectRow): Promise<void> {
    await this.#parts.store.put(row)
    this.#rows.set(row.name, row)
  }

  async #forget(name: string): Promise<void> {
    await this.#parts.store.delete(name)
    this.#rows.delete(name)
  }
}

function badPath(detail: string): InvalidParameterError {
  return new InvalidParameterError('path', reasonText('badPath', { detail }))
}
