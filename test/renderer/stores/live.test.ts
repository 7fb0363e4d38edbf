import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job, Node, Project } from '../../../src-daemon/api/contract/values.ts'
import { useClockStore } from '../../../src-renderer/stores/clock.ts'
import { useClusterStore } from '../../../src-renderer/stores/cluster.ts'
import { useConnectionStore } from '../../../src-renderer/stores/connection.ts'
import { useJobsStore } from '../../../src-renderer/stores/jobs.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useProjectsStore } from '../../../src-renderer/stores/projects.ts'
import { usePullsStore } from '../../../src-renderer/stores/pulls.ts'
import { useSessionStore } from '../../../src-renderer/stores/session.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, useStores } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-22T14:14:02.000Z') })
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
  useStores(transport)
})

afterEach(() => vi.useRealTimers())

const settle = () => vi.advanceTimersByTimeAsync(1)

async function start() {
  const live = useLiveStore()
  live.start()
  transport.live()
  await settle()
  return live
}

const first = <T>(list: readonly T[]): T => {
  const [value] = list
  if (value === undefined) throw new Error('the sample has one')
  return value
}

describe('the live state', () => {
  it('is one snapshot, read when the stream is live', async () => {
    const live = useLiveStore()
    live.start()
    expect(transport.calls).toEqual([])
    transport.live()
    await settle()
    expect(live.isReady).toBe(true)
    expect(useClusterStore().nodes).toHaveLength(6)
    expect(useClusterStore().nodes[0]?.name).toBe('hq-01')
    expect(useProjectsStore().projects).toHaveLength(5)
    expect(useJobsStore().pending).toHaveLength(10)
    expect(useJobsStore().isComplete).toBe(true)
  })

  it('goes on by events alone', async () => {
    await start()
    const asked = transport.calls.length
    const running = first(useJobsStore().running)
    const node: Node = { ...first(cluster.nodes), paused: true }
    const project: Project = { ...first(cluster.projects), spiders: 99 }
    transport.events(
      {
        type: 'job',
        seq: 1,
        job: { ...running, state: 'finished', outcome: 'failed', ended_at: new Date().toISOString() },
      },
      { type: 'node', seq: 2, node },
      { type: 'project', seq: 3, project },
      { type: 'load', node: 'n1', pending: 3, running: 7, max_proc: null, latency_ms: 9 },
    )
    expect(useJobsStore().running).not.toContainEqual(running)
    expect(first(useJobsStore().ended).key).toBe(running.key)
    expect(useClusterStore().byId.get('local')?.paused).toBe(true)
    expect(useClusterStore().byId.get('n1')).toMatchObject({ running: 7, latency_ms: 9, max_proc: 12 })
    expect(useProjectsStore().byName.get(project.name)?.spiders).toBe(99)
    transport.events(
      { type: 'node-removed', seq: 4, id: 'n1' },
      { type: 'project-removed', seq: 5, name: project.name },
      { type: 'job-removed', seq: 6, key: running.key },
    )
    expect(useClusterStore().nodes).toHaveLength(5)
    expect(useProjectsStore().projects).toHaveLength(4)
    expect(useJobsStore().byKey.has(running.key)).toBe(false)
    expect(transport.calls).toHaveLength(asked)
  })

  it('applies what came while the snapshot was read', async () => {
    const job = first(cluster.jobs.filter(({ state }) => state === 'running'))
    const live = useLiveStore()
    live.start()
    transport.live()
    transport.events({
      type: 'job',
      seq: 1,
      job: { ...job, state: 'finished', outcome: 'finished', ended_at: new Date().toISOString() },
    })
    await settle()
    expect(useJobsStore().byKey.get(job.key)?.state).toBe('finished')
  })

  it('is not read again after a cut that was resumed', async () => {
    await start()
    const asked = transport.callsTo('getCluster').length
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 500, reason: 'x' })
    transport.live({ resumed: true })
    await settle()
    expect(transport.callsTo('getCluster')).toHaveLength(asked)
  })

  it('is read again when events are missing, and pages are told', async () => {
    const live = await start()
    const reset = vi.fn()
    live.onReset(reset)
    cluster.nodes.pop()
    transport.live({ resumed: false })
    await settle()
    expect(useClusterStore().nodes).toHaveLength(5)
    expect(reset).toHaveBeenCalledOnce()
  })

  it('says what failed, and tries again', async () => {
    const { listProjects } = transport.answers
    transport.answers.listProjects = () => {
      throw new CallError('refused', 'the disk is full', { status: 503 })
    }
    const live = await start()
    expect(live.isReady).toBe(false)
    expect(live.error).toMatchObject({ message: 'the disk is full' })
    if (listProjects !== undefined) transport.answers.listProjects = listProjects
    await vi.advanceTimersByTimeAsync(2_100)
    expect(live.isReady).toBe(true)
    expect(live.error).toBeNull()
  })

  it('shows the one machine where there is no master', async () => {
    transport.answers.getCluster = () => {
      throw new CallError('refused', 'this is a slave', { status: 404 })
    }
    transport.answers.getNode = () => ({
      node_name: 'crawl-01',
      identity: 'slave',
      cluster_name: 'press',
      version: '0.4.0',
      feed: 'f',
      instance: 'i',
      started_at: '2026-11-20T00:00:00.000Z',
      now: '2026-11-22T00:00:00.000Z',
      paused: false,
      pause_note: null,
      pending: 1,
      running: 2,
      finished: 3,
      max_proc: 8,
      disk_free_bytes: null,
      disk_total_bytes: null,
      cpus: 2,
      load_average: [],
      memory_free_bytes: 1,
      memory_total_bytes: 2,
      platform: 'linux',
      node_version: '24',
      python: '3.12',
      scrapy: '2.13',
      owner: null,
      projects: [],
    })
    await start()
    expect(useClusterStore().isMaster).toBe(false)
    expect(useClusterStore().nodes).toMatchObject([{ id: 'local', name: 'crawl-01', running: 2, max_proc: 8 }])
  })

  it('ends with the session', async () => {
    await start()
    transport.status({ state: 'unauthorized' })
    expect(useSessionStore().isSignedOut).toBe(true)
    expect(useConnectionStore().state).toBe('signed-out')
  })
})

