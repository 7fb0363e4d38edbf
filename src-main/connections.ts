import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { ConflictError, NodeNotFoundError } from '../src-daemon/errors.ts'
import type { Address } from './connection-test.ts'
import { testConnection } from './connection-test.ts'
import {
  savedCluster,
  type ClusterDraft,
  type ClusterEntry,
  type SavedCluster,
  type TestResult,
} from './ipc-contract.ts'
import type { JsonFile } from './json-file.ts'
import type { Passwords } from './passwords.ts'

/** The saved clusters, and the one that was open last (`local` is the master on this computer). */
export const clustersFile = z.object({ clusters: z.array(savedCluster), last: z.string().nullable() })
export type ClustersFile = z.infer<typeof clustersFile>

/** What is exchanged between computers: no passwords, and no ids of ours. */
export const exportedClusters = z.object({
  format: z.literal('scrapyd-service-clusters'),
  clusters: z.array(savedCluster.omit({ id: true })).max(1_000),
})

interface ConnectionsOptions {
  readonly file: JsonFile<ClustersFile>
  readonly passwords: Passwords
  readonly onChange: (clusters: readonly ClusterEntry[]) => void
}

/** The saved clusters, with what each of them last answered. */
export class Connections {
  readonly #file: JsonFile<ClustersFile>
  readonly #passwords: Passwords
  readonly #onChange: (clusters: readonly ClusterEntry[]) => void
  readonly #results = new Map<string, TestResult>()
  readonly #asking = new Set<string>()
  #state: ClustersFile

  constructor({ file, passwords, onChange }: ConnectionsOptions) {
    this.#file = file
    this.#passwords = passwords
    this.#onChange = onChange
    const { clusters, last } = file.read()
    // A file that was edited by hand must not keep the app from starting.
    const isKnown = last === 'local' || clusters.some(({ id }) => id === last)
    this.#state = { clusters, last: isKnown ? last : null }
  }

  get last(): string | null {
    return this.#state.last
  }

  set last(id: string | null) {
    if (this.#state.last !== id) this.#write({ ...this.#state, last: id })
  }

  list(): readonly ClusterEntry[] {
    return this.#state.clusters.map((cluster) => this.#entry(cluster))
  }

  get(id: string): SavedCluster {
    const found = this.#state.clusters.find((cluster) => cluster.id === id)
    if (found === undefined) throw new NodeNotFoundError(id)
    return found
  }

  /** Saves a cluster, new or changed. A password that was stored for another address is forgotten, not sent there. */
  save({ password, ...draft }: ClusterDraft): ClusterEntry {
    const { clusters } = this.#state
    const cluster: SavedCluster = { ...draft, id: draft.id ?? randomUUID(), url: draft.url.replace(/\/+$/, '') }
    if (clusters.some(({ id, name }) => id !== cluster.id && name === cluster.name)) {
      throw new ConflictError(`There is a cluster of the name ${cluster.name} already.`)
    }
    const before = clusters.find(({ id }) => id === cluster.id)
    if (before !== undefined && !isSameDoor(before, cluster)) this.#passwords.remove(cluster.id)
    if (cluster.username === '') this.#passwords.remove(cluster.id)
    else if (password !== null) this.#passwords.set(cluster.id, password)
    this.#results.delete(cluster.id)
    this.#write({
      ...this.#state,
      clusters: before === undefined ? [...clusters, cluster] : clusters.map((one) => (one === before ? cluster : one)),
    })
    return this.#entry(cluster)
  }

  remove(id: string): void {
    const { clusters, last } = this.#state
    this.#passwords.remove(id)
    this.#results.delete(id)
    this.#write({ clusters: clusters.filter((cluster) => cluster.id !== id), last: last === id ? null : last })
  }

  /** How to reach a saved cluster; `password` instead of the stored one. */
  address(id: string, password: string | null = null): Address {
    const cluster = this.get(id)
    return { ...cluster, password: password ?? this.#passwords.get(id) }
  }

  /** Tries what a form says; the stored password counts only for the address that it was stored for. */
  async test(draft: ClusterDraft): Promise<TestResult> {
    const saved = this.#state.clusters.find(({ id }) => id === draft.id)
    const stored = saved !== undefined && isSameDoor(saved, draft) ? this.#passwords.get(saved.id) : null
    return testConnection({ ...draft, password: draft.password ?? stored })
  }

  /** Tries a saved cluster, and keeps what it says. A password that was typed is kept once it was right. */
  async try(id: string, password: string | null = null): Promise<TestResult> {
    this.#asking.add(id)
    this.#tell()
    try {
      const result = await testConnection(this.address(id, password))
      if (result.kind === 'connected' && password !== null) this.#passwords.set(id, password)
      this.#results.set(id, result)
      return result
    } finally {
      this.#asking.delete(id)
      this.#tell()
    }
  }

  /** Asks every saved cluster at once. */
  async check(): Promise<void> {
    await Promise.all(this.#state.clusters.map(({ id }) => this.try(id)))
  }

  /** The text of an export. */
  export(): string {
    const clusters = this.#state.clusters.map(({ id: _id, ...cluster }) => cluster)
    return `${JSON.stringify({ format: 'scrapyd-service-clusters', clusters }, null, 2)}\n`
  }

  /** Adds the clusters of an export; those that are here already (name and URL) are left as they are. */
  import(text: string): number {
    const { clusters } = exportedClusters.parse(JSON.parse(text))
    let count = 0
    for (const cluster of clusters) {
      const here = this.#state.clusters
      if (here.some(({ name, url }) => name === cluster.name && url === cluster.url)) continue
      this.save({ ...cluster, name: freeName(cluster.name, here), id: null, password: null })
      count += 1
    }
    return count
  }

  #entry(cluster: SavedCluster): ClusterEntry {
    const { id, username } = cluster
    return {
      ...cluster,
      hasPassword: username !== '' && this.#passwords.has(id),
      result: this.#results.get(id) ?? null,
      isAsking: this.#asking.has(id),
    }
  }

  #write(state: ClustersFile): void {
    this.#state = state
    this.#file.write(state)
    this.#tell()
  }

  #tell(): void {
    this.#onChange(this.list())
  }
}

/** Whether a password for the one may be sent to the other: same place, same user, same rule of trust. */
function isSameDoor(one: Omit<SavedCluster, 'id'>, other: Omit<SavedCluster, 'id'>): boolean {
  const key = ({ url, username, certificate }: Omit<SavedCluster, 'id'>) =>
    JSON.stringify([url.replace(/\/+$/, ''), username, certificate])
  return key(one) === key(other)
}

function freeName(name: string, clusters: readonly SavedCluster[]): string {
  const taken = new Set(clusters.map((cluster) => cluster.name))
  for (let number = 2, candidate = name; ; number += 1) {
    if (!taken.has(candidate)) return candidate
    candidate = `${name} ${number}`
  }
}
