import { randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { reasonText } from '../api/contract/reasons.ts'
import type { Pull } from '../api/contract/values.ts'
import { NotSupportedError } from '../errors.ts'
import type { GitCode } from './git-code.ts'
import type { PullFindings } from './git-pull.ts'
import { PullError } from './git-pull.ts'
import { Limit } from './limit.ts'
import type { ExposedProject } from './project-registry.ts'
import type { PullStore } from './project-store.ts'
import { PullProgress } from './pull-progress.ts'

/** Repositories that are pulled at a time. */
const AT_ONCE = 4

/** What a pull is asked for. */
export interface PullRequest {
  /** Of the pull over many nodes that this is a part of; left out: one of its own. */
  readonly id?: string | undefined
  readonly projects: readonly ExposedProject[]
  /** Whether the projects were named; where all are meant, those that are not under git are just passed over. */
  readonly named: boolean
  readonly by: string | null
  /** Called with the whole pull at every change. */
  readonly onStep: (pull: Pull) => void
}

export interface PullCodeParts {
  readonly nodeName: string
  /** `pull_code_by_git`. */
  readonly enabled: boolean
  /** `branch`; null: the one that is checked out. */
  readonly branch: string | null
  /** For all that waits for a remote, per repository. */
  readonly timeoutMs: number
  readonly git: Pick<GitCode, 'pull' | 'repositoryOf'>
  readonly store: PullStore
  /** The code of a project may be another now: lists its spiders. Throws with the reason where that fails. */
  readonly afterPull: (project: string, before: string | null, after: string | null) => Promise<void>
  readonly now: () => number
}

interface Group {
  readonly path: string
  readonly names: string[]
  /** There is a folder, and it is under no git. */
  readonly isPlain: boolean
}

/** Pulls the code of projects on this node: every repository once, whatever the number of projects in it. */
export class PullCode {
  readonly #parts: PullCodeParts
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(parts: PullCodeParts) {
    this.#parts = parts
  }

  /** Resolves when all are done; what failed is told by its step. Throws NotSupportedError where pulling is switched off. */
  async pull(request: PullRequest): Promise<Pull> {
    const { nodeName, enabled, now, store } = this.#parts
    if (!enabled) throw new NotSupportedError(reasonText('pullOff', { node: nodeName }))
    const projects = request.projects.map(({ name }) => name)
    const pull = { id: request.id ?? randomUUID(), projects, started_at: new Date(now()).toISOString(), by: request.by }
    const progress = new PullProgress(pull, nodeName, request.onStep)
    const limit = new Limit(AT_ONCE)
    const groups = await this.#groups(request.projects)
    const work = Promise.all(groups.map((group) => limit.run(() => this.#pullGroup(group, request, progress))))
    this.#running.add(work)
    await work.finally(() => this.#running.delete(work))
    const result = progress.end(new Date(now()).toISOString())
    await store.save(result)
    return result
  }

  /** Ends what waits for a remote; a change of files is waited for. Pulls that are asked for afterwards fail. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled(this.#running)
  }

  async #groups(projects: readonly ExposedProject[]): Promise<Group[]> {
    const groups = new Map<string, Group>()
    for (const { name, path } of projects) {
      const repository = await this.#parts.git.repositoryOf(path)
      const key = repository?.root ?? `not under git: ${name}`
      const group = groups.get(key) ?? { path, names: [], isPlain: repository === null && (await exists(path)) }
      group.names.push(name)
      groups.set(key, group)
    }
    return [...groups.values()]
  }

  async #pullGroup({ path, names, isPlain }: Group, request: PullRequest, progress: PullProgress): Promise<void> {
    if (isPlain && !request.named) {
      progress.set(names, { state: 'ok', message: reasonText('nothingToPull', { path }) })
      return
    }
    progress.set(names, { state: 'running', message: 'pulling' })
    try {
      const { message, ...found } = await this.#parts.git.pull(path, {
        branch: this.#parts.branch,
        timeoutMs: this.#parts.timeoutMs,
        signal: this.#stopping.signal,
        onOutput: (text) => progress.print(names, text),
      })
      progress.set(names, { ...found, message: 'listing spiders' })
      await Promise.all(names.map((name) => this.#finish(name, message, found, progress)))
    } catch (error) {
      const found = error instanceof PullError ? error.progress : {}
      progress.set(names, { ...found, state: 'error', message: (error as Error).message })
    }
  }

  async #finish(name: string, message: string, found: Readonly<PullFindings>, progress: PullProgress): Promise<void> {
    try {
      await this.#parts.afterPull(name, found.before, found.after)
      progress.set([name], { state: 'ok', message })
    } catch (error) {
      // The code is there, but it cannot be run: whoever pulled it wants to know that first.
      const words = reasonText('pulledBut', { pulled: message, detail: (error as Error).message })
      progress.set([name], { state: 'error', message: words })
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // Gone, or not for us: pulling it tells which.
    return false
  }
}
