import { afterEach, describe, expect, it, vi } from 'vitest'
import { NodeUnreachableError, StorageError } from '../../../src-daemon/errors.ts'
import type { DispatchReply, DispatchRequest } from '../../../src-daemon/api/contract/endpoints.ts'
import { Dispatcher, type DispatcherParts } from '../../../src-daemon/cluster/dispatcher.ts'
import { NodeCallError } from '../../../src-daemon/cluster/node-failure.ts'
import type { JobRow } from '../../../src-daemon/storage/jobs.ts'
import { jobRequest, rowIn, rowThat } from '../../helpers/ledger-parts.ts'
import {
  clusterParts,
  loaded,
  MASTER,
  slaveJob,
  usable,
  WAIT,
  type ClusterParts,
  type FakeNode,
} from './cluster-parts.ts'
import { targetAt } from './http-servers.ts'

interface Put {
  readonly params: { readonly key: string }
  readonly body: DispatchRequest
}

const HERALD = { project: 'news', spider: 'herald', version: null }

const stops: (() => void)[] = []

/** A dispatcher over two slaves with a slot each, started; the master's own node has none unless told. */
async function world(more: Partial<DispatcherParts> = {}) {
  const parts = clusterParts()
  const [first, second] = await loaded(parts, 7001, 7002)
  await usable(parts, first!, 1)
  await usable(parts, second!, 1)
  const cancelled: string[] = []
  const launched: string[] = []
  const dispatcher = new Dispatcher({
    ...parts,
    isAllCodeSame: true,
    runsJobs: true,
    launcher: {
      maxProc: 0,
      free: 0,
      launch: async (key: string) => {
        launched.push(key)
        return null
      },
    } as unknown as DispatcherParts['launcher'],
    scrapyd: { send: () => Promise.reject(new Error('no stock Scrapyd here')), knows: async () => false },
    isPaused: () => false,
    passCancel: (_, key) => cancelled.push(key),
    hasLocalProject: () => true,
    hasLocalSpider: () => true,
    intervalMs: 5,
    ...more,
  })
  stops.push(() => dispatcher.stop())
  const off = parts.writer.onCommit(() => dispatcher.wake())
  stops.push(off)
  dispatcher.start()
  return { parts, dispatcher, cancelled, launched, first: first!, second: second! }
}

function reply(answer: DispatchReply['answer'], more: Partial<DispatchReply> = {}): DispatchReply {
  return { answer, job: null, reason: null, ...more }
}

/** Takes every job, and starts it. */
const accept = ({ params }: Put) => reply('accepted', { job: slaveJob({ key: params.key, state: 'starting' }) })

function puts(fake: FakeNode): Put[] {
  return fake.asked('putDispatch') as Put[]
}

async function schedule(parts: ClusterParts, more: Parameters<typeof jobRequest>[0] = {}): Promise<string> {
  return (await parts.ledger.schedule(jobRequest(more))).key
}

const asked = (fake: FakeNode, name: Parameters<FakeNode['asked']>[0], count: number) =>
  vi.waitFor(() => expect(fake.asked(name).length).toBeGreaterThanOrEqual(count), WAIT)

