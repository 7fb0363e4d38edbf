import type { NodeSelf, ProjectCode } from '../api/contract/values.ts'
import type { JobDesk } from '../jobs/job-desk.ts'
import type { Launcher } from '../jobs/launcher.ts'
import { machineState } from './machine.ts'
import type { Owner } from './owner.ts'
import type { Pause } from './pause.ts'

export interface SelfParts {
  readonly nodeName: string
  readonly identity: 'master' | 'slave'
  readonly clusterName: string
  readonly version: string
  readonly feed: string
  readonly instance: string
  readonly startedAt: number
  readonly dataDir: string
  readonly pause: Pause
  readonly owner: Owner
  readonly desk: JobDesk
  readonly launcher: Launcher
  readonly projects: () => Promise<readonly ProjectCode[]>
  /** Versions of the default interpreter and its Scrapy; null until they are known. */
  readonly python: () => { readonly python: string | null; readonly scrapy: string | null }
}

/** Makes `GET /api/node`: what this daemon says of itself. */
export async function nodeSelf(parts: SelfParts): Promise<NodeSelf> {
  const [machine, projects] = await Promise.all([machineState(parts.dataDir), parts.projects()])
  return {
    node_name: parts.nodeName,
    identity: parts.identity,
    cluster_name: parts.clusterName,
    version: parts.version,
    feed: parts.feed,
    instance: parts.instance,
    started_at: new Date(parts.startedAt).toISOString(),
    now: new Date().toISOString(),
    paused: parts.pause.paused,
    pause_note: parts.pause.note,
    ...parts.desk.counts(),
    max_proc: parts.launcher.maxProc,
    ...machine,
    platform: `${process.platform} ${process.arch}`,
    node_version: process.version,
    ...parts.python(),
    owner: parts.owner.master,
    projects: [...projects],
  }
}
