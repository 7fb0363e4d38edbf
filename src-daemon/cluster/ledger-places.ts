import type { FolderRow, TreeKind } from '../api/ports.ts'
import type { EventStore } from '../storage/events.ts'
import { LOCAL_NODE, type JobStore } from '../storage/jobs.ts'
import type { RemoteJobs } from '../storage/remote-jobs.ts'
import type { Writer } from '../storage/writer.ts'
import type { JobPlace, JobPlaces } from './job-places.ts'
import type { NodeTarget } from './node-target.ts'
import type { Nodes } from './nodes.ts'

const ITEMS_BELIEVED_MS = 10_000
/** Its log and items, packed or not, and what tools put beside them (LogParser: `<id>.json`). */
const FILE_OF_JOB = /^(.+)\.(?:log|txt|jl|json|csv|xml)(?:\.gz)?$/

export interface LedgerPlacesParts {
  readonly jobs: JobStore
  readonly remote: RemoteJobs
  readonly events: EventStore
  readonly writer: Writer
  readonly nodes: Nodes
  readonly target: (nodeId: string) => NodeTarget
}

/** Where the files of the cluster's jobs lie, out of the master's ledger. */
export class LedgerPlaces implements JobPlaces {
  readonly #parts: LedgerPlacesParts
  readonly #listeners = new Set<(key: string) => void>()
  #seq = 0
  #unsubscribe: (() => void) | null = null
  #items = { value: false, until: 0 }

  constructor(parts: LedgerPlacesParts) {
    this.#parts = parts
  }

  where(key: string): JobPlace | null {
    const row = this.#parts.jobs.get(key)
    if (row === null) return null
    if (row.node_id === LOCAL_NODE) return { kind: 'local' }
    if (row.node_id === null) {
      // Ended before any node had it: nothing was ever written, and this node says so.
      return row.state === 'finished' ? { kind: 'local' } : { kind: 'waiting' }
    }
    if (this.#parts.nodes.get(row.node_id) === null) return { kind: 'gone', node: row.node ?? row.node_id }
    const { project, spider, id } = row
    const target = this.#parts.target(row.node_id)
    return { kind: 'node', target, project, spider, id, isFinished: row.state === 'finished' }
  }

  whereIs(project: string, spider: string, file: string): NodeTarget | null {
    const [, id] = FILE_OF_JOB.exec(file) ?? []
    if (id === undefined) return null
    const row = this.#parts.remote.newest(project, spider, id)
    if (row === null || row.node_id === null || row.node_id === LOCAL_NODE) return null
    return this.#parts.nodes.get(row.node_id) === null ? null : this.#parts.target(row.node_id)
  }

  folders(kind: TreeKind, segments: readonly string[]): readonly FolderRow[] {
    const { remote } = this.#parts
    const folder = (name: string) => ({ name, folder: true, size: 0, modifiedAt: 0 })
    const [project, spider] = segments
    if (project === undefined) return remote.projects().map(folder)
    if (spider === undefined) return remote.spiders(project).map(folder)
    if (segments.length > 2) return []
    const extension = kind === 'logs' ? 'log' : 'jl'
    return remote
      .files(project, spider, kind === 'items')
      .map(({ id, at }) => ({ name: `${id}.${extension}`, folder: false, size: 0, modifiedAt: at }))
  }

  hasItems(): boolean {
    const now = performance.now()
    if (now > this.#items.until) {
      this.#items = { value: this.#parts.remote.hasItems(), until: now + ITEMS_BELIEVED_MS }
    }
    return this.#items.value
  }

  onMoved(listener: (key: string) => void): () => void {
    if (this.#listeners.size === 0) this.#watch()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#unsubscribe?.()
    }
  }

  /** Reads the events of each commit, as long as somebody wants to know. */
  #watch(): void {
    const { events, remote, writer } = this.#parts
    this.#seq = events.head()
    this.#unsubscribe = writer.onCommit(() => {
      const { seq, keys } = remote.changedAfter(this.#seq)
      this.#seq = seq
      for (const key of new Set(keys)) for (const listener of this.#listeners) listener(key)
    })
  }
}
