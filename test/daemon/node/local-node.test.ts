import { describe, expect, it } from 'vitest'
import { ENDPOINTS, type EndpointName } from '../../../src-daemon/api/contract/endpoints.ts'
import { numberedEvent, type EphemeralEvent, type NumberedEvent } from '../../../src-daemon/api/contract/events.ts'
import { node as nodeSchema } from '../../../src-daemon/api/contract/values.ts'
import { NotSupportedError, ProjectNotFoundError, SpiderNotFoundError } from '../../../src-daemon/errors.ts'
import { firstOf } from '../../../src-daemon/node/local-node.ts'
import { newRow } from '../../helpers/ledger-parts.ts'
import { ANN, openLocalNode } from '../../helpers/local-node-parts.ts'

const request = {
  project: 'news',
  spider: 'herald',
  version: null,
  jobid: null,
  priority: 0,
  settings: {},
  args: {},
  node: null,
}

type Parts = ReturnType<typeof openLocalNode>

const eventsOf = ({ events }: Parts): readonly NumberedEvent[] =>
  events.read(0, 1_000).map(({ json }) => numberedEvent.parse(JSON.parse(json)))

/** Calls a handler; the reply must fit the contract. */
async function ask<N extends keyof Parts['node']['handlers']>(
  { node }: Parts,
  name: N,
  input: { readonly params?: object; readonly query?: object; readonly body?: object } = {},
): Promise<unknown> {
  const handler = node.handlers[name] as (input: unknown, by: typeof ANN) => Promise<unknown>
  const reply = await handler({ params: {}, query: {}, body: {}, ...input }, ANN)
  return ENDPOINTS[name as EndpointName].reply.parse(reply)
}

describe('LocalNode as a Scrapyd', () => {
  it('lists projects, spiders, versions', async () => {
    const { node } = openLocalNode()

    expect(await node.listProjects()).toEqual({ projects: ['news', 'shop'] })
    expect(await node.listSpiders({ project: 'news', version: null })).toEqual({ spiders: ['gazette', 'herald'] })
    expect(await node.listVersions({ project: 'news' })).toEqual({ versions: ['abc'] })
    expect(await node.listVersions({ project: 'none' })).toEqual({ versions: [] })
    await expect(node.listSpiders({ project: 'none', version: null })).rejects.toThrow(ProjectNotFoundError)
  })

  it('schedules, tells the state and cancels', async () => {
    const { node } = openLocalNode()
    await expect(node.schedule({ ...request, project: 'none' }, ANN)).rejects.toThrow(ProjectNotFoundError)
    await expect(node.schedule({ ...request, spider: 'none' }, ANN)).rejects.toThrow(SpiderNotFoundError)
    await expect(node.schedule({ ...request, node: 'n2' }, ANN)).rejects.toThrow(NotSupportedError)
    const { jobid, node_name } = await node.schedule(request, ANN)

    expect(node_name).toBe('n1')
    expect(await node.daemonStatus()).toEqual({ pending: 1, running: 0, finished: 0 })
    expect(await node.status({ job: jobid, project: 'news' })).toEqual({ currstate: 'pending' })
    expect(await node.cancel({ project: 'news', job: jobid, signal: null, host: null }, ANN)).toEqual({
      prevstate: 'pending',
    })
    expect(await node.status({ job: jobid, project: null })).toEqual({ currstate: 'finished' })
    await expect(node.crawlLog()).rejects.toThrow(NotSupportedError)
  })

  it('adds a project, and tells everybody', async () => {
    const parts = openLocalNode()

    expect(await parts.node.addProject({ project: 'new', path: '/x' })).toEqual({ project: 'new', spiders: 2 })
    expect(eventsOf(parts)).toMatchObject([{ type: 'project', project: { name: 'new', path: '/x', source: 'added' } }])
  })

  it('takes a project out of service: what waits here ends as cancelled, what runs goes on', async () => {
    const parts = openLocalNode()
    const insert = (row: Parameters<typeof newRow>[0]) => {
      const job = newRow(row)
      parts.jobs.insert(job)
      return job.key
    }
    const waiting = [insert({ state: 'pending' }), insert({ state: 'pending' })]
    const others = [
      insert({ state: 'running' }),
      insert({ state: 'pending', project: 'shop' }),
      insert({ state: 'pending', node_id: 'other', node: 'n2' }),
    ]
    const ended: string[] = []
    parts.ledger.onEnd((key) => ended.push(key))
    await parts.node.deleteProject({ project: 'news' }, ANN)

    expect(ended.toSorted()).toEqual(waiting.toSorted())
    expect(parts.jobs.get(waiting[0]!)).toMatchObject({
      outcome: 'cancelled',
      cancelled_by: 'ann',
      reason: 'Cancelled: the project news was removed',
    })
    expect(others.map((key) => parts.jobs.get(key)!.state)).toEqual(['running', 'pending', 'pending'])
    expect(eventsOf(parts).at(-1)).toMatchObject({ type: 'project-removed', name: 'news' })
    expect(await parts.node.listProjects()).toEqual({ projects: ['shop'] })
    await expect(parts.node.deleteProject({ project: 'news' }, ANN)).rejects.toThrow(ProjectNotFoundError)
  })

  it('pulls code: a row for this node, progress for those who listen', async () => {
    const parts = openLocalNode()
    const heard: EphemeralEvent[] = []
    parts.live.on((event) => heard.push(event))

    expect(await parts.node.pullCode({ project: null }, ANN)).toEqual({
      message_details: [
        { node_name: 'n1', status: 'ok', message: 'news: ok; shop: ok', branch: 'main', before: 'abc', after: 'def' },
      ],
    })
    expect(heard.map((event) => event.type === 'pull' && event.pull.ended_at !== null)).toEqual([false, true])
    expect(eventsOf(parts).map(({ type }) => type)).toEqual(['project', 'project'])
  })
})

