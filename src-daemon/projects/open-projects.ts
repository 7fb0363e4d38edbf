import type { Config } from '../config/config.ts'
import { findPython } from '../runner/interpreter.ts'
import { listSpiders } from '../runner/spider-lister.ts'
import type { SpiderListing } from '../runner/run.ts'
import { GitCode } from './git-code.ts'
import type { ProjectChange, ResolvedProject } from './project-registry.ts'
import { ProjectRegistry } from './project-registry.ts'
import type { ProjectStore, PullStore, SpiderListStore, VersionStore } from './project-store.ts'
import { ProjectVersions } from './project-versions.ts'
import { Projects } from './projects.ts'
import { PullCode } from './pull-code.ts'
import type { SpiderList } from './spider-list.ts'
import { SpiderLists } from './spider-lists.ts'

const LIST_TIMEOUT_MS = 60_000
/** Beyond its own limit, a list is given so much to end its processes. */
const LIST_GRACE_MS = 30_000
const PULL_TIMEOUT_MS = 120_000

/** What the projects of a node are made of. */
export interface OpenProjectsOptions {
  readonly config: Pick<Config, 'cluster' | 'projects' | 'python' | 'spiderModules' | 'scrapyd'>
  readonly stores: {
    readonly projects: ProjectStore
    readonly versions: VersionStore
    readonly pulls: PullStore
    readonly lists?: SpiderListStore
  }
  /** The daemon's environment: git and Python get of it what is safe. */
  readonly env: NodeJS.ProcessEnv
  readonly onProject?: (change: ProjectChange) => void
  readonly onSpiders?: (name: string, list: SpiderList | null) => void
  readonly onProblem?: (message: string, cause: unknown) => void
  /** How spiders are listed; the runner's `list` unless told. */
  readonly list?: (project: ResolvedProject, python: string) => Promise<SpiderListing>
}

/** Wires the projects of a node, and clears away what the configuration has overtaken. */
export async function openProjects(options: OpenProjectsOptions): Promise<Projects> {
  const { config, stores, env } = options
  const { cluster, scrapyd } = config
  const git = new GitCode(env)
  const registry = new ProjectRegistry({
    configured: config.projects,
    python: config.python,
    codePath: cluster.localCrawlerCodePath,
    store: stores.projects,
    ...(options.onProject && { onChange: options.onProject }),
  })
  const list = options.list ?? ((project, python) => listSpiders({ ...listed(project), python, env }))
  const lists = new SpiderLists({
    resolve: (name) => registry.resolve(name),
    list: (project) => list(project, findPython(project.projectDir, project.python, scrapyd.python)),
    timeoutMs: LIST_TIMEOUT_MS + LIST_GRACE_MS,
    ...(stores.lists && { store: stores.lists }),
    ...(options.onSpiders && { onChange: options.onSpiders }),
    ...(options.onProblem && { onProblem: options.onProblem }),
  })
  const now = () => Date.now()
  const commit = (name: string) => git.commit(registry.require(name).path)
  const versions = new ProjectVersions({ commit, store: stores.versions, now })
  const pullCode = new PullCode({
    nodeName: cluster.nodeName,
    enabled: cluster.pullCodeByGit,
    branch: cluster.branch,
    timeoutMs: PULL_TIMEOUT_MS,
    git,
    store: stores.pulls,
    now,
    afterPull: async (name, before, after) => {
      for (const seen of [before, after]) if (seen !== null) await versions.note(name, seen)
      await (before === after ? lists.get(name) : lists.refresh(name))
    },
  })
  await registry.start()
  return new Projects({
    registry,
    lists,
    versions,
    git,
    pullCode,
    pulls: stores.pulls,
    python: scrapyd.python,
    // Own properties only: a project may be called `constructor`.
    importsAll: (name) => Object.hasOwn(config.spiderModules, name) && config.spiderModules[name] === 'all',
  })
}

function listed({ name, projectDir, settingsModule }: ResolvedProject) {
  return { project: name, projectDir, settingsModule, timeoutMs: LIST_TIMEOUT_MS }
}