describe('a pull', () => {
  const cut = () => transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 500, reason: 'x' })

  /** Plays that the pull of the sample runs. */
  async function running() {
    await start()
    const pull = first(cluster.pulls)
    transport.events({ type: 'pull', pull: structuredClone(pull) })
    expect(usePullsStore().running).toHaveLength(1)
    return pull
  }

  it.each([true, false])('whose end was missed during a cut is asked for (resumed: %s)', async (resumed) => {
    const pull = await running()
    pull.ended_at = new Date().toISOString()
    cut()
    transport.live({ resumed })
    await settle()
    expect(usePullsStore().running).toEqual([])
    expect(usePullsStore().byId.get(pull.id)?.ended_at).toBe(pull.ended_at)
  })

  it('goes on while the daemon says so, at the step where it is now', async () => {
    const pull = await running()
    pull.steps = pull.steps.map((step) => ({ ...step, state: 'running' }))
    cut()
    transport.live({ resumed: true })
    await settle()
    expect(usePullsStore().running).toMatchObject([{ id: pull.id }])
    expect(first(usePullsStore().running).steps.every(({ state }) => state === 'running')).toBe(true)
  })

  it('was interrupted when the daemon does not know it any more', async () => {
    const pull = await running()
    cluster.pulls.length = 0
    transport.live({ resumed: false })
    await settle()
    expect(usePullsStore().running).toEqual([])
    const shown = usePullsStore().byId.get(pull.id)
    expect(shown?.steps.map(({ state }) => state)).toEqual(['ok', 'ok', 'error', 'error', 'error'])
    expect(shown?.steps.at(-1)?.message).toBe('')
  })

  it('is asked for again when the answer failed', async () => {
    const pull = await running()
    const { listPulls } = transport.answers
    transport.answers.listPulls = () => {
      throw new CallError('unreachable', 'cut')
    }
    pull.ended_at = new Date().toISOString()
    transport.live({ resumed: true })
    await settle()
    expect(usePullsStore().running).toHaveLength(1)
    if (listPulls !== undefined) transport.answers.listPulls = listPulls
    await vi.advanceTimersByTimeAsync(2_100)
    expect(usePullsStore().running).toEqual([])
  })

  it('keeps what an event said while the answer was on its way', async () => {
    const pull = await running()
    const ended = { ...pull, ended_at: new Date().toISOString() }
    transport.live({ resumed: true })
    transport.events({ type: 'pull', pull: ended })
    await settle()
    expect(usePullsStore().running).toEqual([])
  })
})