describe('LocalNode as /api', () => {
  it('says what it is', async () => {
    const parts = openLocalNode()
    parts.jobs.insert(newRow({ state: 'pending' }))

    expect(await ask(parts, 'getNode')).toMatchObject({
      node_name: 'n1',
      pending: 1,
      max_proc: 2,
      python: '3.11',
      owner: null,
      feed: parts.database.feed,
      projects: [{ project: 'news' }, { project: 'shop' }],
    })
    expect(nodeSchema.parse(await parts.node.asNode())).toMatchObject({ id: 'local', state: 'online', pending: 1 })
  })

  it('pauses and resumes, with an event each; the queue is looked at again', async () => {
    const parts = openLocalNode()
    expect(await ask(parts, 'pauseNode', { body: { note: 'disk' } })).toMatchObject({
      paused: true,
      pause_note: 'disk',
    })
    expect(parts.woken).toEqual([])
    const { key } = await parts.node.schedule(request, ANN)
    expect(parts.desk.get(key).reason).toBe('Waits: this node is paused')
    expect(await ask(parts, 'resumeNode')).toMatchObject({ paused: false, pause_note: null })

    expect(parts.woken).toEqual(['wake'])
    expect(eventsOf(parts).flatMap((event) => (event.type === 'node' ? [event.node.paused] : []))).toEqual([
      true,
      false,
    ])
  })

  it('says why a job waits', async () => {
    const parts = openLocalNode()
    await parts.launch()
    await parts.launch()
    const key = await parts.schedule()

    expect(parts.desk.get(key).reason).toBe('Waits: no free slot (2 of 2 in use)')
  })

  it('shows projects and spiders with their last runs', async () => {
    const parts = openLocalNode()
    parts.jobs.insert(newRow({ state: 'finished', pages: 4 }))
    parts.jobs.insert(newRow({ state: 'running' }))

    expect(await ask(parts, 'listProjects')).toMatchObject({
      projects: [
        { name: 'news', running: 1, load_errors: 1, drift: false, last_pull: null },
        { name: 'shop', running: 0 },
      ],
    })
    expect(await ask(parts, 'listSpiders', { params: { project: 'news' } })).toMatchObject({
      spiders: [
        { name: 'gazette', last_job: null, recent: [], usual: null },
        {
          name: 'herald',
          last_job: { state: 'running' },
          recent: [{ outcome: 'finished' }, { state: 'running' }],
          usual: { runs: 1, pages: 4 },
        },
      ],
      errors: [{ node: 'n1', module: 'news.broken' }],
    })
  })

  it('adds, removes and pulls projects', async () => {
    const parts = openLocalNode()
    expect(await ask(parts, 'addProject', { params: { project: 'new' }, body: { path: null } })).toMatchObject({
      project: { name: 'new' },
      details: [{ node: 'n1', ok: true }],
    })
    expect(await ask(parts, 'pullProject', { params: { project: 'new' }, body: { wait: true } })).toMatchObject({
      steps: [{ state: 'ok' }],
    })
    expect(await ask(parts, 'pullProject', { params: { project: 'new' }, body: { wait: false } })).toMatchObject({
      steps: [{ state: 'running' }],
    })
    expect(await ask(parts, 'listPulls', { params: { project: 'new' } })).toMatchObject({ pulls: [{ by: 'ann' }, {}] })
    expect(await ask(parts, 'getProject', { params: { project: 'new' } })).toMatchObject({ last_pull: { ok: true } })
    await ask(parts, 'deleteProject', { params: { project: 'new' } })
    await expect(ask(parts, 'getProject', { params: { project: 'new' } })).rejects.toThrow(ProjectNotFoundError)
  })

  it('answers about jobs, logs and the first page', async () => {
    const parts = openLocalNode()
    const { key } = await parts.node.schedule({ ...request, args: { tag: 'a' } }, ANN)

    expect(await ask(parts, 'listJobs', { query: { sort: 'default', limit: 10 } })).toMatchObject({ total: 1 })
    expect(await ask(parts, 'getJob', { params: { key } })).toMatchObject({ state: 'pending', args: { tag: 'a' } })
    expect(await ask(parts, 'overview')).toMatchObject({ jobs: { pending: 1 }, projects: 2, spiders: 4 })
    expect(await ask(parts, 'cancelJob', { params: { key } })).toMatchObject({ outcome: 'cancelled' })
    expect(await ask(parts, 'spiderHints', { params: { project: 'news', spider: 'herald' } })).toEqual({
      args: ['tag'],
      settings: [],
    })
    await expect(ask(parts, 'getLogIndex', { params: { key } })).rejects.toThrow(/was not started/)
    await expect(ask(parts, 'listNodes')).rejects.toThrow(NotSupportedError)
  })

  it('belongs to a master that claims it, and keeps what that one has acknowledged of this feed', async () => {
    const parts = openLocalNode()
    const claim = { instance: 'm', node_name: 'master', takeover: false }
    expect(await ask(parts, 'putOwner', { body: claim })).toMatchObject({ owner: { instance: 'm' } })
    await ask(parts, 'ackEvents', { body: { instance: 'm', feed: parts.database.feed, seq: 5 } })
    await ask(parts, 'ackEvents', { body: { instance: 'm', feed: 'another-feed', seq: 50 } })
    expect(parts.owner.acknowledged).toBe(5)
    await expect(ask(parts, 'putOwner', { body: { ...claim, instance: 'x' } })).rejects.toThrow(/belongs to the master/)
    expect(await ask(parts, 'getOwner')).toMatchObject({ owner: { node_name: 'master' } })
  })
})

describe('firstOf', () => {
  it('answers with the first state, or the last when it waits; a failure before the first is one', async () => {
    const run = async (onStep: (state: number) => void) => {
      onStep(1)
      await Promise.resolve()
      return 2
    }
    expect([await firstOf(run, false), await firstOf(run, true)]).toEqual([1, 2])
    await expect(firstOf(() => Promise.reject(new Error('no')), false)).rejects.toThrow('no')
  })
})
