import type { FolderRow, TreeKind } from '../api/ports.ts'
import type { NodeTarget } from './node-target.ts'

/** Where a job is or was run, and so where its files lie. */
export type JobPlace =
  | { readonly kind: 'local' }
  /** It waits in the master's queue: there is no file yet. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'node'
      readonly target: NodeTarget
      readonly project: string
      readonly spider: string
      /** The public id, which its files are named after. */
      readonly id: string
      readonly isFinished: boolean
    }
  /** On a node that is not in the cluster any more. */
  | { readonly kind: 'gone'; readonly node: string }

/** What the master's ledger knows of where files lie. Everything is answered at once, without asking a node. */
export interface JobPlaces {
  /** null = there is no such job. */
  where(key: string): JobPlace | null
  /**
   * The node of the newest job of that project and spider whose file (`<id>.log`, `<id>.jl`, `<id>.json` …) this is; null when that job
   * was run here, waits, or is not known.
   */
  whereIs(project: string, spider: string, file: string): NodeTarget | null
  /**
   * What jobs on other nodes add to a folder: projects below the root, spiders below a project, files below a spider (as
   * far as they can be there still, and a bounded number).
   */
  folders(kind: TreeKind, segments: readonly string[]): readonly FolderRow[]
  /** Whether jobs on other nodes have stored items. */
  hasItems(): boolean
  /** Calls back when a job was given to a node, taken back, or begins to run here. Returns the way to stop. */
  onMoved(listener: (key: string) => void): () => void
}