describe('the connection', () => {
  it('is stale from the moment of the cut until it is live again', async () => {
    await start()
    const connection = useConnectionStore()
    expect([connection.state, connection.isStale]).toEqual(['live', false])
    const since = Date.now()
    transport.status({ state: 'waiting', since, retryAt: since + 1_000, reason: 'x' })
    expect([connection.state, connection.staleSince]).toEqual(['reconnecting', since])
    transport.status({ state: 'waiting', since: since + 900, retryAt: since + 3_000, reason: 'x' })
    expect(connection.staleSince).toBe(since)
    transport.live({ resumed: true })
    expect([connection.state, connection.isStale]).toEqual(['live', false])
  })

  it('is not stale while nothing was ever shown', () => {
    useLiveStore().start()
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 1_000, reason: 'x' })
    expect(useConnectionStore()).toMatchObject({ state: 'connecting', isStale: false })
  })
})

describe('the clock', () => {
  it('counts in the time of the daemon and stands still while the data is stale', async () => {
    const live = useLiveStore()
    live.start()
    transport.live({ ahead: 90_000 })
    const clock = useClockStore()
    const begin = clock.now
    expect(begin).toBe(Date.now() + 90_000)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(clock.now).toBe(begin + 5_000)
    const cut = Date.now()
    transport.status({ state: 'waiting', since: cut, retryAt: cut + 1_000, reason: 'x' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(clock.now).toBe(cut + 90_000)
    transport.live({ resumed: true, ahead: 90_000 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(clock.now).toBe(Date.now() + 90_000)
  })
})

describe('the window on the jobs', () => {
  const many = (count: number, change: (index: number) => Partial<Job>) =>
    Array.from({ length: count }, (_, index) => sampleJob(change(index)))

  it('keeps the last ended jobs only, and everything unfinished', async () => {
    await start()
    const before = useJobsStore().active.length
    const ended = many(500, (index) => ({ ended_at: new Date(Date.now() + index * 1_000).toISOString() }))
    transport.events(...ended.map((job, index) => ({ type: 'job', seq: index + 1, job })))
    expect(useJobsStore().ended).toHaveLength(200)
    expect(first(useJobsStore().ended).key).toBe(ended.at(-1)?.key)
    expect(useJobsStore().active).toHaveLength(before)
  })

  it('says when there are more unfinished jobs than it holds', async () => {
    cluster.jobs.push(...many(3_500, () => ({ state: 'pending', outcome: null, ended_at: null })))
    await start()
    expect(useJobsStore().isComplete).toBe(false)
    expect(transport.callsTo('listJobs').length).toBeLessThan(6)
  })

  it('takes live figures', async () => {
    await start()
    const job = first(useJobsStore().running)
    transport.events({ type: 'stats', key: job.key, pages: 7, items: 8, errors: null, rate: null })
    expect(useJobsStore().byKey.get(job.key)).toMatchObject({ pages: 7, items: 8, errors: job.errors })
  })
})
