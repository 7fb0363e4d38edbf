import type { Pull, ProjectCode } from '../../src-daemon/api/contract/values.ts'
import type { Requester } from '../../src-daemon/api/contract/scrapyd-api.ts'
import { ProjectNotFoundError } from '../../src-daemon/errors.ts'
import { LogReader } from '../../src-daemon/files/log-reader.ts'
import { JobDesk } from '../../src-daemon/jobs/job-desk.ts'
import { DispatchInbox } from '../../src-daemon/node/dispatch-inbox.ts'
import { LiveEvents } from '../../src-daemon/node/live-events.ts'
import { LocalFiles } from '../../src-daemon/node/local-files.ts'
import { LocalNode, localReach } from '../../src-daemon/node/local-node.ts'
import { Owner } from '../../src-daemon/node/owner.ts'
import { Pause } from '../../src-daemon/node/pause.ts'
import type { LocalProject, LocalProjects } from '../../src-daemon/node/projects-port.ts'
import { openLauncher, SOME_CODE } from './launcher-parts.ts'

/** A person who asks. */
export const ANN: Requester = { name: 'ann', via: 'webservice', address: null, idempotencyKey: null }

/** Projects without folders: each has the spiders `herald` and `gazette`. */
class SomeProjects implements LocalProjects {
  readonly #projects = new Map<string, LocalProject>()
  readonly #pulls: Pull[] = []

  constructor(...names: string[]) {
    for (const name of names) this.#projects.set(name, { name, path: `/projects/${name}`, source: 'config' })
  }

  list() {
    return [...this.#projects.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  require(name: string) {
    const project = this.#projects.get(name)
    if (project === undefined) throw new ProjectNotFoundError(name)
    return project
  }

  async spiders(name: string) {
    this.require(name)
    return {
      spiders: ['gazette', 'herald'].map((spider) => ({ name: spider, module: `${name}.${spider}` })),
      errors: [{ module: `${name}.broken`, traceback: 'SyntaxError' }],
      listedAt: 1_000,
    }
  }

  knownSpiders() {
    return { count: 2, errors: 1 }
  }

  hasSpider(_name: string, spider: string) {
    return ['gazette', 'herald'].includes(spider)
  }

  async versions(name: string) {
    return this.#projects.has(name) ? ['abc'] : []
  }

  async add(name: string, path: string | null) {
    this.#projects.set(name, { name, path: path ?? `/projects/${name}`, source: 'added' })
    return this.spiders(name)
  }

  async remove(name: string) {
    this.require(name)
    this.#projects.delete(name)
  }

  async code(name: string): Promise<ProjectCode> {
    return {
      project: name,
      path: this.require(name).path,
      commit: 'abc',
      branch: 'main',
      subject: 'first',
      author: 'ann',
      committed_at: '2026-07-08T10:00:00.000Z',
      dirty: false,
      behind: 0,
      ahead: 0,
      spiders: 2,
      error: null,
    }
  }

  async runnable(name: string) {
    this.require(name)
    return SOME_CODE
  }

  async pull(name: string | null, by: string | null, onStep: (pull: Pull) => void) {
    const projects = name === null ? this.list().map((project) => project.name) : [this.require(name).name]
    const step = { node_name: 'n1', branch: 'main', before: 'abc', output: '', changes: null, stashed: null }
    const pull = (state: 'running' | 'ok', after: string | null): Pull => ({
      id: 'p1',
      projects,
      started_at: '2026-07-08T10:00:00.000Z',
      ended_at: state === 'ok' ? '2026-07-08T10:00:01.000Z' : null,
      by,
      steps: projects.map((project) => ({ ...step, project, state, after, message: state })),
    })
    onStep(pull('running', null))
    await Promise.resolve()
    const done = pull('ok', 'def')
    onStep(done)
    this.#pulls.unshift(done)
    return done
  }

  async recordPull(pull: Pull) {
    this.#pulls.unshift(pull)
  }

  pulls(name: string) {
    return this.#pulls.filter((pull) => pull.projects.includes(name))
  }

  async commits() {
    return []
  }

  async stop() {}
}

/** A whole node over a real ledger, with a scripted runner and projects without folders. */
export function openLocalNode() {
  const parts = openLauncher()
  const { launcher } = parts
  const projects = new SomeProjects('news', 'shop')
  const pause = new Pause(parts.meta, parts.writer)
  const owner = new Owner(parts.meta, parts.writer)
  const live = new LiveEvents()
  const files = new LocalFiles(parts.folders)
  const reach = localReach(
    projects,
    (row) => launcher.cancel(row.key),
    () => ({ paused: pause.paused, used: launcher.used, maxProc: launcher.maxProc }),
  )
  const desk = new JobDesk({
    ...parts,
    reach,
    fileUrl: files.url,
    nodeName: 'n1',
    finishedToKeep: 100,
    logsDir: parts.folders.logsDir,
  })
  const inbox = new DispatchInbox({ ...parts, owner, desk, reach, isPaused: () => pause.paused })
  const woken: string[] = []
  const node = new LocalNode({
    ...parts,
    desk,
    reach,
    projects,
    files,
    logs: new LogReader(),
    inbox,
    pause,
    owner,
    live,
    wake: () => void woken.push('wake'),
    self: {
      nodeName: 'n1',
      identity: 'slave',
      clusterName: 'cluster',
      version: '1.0.0',
      feed: parts.database.feed,
      instance: parts.database.instance,
      startedAt: 1_000,
      dataDir: parts.dir,
      pause,
      owner,
      desk,
      launcher,
      projects: () => Promise.all(projects.list().map(({ name }) => projects.code(name))),
      python: () => ({ python: '3.11', scrapy: '2.8' }),
    },
  })
  return { ...parts, node, desk, reach, projects, pause, owner, live, files, inbox, woken }
}