describe('a dispatcher', () => {
  afterEach(() => {
    for (const stop of stops.splice(0)) stop()
  })

  it('commits the assignment before it sends the job, and follows what the node answers', async () => {
    const { parts, first } = await world()
    const fake = parts.fake(first)
    let before: JobRow | null = null
    fake.answers.putDispatch = (put: Put) => {
      before = parts.jobs.get(put.params.key)
      return accept(put)
    }
    const key = await schedule(parts, { args: { a: '1' }, priority: 2, scheduledBy: 'zhang' })
    const row = await rowIn(parts, key, 'starting')
    expect(before).toMatchObject({ state: 'assigned', node_id: first.id, owner_attempt: 1 })
    expect(row).toMatchObject({ node_id: first.id, node: first.name })
    const [put] = puts(fake)
    expect(put).toMatchObject({
      params: { key },
      body: {
        owner: { instance: MASTER, node_name: 'master1' },
        attempt: 1,
        job: { project: 'news', spider: 'herald', args: { a: '1' }, priority: 2, scheduled_by: 'zhang' },
      },
    })
    expect(Date.parse(put!.body.expires_at!) - Date.now()).toBeGreaterThan(5_000)
  })

  it('reckons the expiry in the clock of the slave', async () => {
    const { parts, first } = await world()
    first.clockOffset = -3_600_000
    parts.fake(first).answers.putDispatch = accept
    await rowIn(parts, await schedule(parts), 'starting')
    const { expires_at } = puts(parts.fake(first))[0]!.body
    expect(Math.abs(Date.parse(expires_at!) - (Date.now() - 3_600_000))).toBeLessThan(60_000)
  })

  it('gives a node only as many jobs as it has slots, the best first', async () => {
    const { parts, first, second } = await world()
    for (const node of [first, second]) parts.fake(node).answers.putDispatch = accept
    const keys = await Promise.all([0, 5, 1].map((priority) => schedule(parts, { priority })))
    await rowIn(parts, keys[1]!, 'starting')
    await rowIn(parts, keys[2]!, 'starting')
    expect(parts.jobs.get(keys[0]!)).toMatchObject({ state: 'pending', node_id: null })
    expect(puts(parts.fake(first)).length + puts(parts.fake(second)).length).toBe(2)
  })

  it('is fair between projects, also while the slots are still being filled', async () => {
    const { parts, first, second } = await world()
    const projects = ['news', 'other'].map((project) => ({ ...first.known.projects[0]!, project }))
    for (const node of [first, second]) {
      node.known = { ...node.known, projects }
      await parts.nodes.update(node, { max_proc: 2 }, false)
      parts.fake(node).answers.putDispatch = () => new Promise(() => {})
    }
    const pending = await parts.writer.write(() => parts.jobs.counts().pending)
    expect(pending).toBe(0)
    await Promise.all([
      ...Array.from({ length: 6 }, () => schedule(parts, { project: 'news' })),
      ...Array.from({ length: 6 }, () => schedule(parts, { project: 'other' })),
    ])
    const sent = () => [...puts(parts.fake(first)), ...puts(parts.fake(second))].map((put) => put.body.job.project)
    await vi.waitFor(() => expect(sent()).toHaveLength(4), WAIT)
    expect(sent().toSorted()).toEqual(['news', 'news', 'other', 'other'])
  })

  it('takes a job back that a node is too busy for, and gives it to another', async () => {
    const { parts, first, second } = await world()
    parts.fake(first).answers.putDispatch = () => reply('busy', { reason: 'full' })
    parts.fake(second).answers.putDispatch = accept
    const row = await rowIn(parts, await schedule(parts), 'starting')
    expect(row).toMatchObject({ node_id: second.id, owner_attempt: 2 })
  })

  it('asks a node that was busy again after a while, or at once when it has told of its jobs', async () => {
    const { parts, first, dispatcher } = await world()
    const answers = [reply('busy', { reason: 'full' })]
    parts.fake(first).answers.putDispatch = (put: Put) => answers.shift() ?? accept(put)
    const key = await schedule(parts, { pinnedNode: first.name })
    await vi.waitFor(() => expect(dispatcher.whyPending(HERALD, first.name)).toBe(`Waits: ${first.name}: full`), WAIT)
    first.forgetRefusals('busy')
    expect(await rowIn(parts, key, 'starting')).toMatchObject({ owner_attempt: 2 })
  })

  it.each(['no-project', 'no-spider', 'unstartable'] as const)('gives a job elsewhere after %s', async (answer) => {
    const { parts, first, second } = await world()
    parts.fake(first).answers.putDispatch = () => reply(answer, { reason: 'not here' })
    parts.fake(second).answers.putDispatch = accept
    expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: second.id })
  })

  it('keeps only jobs of the same version from a node that cannot start that version', async () => {
    const { parts, first, second } = await world()
    parts.fake(first).answers.putDispatch = (put: Put) =>
      put.body.job.version === null ? accept(put) : reply('unstartable', { reason: "version 'c0ffee' not found" })
    await parts.nodes.update(second, { paused: 1 }, false)
    // It waits for the other node, and is the first of its spider in the queue.
    const pinned = await schedule(parts, { version: 'c0ffee' })
    await asked(parts.fake(first), 'putDispatch', 1)
    await rowThat(parts, pinned, (row) => row.state === 'pending')
    expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: first.id })
    expect(puts(parts.fake(first)).map((put) => put.body.job.version)).toEqual(['c0ffee', null])
    parts.fake(second).answers.putDispatch = accept
    await parts.nodes.update(second, { paused: 0 }, true)
    expect(await rowIn(parts, pinned, 'starting')).toMatchObject({ node_id: second.id })
  })

  it('fails a job that no node can start, with the reason', async () => {
    const { parts, first, second } = await world()
    for (const node of [first, second]) {
      parts.fake(node).answers.putDispatch = () => reply('unstartable', { reason: 'no Python' })
    }
    const row = await rowIn(parts, await schedule(parts), 'finished')
    expect(row).toMatchObject({ outcome: 'failed', reason: `${second.name}: no Python` })
  })

  it('does not fail a job that another node is only too busy for', async () => {
    const { parts, first, second } = await world()
    parts.fake(first).answers.putDispatch = () => reply('unstartable', { reason: 'no Python' })
    const answers = [reply('busy', { reason: 'full' }), reply('busy', { reason: 'full' })]
    parts.fake(second).answers.putDispatch = (put: Put) => answers.shift() ?? accept(put)
    second.refuse('busy', 'full', Date.now())
    const key = await schedule(parts)
    await asked(parts.fake(first), 'putDispatch', 1)
    await rowThat(parts, key, (row) => row.state === 'pending')
    const timer = setInterval(() => second.forgetRefusals('busy'), 1)
    stops.push(() => clearInterval(timer))
    expect(await rowIn(parts, key, 'starting')).toMatchObject({ node_id: second.id })
  })

  it('uses nothing of a slave that belongs to another master', async () => {
    const { parts, first, second } = await world()
    parts.fake(first).answers.putDispatch = () => reply('foreign', { reason: "belongs to 'other'" })
    parts.fake(second).answers.putDispatch = accept
    expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: second.id })
    expect(first.problem).toBe("belongs to 'other'")
  })

  describe('without an answer', () => {
    const lost = () => {
      throw new NodeUnreachableError('no answer')
    }

    it('takes the job back from the node before it is sent anywhere', async () => {
      const { parts, first, second } = await world()
      const fake = parts.fake(first)
      let revoked = false
      fake.answers.putDispatch = lost
      fake.answers.deleteDispatch = ({ query }: { query: { attempt: number } }) => {
        revoked = query.attempt === 1
        return { revoked: true, job: null }
      }
      parts.fake(second).answers.putDispatch = (put: Put) => {
        expect(revoked).toBe(true)
        return accept(put)
      }
      expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({
        node_id: second.id,
        owner_attempt: 2,
      })
    })

    it('follows the job where the node had accepted it', async () => {
      const { parts, first, second } = await world()
      const fake = parts.fake(first)
      fake.answers.putDispatch = lost
      fake.answers.deleteDispatch = ({ params }: Put) => ({ revoked: false, job: slaveJob({ key: params.key }) })
      expect(await rowIn(parts, await schedule(parts), 'running')).toMatchObject({ node_id: first.id })
      expect(puts(parts.fake(second))).toEqual([])
    })

    const failed = (code: string, syscall: string) => Object.assign(new Error(code), { code, syscall })

    it.each([
      ['refused', new TypeError('fetch failed', { cause: failed('ECONNREFUSED', 'connect') })],
      ['to no address', new AggregateError([1, 2].map(() => failed('ECONNREFUSED', 'connect')))],
      ['to an unknown host', new TypeError('fetch failed', { cause: failed('ENOTFOUND', 'getaddrinfo') })],
      ['that was never there', Object.assign(new Error('late'), { code: 'UND_ERR_CONNECT_TIMEOUT' })],
    ])('gives the job to another at once: a connection %s has carried nothing', async (_, cause) => {
      const { parts, first, second } = await world()
      parts.fake(first).answers.putDispatch = () => {
        throw new NodeUnreachableError('nothing listens there', { cause })
      }
      parts.fake(second).answers.putDispatch = accept
      expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: second.id })
      expect(parts.fake(first).asked('deleteDispatch')).toEqual([])
    })

    it.each([
      ['was reset', failed('ECONNRESET', 'read')],
      ['lost its way', failed('EHOSTUNREACH', 'read')],
      ['failed for one address of two', new AggregateError([failed('ECONNREFUSED', 'connect'), new Error('?')])],
    ])('asks first where the job is: a connection that %s may have carried it', async (_, cause) => {
      const { parts, first, second } = await world()
      parts.fake(first).answers.putDispatch = () => {
        throw new NodeUnreachableError('gone', { cause })
      }
      parts.fake(first).answers.deleteDispatch = ({ params }: Put) => ({
        revoked: false,
        job: slaveJob({ key: params.key }),
      })
      expect(await rowIn(parts, await schedule(parts), 'running')).toMatchObject({ node_id: first.id })
      expect(puts(parts.fake(second))).toEqual([])
    })

    it('leaves the job where it is as long as the node says nothing, is offline, or not followed', async () => {
      const { parts, first, second } = await world()
      const fake = parts.fake(first)
      fake.answers.putDispatch = lost
      fake.answers.deleteDispatch = lost
      const key = await schedule(parts)
      await asked(fake, 'deleteDispatch', 1)
      first.inStep = false
      fake.answers.deleteDispatch = () => ({ revoked: true, job: null })
      const count = fake.asked('deleteDispatch').length
      // Its database may be a new one, which would not know what it was given.
      await turns(50)
      expect(fake.asked('deleteDispatch')).toHaveLength(count)
      expect(parts.jobs.get(key)).toMatchObject({ state: 'assigned', node_id: first.id })
      parts.fake(second).answers.putDispatch = accept
      first.inStep = true
      expect(await rowIn(parts, key, 'starting')).toMatchObject({ node_id: second.id })
    })

    it('settles after a restart what an earlier master had sent', async () => {
      const { parts, first, second } = await world()
      const key = await schedule(parts, { pinnedNode: 'nobody' })
      parts.fake(second).answers.putDispatch = accept
      parts.fake(first).answers.deleteDispatch = () => ({ revoked: true, job: null })
      await parts.ledger.change(
        key,
        () => true,
        () => ({ state: 'assigned', node_id: first.id, node: first.name, owner_attempt: 3, pinned_node: second.name }),
      )
      expect(await rowIn(parts, key, 'starting')).toMatchObject({ node_id: second.id, owner_attempt: 4 })
      expect(parts.fake(first).asked('deleteDispatch')).toEqual([{ params: { key }, query: { attempt: 3 } }])
    })
  })

  describe('of a stock Scrapyd', () => {
    /** The first node is one, which answers as the test says; the second takes everything. */
    async function stockWorld(send: () => Promise<DispatchReply>, knows: () => Promise<boolean> = async () => false) {
      const sent: string[] = []
      const scrapyd = {
        send: (_: unknown, row: JobRow) => {
          sent.push(row.key)
          return send()
        },
        knows,
      }
      const all = await world({ scrapyd })
      await all.parts.nodes.update(all.first, { kind: 'scrapyd' }, false)
      all.parts.fake(all.second).answers.putDispatch = accept
      return { ...all, sent, taken: () => puts(all.parts.fake(all.second)) }
    }
    const failing = (mayHaveArrived: boolean) => () =>
      Promise.reject(
        new NodeCallError(
          targetAt('http://127.0.0.1:7001'),
          mayHaveArrived ? 'cut' : 'refused',
          'gone',
          mayHaveArrived,
        ),
      )

    it('stores at once that it has the job, before it is seen there', async () => {
      const { parts, first, cancelled } = await stockWorld(async () => reply('accepted'))
      const key = await schedule(parts)
      await rowThat(parts, key, (row) => row.state === 'pending' && row.node_id === first.id)
      expect(cancelled).toEqual([])
    })

    it('loses a job that may have arrived and is not known there, and sends it to nobody', async () => {
      const { parts, first, sent, taken } = await stockWorld(failing(true))
      const key = await schedule(parts)
      expect(await rowIn(parts, key, 'finished')).toMatchObject({
        outcome: 'lost',
        node_id: first.id,
        reason: expect.stringContaining('it may have run there'),
      })
      expect(sent).toEqual([key])
      expect(taken()).toEqual([])
    })

    it('follows a job that has arrived without an answer', async () => {
      const { parts, first, sent, taken } = await stockWorld(failing(true), async () => {
        const row = parts.jobs.assigned()[0]!
        await parts.ledger.change(
          row.key,
          () => true,
          () => ({ state: 'running', started_at: 1 }),
        )
        return true
      })
      expect(await rowIn(parts, await schedule(parts), 'running')).toMatchObject({ node_id: first.id })
      expect([sent.length, taken().length]).toEqual([1, 0])
    })

    it('gives a job to another that certainly did not arrive', async () => {
      const { parts, second, sent } = await stockWorld(failing(false))
      expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: second.id })
      expect(sent).toHaveLength(1)
    })

    it('loses what an earlier master had begun to give to it, and what it does not know', async () => {
      const { parts, first, sent, taken } = await stockWorld(async () => reply('accepted'))
      const key = await schedule(parts, { pinnedNode: 'nobody' })
      await parts.ledger.change(
        key,
        () => true,
        () => ({ state: 'assigned', node_id: first.id, node: first.name, owner_attempt: 1, pinned_node: null }),
      )
      expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'lost' })
      expect([sent.length, taken().length]).toEqual([0, 0])
    })

    it('is told of a cancel that came while the job was on its way', async () => {
      const answered = Promise.withResolvers<DispatchReply>()
      const { parts, sent, cancelled } = await stockWorld(() => answered.promise)
      const key = await schedule(parts)
      await vi.waitFor(() => expect(sent).toEqual([key]), WAIT)
      await parts.ledger.change(
        key,
        () => true,
        () => ({ cancel_requested_at: 1 }),
      )
      answered.resolve(reply('accepted'))
      await vi.waitFor(() => expect(cancelled).toEqual([key]), WAIT)
    })
  })

  describe('whose answer comes late', () => {
    /** Sends a job to the first node, which answers when the test says so. */
    async function sent() {
      const all = await world()
      const { parts, first } = all
      const answered = Promise.withResolvers<DispatchReply>()
      parts.fake(first).answers.putDispatch = () => answered.promise
      const key = await schedule(parts)
      await asked(parts.fake(first), 'putDispatch', 1)
      return { ...all, key, answer: answered.resolve }
    }

    it('keeps what the event feed has told meanwhile', async () => {
      const { parts, first, key, answer } = await sent()
      await parts.writer.write(() => parts.mirror.apply(first, slaveJob({ key, state: 'running' })))
      answer(reply('accepted', { job: slaveJob({ key, state: 'starting' }) }))
      await turns(20)
      expect(parts.jobs.get(key)).toMatchObject({ state: 'running' })
    })

    it('does not take a later dispatch back', async () => {
      const { parts, first, second, key, answer } = await sent()
      // Settled by somebody else, and sent to the same node again.
      const change = (patch: Parameters<typeof parts.ledger.change>[2]) => parts.ledger.change(key, () => true, patch)
      await change(() => ({ state: 'assigned', node_id: first.id, owner_attempt: 2 }))
      answer(reply('revoked'))
      await turns(20)
      expect(parts.jobs.get(key)).toMatchObject({ state: 'assigned', node_id: first.id, owner_attempt: 2 })
      expect(puts(parts.fake(second))).toEqual([])
    })

    it('does not bring a job back whose node was removed', async () => {
      const { parts, first, key, answer } = await sent()
      await parts.nodes.remove(first.id)
      await parts.writer.write(() => parts.mirror.lose([parts.jobs.get(key)!], 'removed', Date.now()))
      answer(reply('accepted', { job: slaveJob({ key, state: 'running' }) }))
      await turns(20)
      expect(parts.jobs.get(key)).toMatchObject({ state: 'finished', outcome: 'lost' })
    })

    const cancel = (parts: ClusterParts, key: string) =>
      parts.ledger.change(
        key,
        () => true,
        () => ({ cancel_requested_at: 1, cancelled_by: 'zhang' }),
      )

    it('passes a cancel on that came while the job was on its way', async () => {
      const { parts, key, answer, cancelled } = await sent()
      await cancel(parts, key)
      answer(reply('accepted', { job: slaveJob({ key, state: 'starting' }) }))
      await vi.waitFor(() => expect(cancelled).toEqual([key]), WAIT)
      expect(parts.jobs.get(key)).toMatchObject({ state: 'starting', cancel_requested_at: 1 })
    })

    it.each(['busy', 'unstartable'] as const)('ends a job as cancelled that was cancelled, after %s', async (what) => {
      const { parts, second, key, answer } = await sent()
      await cancel(parts, key)
      parts.fake(second).answers.putDispatch = accept
      answer(reply(what, { reason: 'no' }))
      expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'cancelled' })
      expect(puts(parts.fake(second))).toEqual([])
    })

    it('leaves the job assigned when the daemon stops, and says nothing', async () => {
      const { parts, key, answer, dispatcher } = await sent()
      dispatcher.stop()
      answer(reply('busy'))
      await turns(5)
      expect(parts.jobs.get(key)).not.toBeNull()
      expect(parts.log.lines.filter((line) => line.includes('did not answer'))).toEqual([])
    })
  })

  it('assigns nothing to a node that is removed in the same moment', async () => {
    const { parts, first, second } = await world()
    parts.fake(second).answers.putDispatch = accept
    parts.fake(first).answers.putDispatch = accept
    const [key] = await Promise.all([schedule(parts), parts.nodes.remove(first.id)])
    const row = await rowIn(parts, key, 'starting')
    expect(row).toMatchObject({ node_id: second.id })
  })

  it('starts on the master itself what it is the best node for', async () => {
    const { parts, launched } = await world({
      launcher: {
        maxProc: 4,
        free: 4,
        launch: (key: string) => {
          launched.push(key)
          return parts.ledger.change(
            key,
            (now) => now.state === 'pending',
            () => ({ state: 'starting', node_id: 'local', node: 'master1' }),
          )
        },
      } as unknown as DispatcherParts['launcher'],
    })
    const key = await schedule(parts)
    await rowIn(parts, key, 'starting')
    expect(launched).toEqual([key])
  })

  it('says why a job waits', async () => {
    const { parts, dispatcher, first, second } = await world({ runsJobs: false })
    const why = (pinned: string | null = null) => dispatcher.whyPending(HERALD, pinned)
    expect(why()).toBeNull()
    expect(why('master1')).toBe('Waits: master1: the master runs no jobs itself (master_runs_jobs)')
    await parts.nodes.setState(second, 'unknown', 'its password is wrong')
    first.inStep = false
    first.followFailure = 'the stream is cut'
    await turns(1)
    expect(why()).toBe(
      'Waits: master1: the master runs no jobs itself (master_runs_jobs); ' +
        `${first.name}: what happens there is not known yet (the stream is cut); ${second.name}: its password is wrong`,
    )
  })

  it('goes on when the database took nothing for a while', async () => {
    const { parts, first } = await world()
    parts.fake(first).answers.putDispatch = accept
    const { change } = parts.ledger
    let fails = 3
    parts.ledger.change = (...given) =>
      fails-- > 0 ? Promise.reject(new StorageError('full')) : change.apply(parts.ledger, given)
    expect(await rowIn(parts, await schedule(parts), 'starting')).toMatchObject({ node_id: first.id })
    expect(parts.log.lines.join()).toContain('no job could be given to a node')
  })
})

/** Lets the event loop turn, so that whatever was to happen has happened. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
