import { randomUUID } from 'node:crypto'
import { waitingStep } from '../api/contract/pull-steps.ts'
import { reasonText } from '../api/contract/reasons.ts'
import type { Requester } from '../api/contract/scrapyd-api.ts'
import type { Pull, PullStep } from '../api/contract/values.ts'
import { NodeNotFoundError, NodeUnreachableError } from '../errors.ts'
import type { LiveEvents } from '../node/live-events.ts'
import type { LocalProjects } from '../node/projects-port.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { ClusterProjects } from './cluster-projects.ts'
import { concurrently } from './concurrently.ts'
import type { NodeClients } from './node-client.ts'
import type { Nodes } from './nodes.ts'

/** How many nodes pull at once. */
const AT_ONCE = 16
const PULL_MS = 15 * 60_000

export interface ClusterPullParts {
  readonly nodeName: string
  readonly projects: LocalProjects
  readonly clusterProjects: ClusterProjects
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly live: LiveEvents
}

/** Pulls the code of projects on many nodes at once. */
export class ClusterPull {
  readonly #parts: ClusterPullParts
  /** How a slave's progress with a project is passed on, while it pulls it for us: by node and project. */
  readonly #progress = new Map<string, (steps: readonly PullStep[]) => void>()

  constructor(parts: ClusterPullParts) {
    this.#parts = parts
  }

  /** Pulls of a project, newest first; what goes on comes first. */
  list(project: string): Pull[] {
    const running = this.#parts.live.runningPulls(project)
    const ids = new Set(running.map(({ id }) => id))
    // The master's own part of one is kept before the whole has ended.
    return [...running, ...this.#parts.projects.pulls(project).filter(({ id }) => !ids.has(id))]
  }

  /** A slave tells how a pull goes there. */
  received(node: ClusterNode, pull: Pull): void {
    for (const project of pull.projects) {
      const steps = pull.steps.filter((step) => step.project === project)
      this.#progress.get(`${node.id} ${project}`)?.(steps.map((step) => ({ ...step, node_name: node.name })))
    }
  }

  /** Pulls on the wanted nodes (null: all) at once; every node's progress is one pull's. */
  async pull(
    project: string | null,
    wanted: readonly string[] | null,
    by: Requester,
    onStep: (pull: Pull) => void,
  ): Promise<Pull> {
    const { clients, nodes, nodeName, projects } = this.#parts
    const asked = wanted?.map((name) => {
      const found = name === nodeName ? name : nodes.byName(name)?.name
      if (found === undefined) throw new NodeNotFoundError(name)
      return found
    })
    const isAsked = (name: string) => asked === undefined || asked.includes(name)
    const names = project === null ? this.#parts.clusterProjects.names() : [project]
    const slaves = nodes
      .list()
      .filter((node) => node.row.kind === 'slave' && isAsked(node.name))
      .filter((node) => names.some((name) => node.hasProject(name)))
    const hasLocal = isAsked(nodeName) && projects.list().some((one) => names.includes(one.name))
    const steps = new Map<string, readonly PullStep[]>()
    const pull: Pull = {
      id: randomUUID(),
      projects: [...names],
      started_at: new Date().toISOString(),
      ended_at: null,
      by: by.name,
      steps: [],
    }
    const tell = (node: string, rows: readonly PullStep[]) => {
      steps.set(node, rows)
      pull.steps = [...steps.values()].flat()
      this.#parts.live.tell({ type: 'pull', pull })
      onStep(pull)
    }
    if (hasLocal) steps.set(nodeName, waitingSteps(names, nodeName))
    for (const node of slaves)
      steps.set(
        node.name,
        waitingSteps(
          names.filter((name) => node.hasProject(name)),
          node.name,
        ),
      )
    pull.steps = [...steps.values()].flat()
    onStep(pull)
    const onSlave = async (node: ClusterNode): Promise<void> => {
      for (const name of names.filter((one) => node.hasProject(one))) {
        const others = (steps.get(node.name) ?? []).filter((step) => step.project !== name)
        const place = `${node.id} ${name}`
        const progress = (rows: readonly PullStep[]) => tell(node.name, [...others, ...rows])
        this.#progress.set(place, progress)
        try {
          if (!node.isOnline) {
            const detail = node.row.last_error ?? reasonText('neverSeen')
            throw new NodeUnreachableError(reasonText('offline', { detail }))
          }
          // What it tells of its progress may be lost when its stream is cut; that it was asked is known here.
          progress([{ ...waitingStep(name, node.name), state: 'running', message: 'pulling' }])
          const reply = await clients
            .of(node)
            .call(
              'pullProject',
              { params: { project: name }, body: { wait: true } },
              { timeoutMs: PULL_MS, signal: node.untilAway },
            )
          tell(node.name, [...others, ...reply.steps.map((step) => ({ ...step, node_name: node.name }))])
        } catch (error) {
          const failed = { ...waitingStep(name, node.name), state: 'error' as const, message: (error as Error).message }
          tell(node.name, [...others, failed])
        } finally {
          if (this.#progress.get(place) === progress) this.#progress.delete(place)
        }
      }
    }
    await Promise.all([
      concurrently(slaves, AT_ONCE, onSlave),
      hasLocal
        ? projects
            .pull(project, by.name, (step) => tell(nodeName, step.steps), pull.id)
            .then((done) => tell(nodeName, done.steps))
            .catch((error: unknown) => {
              const message = (error as Error).message
              tell(
                nodeName,
                names.map((name) => ({ ...waitingStep(name, nodeName), state: 'error' as const, message })),
              )
            })
        : null,
    ])
    pull.ended_at = new Date().toISOString()
    this.#parts.live.tell({ type: 'pull', pull })
    await projects.recordPull(pull)
    if (clients.isStopped) return pull
    for (const name of names) await this.#parts.clusterProjects.announce(name)
    return pull
  }
}

function waitingSteps(projects: readonly string[], node: string): readonly PullStep[] {
  return projects.map((project) => waitingStep(project, node))
}
