import type { ProjectCode, Pull, SpiderError } from '../api/contract/values.ts'
import type { RunnableCode } from '../jobs/run-spec.ts'

/** One project as this node has it. */
export interface LocalProject {
  readonly name: string
  readonly path: string
  readonly source: 'config' | 'scrapy.cfg' | 'added'
}

/** The spiders of a project as this node's Python loaded them. */
export interface LocalSpiders {
  readonly spiders: readonly { readonly name: string; readonly module: string }[]
  readonly errors: readonly Omit<SpiderError, 'node'>[]
  /** Milliseconds since 1970. */
  readonly listedAt: number
}

/** What a LocalNode needs of the projects on this machine. Everything throws the classes of errors.ts. */
export interface LocalProjects {
  /** Sorted by name. */
  list(): readonly LocalProject[]
  /** Throws ProjectNotFoundError. */
  require(name: string): LocalProject
  /**
   * Throws ProjectNotFoundError, VersionNotFoundError, RunnerError. `refresh` makes the list anew; `looksNow` does not
   * trust a look at the files that was taken a moment ago.
   */
  spiders(
    name: string,
    options?: { readonly version?: string | null; readonly refresh?: boolean; readonly looksNow?: boolean },
  ): Promise<LocalSpiders>
  /** Number of spiders of the last list without making one; null when there is none. */
  knownSpiders(name: string): { readonly count: number; readonly errors: number } | null
  /** Whether the last list has the spider; true while there is no list. */
  hasSpider(name: string, spider: string): boolean
  /** Commits that were current here, newest last; empty for an unknown project. */
  versions(name: string): Promise<readonly string[]>
  /** Exposes a folder (null: the default place). Throws InvalidParameterError and friends. */
  add(name: string, path: string | null): Promise<LocalSpiders>
  remove(name: string): Promise<void>
  code(name: string, options?: { readonly fresh?: boolean }): Promise<ProjectCode>
  /** What a job of that spider runs. Throws with the reason for the job. */
  runnable(
    name: string,
    spider: string,
    version: string | null,
  ): Promise<RunnableCode & { readonly version: string | null }>
  /** Pulls one or all projects; resolves when all are done. `onStep` is told of every change. */
  pull(name: string | null, by: string | null, onStep: (pull: Pull) => void, id?: string): Promise<Pull>
  /** Keeps a pull over many nodes as the one that is shown. */
  recordPull(pull: Pull): Promise<void>
  pulls(name: string): readonly Pull[]
  commits(
    name: string,
    from: string | null,
    to: string | null,
  ): Promise<{ commit: string; subject: string; author: string; at: string }[]>
  /** Ends pulls that are going on. */
  stop(): Promise<void>
}
