import type { FileTree, FolderRow, TreeEntry, TreeKind } from '../api/ports.ts'
import { FileNotFoundError, JobNotFoundError } from '../errors.ts'
import { hrefOf } from './forward-path.ts'
import type { Forwards } from './forwards.ts'
import type { JobPlaces } from './job-places.ts'
import { forwardScrapydLog } from './scrapyd-log-forward.ts'

export interface ClusterFileTreeParts {
  /** This node's disk. */
  readonly local: FileTree
  readonly places: JobPlaces
  readonly forwards: Pick<Forwards, 'forwardTo'>
}

/** `/logs/` and `/items/` of the whole cluster: what lies on another node is streamed from there. */
export class ClusterFileTree implements FileTree {
  readonly #local: FileTree
  readonly #places: JobPlaces
  readonly #forwards: Pick<Forwards, 'forwardTo'>

  constructor({ local, places, forwards }: ClusterFileTreeParts) {
    this.#local = local
    this.#places = places
    this.#forwards = forwards
  }

  get hasItems(): boolean {
    return this.#local.hasItems || this.#places.hasItems()
  }

  /** Of a file that several nodes have, the one of the newest job. */
  async find(kind: TreeKind, segments: readonly string[]): Promise<TreeEntry | null> {
    const [project, spider, file] = segments
    if (project !== undefined && spider !== undefined && file !== undefined) {
      const target = segments.length === 3 ? this.#places.whereIs(project, spider, file) : null
      if (target === null) return this.#local.find(kind, segments)
      const path = hrefOf(kind, segments, false)
      return {
        kind: 'remote',
        forward: (request, response) => this.#forwards.forwardTo(target, path, request, response),
      }
    }
    const local = await this.#local.find(kind, segments)
    const remote = this.#places.folders(kind, segments)
    if (local?.kind === 'file' || (remote.length === 0 && (local !== null || segments.length > 0))) return local
    return { kind: 'folder', entries: merged(local?.kind === 'folder' ? local.entries : [], remote) }
  }

  async ofJob(kind: 'log' | 'output', key: string): Promise<Exclude<TreeEntry, { kind: 'folder' }>> {
    const place = this.#places.where(key)
    if (place === null) throw new JobNotFoundError(key)
    switch (place.kind) {
      case 'local':
        return this.#local.ofJob(kind, key)
      case 'waiting':
        throw new FileNotFoundError(`job '${key}' has no ${kind} yet: it waits in the queue`)
      case 'gone':
        throw new FileNotFoundError(`job '${key}' was run on ${place.node}, which is not in the cluster any more`)
      case 'node':
    }
    const { target } = place
    if (target.kind !== 'scrapyd') {
      return {
        kind: 'remote',
        forward: (request, response) => {
          const [, query] = /(\?.*)$/s.exec(request.url ?? '') ?? []
          const path = `/api/jobs/${encodeURIComponent(key)}/${kind}${query ?? ''}`
          this.#forwards.forwardTo(target, path, request, response, { problems: true })
        },
      }
    }
    if (kind === 'output') throw new FileNotFoundError(`${target.name}, a stock Scrapyd, keeps nothing but the log`)
    return {
      kind: 'remote',
      forward: (request, response) => void forwardScrapydLog(this.#forwards, place, request, response),
    }
  }
}

/** Rows by name; what is here counts, since its size is known. */
function merged(local: readonly FolderRow[], remote: readonly FolderRow[]): FolderRow[] {
  const rows = new Map(remote.map((row) => [row.name, row]))
  for (const row of local) rows.set(row.name, row)
  return [...rows.values()]
}
