import type { Pull } from '../../../src-daemon/api/contract/values.ts'
import type {
  ProjectRow,
  ProjectStore,
  PullStore,
  SpiderListStore,
  StoredSpiderList,
  VersionStore,
} from '../../../src-daemon/projects/project-store.ts'

/** The stores of the projects in memory; a new registry on the same stores is a restarted daemon. */
export class MemoryStores {
  readonly rows = new Map<string, ProjectRow>()
  readonly seen = new Map<string, string[]>()
  readonly stored = new Map<string, StoredSpiderList>()
  readonly pullsDone: Pull[] = []
  /** Set to let the next writes fail. */
  failure: Error | null = null

  readonly projects: ProjectStore = {
    rows: () => [...this.rows.values()],
    put: async (row) => this.#write(() => this.rows.set(row.name, row)),
    delete: async (name) => this.#write(() => this.rows.delete(name)),
  }

  readonly versions: VersionStore = {
    versions: (project) => this.seen.get(project) ?? [],
    record: async (project, commit) => {
      const others = (this.seen.get(project) ?? []).filter((known) => known !== commit)
      this.#write(() => this.seen.set(project, [...others, commit]))
    },
  }

  readonly lists: SpiderListStore = {
    load: (project) => this.stored.get(project) ?? null,
    save: async (project, list) => this.#write(() => this.stored.set(project, structuredClone(list))),
    delete: async (project) => this.#write(() => this.stored.delete(project)),
  }

  readonly pulls: PullStore = {
    save: async (pull) => this.#write(() => this.pullsDone.unshift(pull)),
    last: (project) => this.pullsDone.filter((pull) => pull.projects.includes(project)),
  }

  #write(change: () => void): void {
    if (this.failure !== null) throw this.failure
    change()
  }
}
