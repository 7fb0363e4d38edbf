import type { Pull } from '../api/contract/values.ts'
import type { SpiderListing } from '../runner/run.ts'

/** What was said at run time about a project, over the configuration file. */
export interface ProjectRow {
  readonly name: string
  readonly path: string
  readonly state: 'added' | 'removed'
  /** The path that the configuration gave when this was said (null: none); another one there makes the row void. */
  readonly configuredPath: string | null
}

/** Keeps additions and removals of projects. Writes are durable when they resolve. */
export interface ProjectStore {
  /** All rows; read once, at start. */
  rows(): readonly ProjectRow[]
  /** Inserts or replaces the row of that name. */
  put(row: ProjectRow): Promise<void>
  /** Does nothing when there is no such row. */
  delete(name: string): Promise<void>
}

/** Keeps the commits that were current here. */
export interface VersionStore {
  /** Newest last; empty for a project that was never seen under git. */
  versions(project: string): readonly string[]
  /** Makes the commit the last one; one that is known already moves to the end. `seenAt`: milliseconds since 1970. */
  record(project: string, commit: string, seenAt: number): Promise<void>
}

/** Keeps how pulls went. */
export interface PullStore {
  save(pull: Pull): Promise<void>
  /** The last pulls that a project was part of, newest first, at most 50. */
  last(project: string): readonly Pull[]
}

/** A spider list with the state of the code it was made from. */
export interface StoredSpiderList {
  /** Names the place (folder, settings module, interpreter); a list of another place is of no use. */
  readonly place: string
  /** Of the files that the listing names, as they were. */
  readonly fingerprint: string
  /** Milliseconds since 1970. */
  readonly listedAt: number
  readonly listing: SpiderListing
}

/** Keeps spider lists, so that a restarted daemon can answer at once. Losing them costs nothing but time. */
export interface SpiderListStore {
  load(project: string): StoredSpiderList | null
  save(project: string, list: StoredSpiderList): Promise<void>
  delete(project: string): Promise<void>
}
