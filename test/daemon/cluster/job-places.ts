import type { FolderRow, TreeKind } from '../../../src-daemon/api/ports.ts'
import type { JobPlace, JobPlaces } from '../../../src-daemon/cluster/job-places.ts'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'

/** Places that a test sets. */
export class TestPlaces implements JobPlaces {
  readonly jobs = new Map<string, JobPlace>()
  readonly files = new Map<string, NodeTarget>()
  readonly rows = new Map<string, readonly FolderRow[]>()
  itemsThere = false
  readonly #listeners = new Set<(key: string) => void>()

  where(key: string): JobPlace | null {
    return this.jobs.get(key) ?? null
  }

  whereIs(project: string, spider: string, file: string): NodeTarget | null {
    return this.files.get(`${project}/${spider}/${file}`) ?? null
  }

  folders(kind: TreeKind, segments: readonly string[]): readonly FolderRow[] {
    return this.rows.get([kind, ...segments].join('/')) ?? []
  }

  hasItems(): boolean {
    return this.itemsThere
  }

  onMoved(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get listeners(): number {
    return this.#listeners.size
  }

  move(key: string, place: JobPlace): void {
    this.jobs.set(key, place)
    for (const listener of this.#listeners) listener(key)
  }
}

/** A place on a node. */
export function placeOn(target: NodeTarget, isFinished = false): JobPlace {
  return { kind: 'node', target, project: 'p', spider: '云 s', id: 'j-1', isFinished }
}
