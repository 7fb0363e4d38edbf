import { afterEach, describe, expect, it, vi } from 'vitest'
import type { NodeSelf } from '../../../src-daemon/api/contract/values.ts'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { Membership } from '../../../src-daemon/cluster/membership.ts'
import { UnusableNodeError } from '../../../src-daemon/cluster/pinger.ts'
import { ConflictError, JobNotFoundError, NodeUnreachableError, StorageError } from '../../../src-daemon/errors.ts'
import { newRow, rowIn, rowThat } from '../../helpers/ledger-parts.ts'
import {
  clusterParts,
  FEED,
  hello,
  loaded,
  MASTER,
  slaveJob,
  slaveSelf,
  snapshot,
  WAIT,
  type ClusterParts,
} from './cluster-parts.ts'

const OURS = { instance: MASTER, node_name: 'master1' }
const stops: (() => Promise<void>)[] = []

function world(dir?: string) {
  const parts = clusterParts(dir)
  const said: string[] = []
  const stock: { started: number; stopped: number } = { started: 0, stopped: 0 }
  const membership = new Membership({
    ...parts,
    followScrapyd: () => {
      stock.started++
      return {
        stop: async () => {
          stock.stopped++
        },
      }
    },
    cancelScrapyd: async (node, row) => void said.push(`cancel ${row.key} on ${node.name}`),
    onStream: () => {},
    onEphemeral: () => {},
    wake: (node) => said.push(`wake ${node.name}`),
    onProjects: (node, names) => said.push(`projects of ${node.name}: ${names.join()}`),
    pingNow: (node) => said.push(`ping ${node.name}`),
  })
  stops.push(() => membership.stop())
  /** The answer of a slave to a ping. */
  const answered = (node: ClusterNode, self: Partial<NodeSelf> = {}) => {
    const fake = parts.fake(node)
    fake.answers.putOwner ??= () => ({ owner: OURS })
    fake.answers.deleteOwner ??= () => ({ owner: null })
    fake.answers.ackEvents ??= () => ({ status: 'ok' })
    const result = { kind: 'slave', self: slaveSelf({ owner: OURS, ...self }) } as const
    return membership.answered(node, result, Date.now(), 2)
  }
  return { parts, membership, said, stock, answered }
}

async function heldBy(parts: ClusterParts, node: ClusterNode, row: Parameters<typeof newRow>[0]): Promise<string> {
  const made = newRow({ node_id: node.id, node: node.name, ...row })
  await parts.writer.write(() => parts.jobs.insert(made))
  return made.key
}

async function task(
  parts: ClusterParts,
  node: ClusterNode,
  ...given: [Parameters<typeof parts.store.addTask>[1], object]
) {
  await parts.writer.write(() => parts.store.addTask(node.id, given[0], JSON.stringify(given[1]), Date.now()))
}

/** What waits for a node. */
const waits = (parts: ClusterParts, node: ClusterNode, ...wanted: readonly string[]) =>
  vi.waitFor(() => expect(parts.nodes.waiting(node)).toEqual(wanted), WAIT)

describe('membership', () => {
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })

  it('makes a slave that nobody owns ours, follows it, and tells that it is online', async () => {
    const { parts, said, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!, { owner: null, paused: true, pause_note: 'disk' })
    const fake = parts.fake(node!)
    expect(fake.asked('putOwner')).toEqual([{ body: { ...OURS, takeover: false } }])
    expect(node!.row).toMatchObject({ state: 'online', name: 'slave1', kind: 'slave', max_proc: 4, paused: 1 })
    expect(said).toContain('wake slave1')
    await fake.stream(1)
    await answered(node!)
    expect(fake.streams).toHaveLength(1)
    expect(parts.store.history(node!.id).map(({ state }) => state)).toEqual(['online'])
  })

  it.each([
    ['', '127.0.0.1:7001'],
    [' a\nline\u001b[2J of its own ', 'a line [2J of its own'],
    ['云'.repeat(5_000), '云'.repeat(100)],
  ])('shows the name %j of a node as one that harms nobody', async (node_name, shown) => {
    const { parts, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!, { node_name })
    expect(node!.name).toBe(shown)
    const head = parts.events.head()
    await answered(node!, { node_name })
    expect(parts.events.head()).toBe(head)
  })

  it('writes nothing when a ping brings nothing new', async () => {
    const { parts, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!)
    const head = parts.events.head()
    let commits = 0
    parts.writer.onCommit(() => commits++)
    for (let count = 0; count < 5; count++) await answered(node!)
    expect(parts.events.head()).toBe(head)
    expect(commits).toBe(0)
  })

  it('does not bring back a project by what a node said before it was taken out of service', async () => {
    const { parts, membership } = world()
    const [node] = await loaded(parts, 7001)
    const code = { project: 'news', path: '/news', branch: null, commit: null, committed_at: null, dirty: null }
    const more = { behind: null, ahead: null, spiders: 1, error: null }
    const ping = (sentAt: number) =>
      membership.answered(
        node!,
        { kind: 'slave', self: slaveSelf({ owner: OURS, projects: [{ ...code, ...more } as never] }) },
        sentAt,
        2,
      )
    await ping(Date.now())
    expect(node!.hasProject('news')).toBe(true)
    const before = Date.now()
    node!.dropProject('news')
    await ping(before)
    expect(node!.hasProject('news')).toBe(false)
    // It has it again, as it says later.
    await ping(Date.now() + 1)
    expect(node!.hasProject('news')).toBe(true)
  })

  it('learns the clock of a node', async () => {
    const { parts, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!, { now: new Date(Date.now() - 3_600_000).toISOString() })
    expect(Math.abs(node!.clockOffset + 3_600_000)).toBeLessThan(10_000)
  })

  it('goes offline with the reason, once, and tells it again only when it changes', async () => {
    const { parts, membership, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!)
    await membership.failed(node!, new NodeUnreachableError('connection refused'))
    expect(node!.row).toMatchObject({ state: 'offline', last_error: 'connection refused' })
    expect(node!.inStep).toBe(false)
    const head = parts.events.head()
    await membership.failed(node!, new NodeUnreachableError('connection refused'))
    expect(parts.events.head()).toBe(head)
    await membership.failed(node!, new NodeUnreachableError('no answer'))
    expect(parts.events.head()).toBe(head + 1)
    expect(parts.log.lines.filter((line) => line.includes('is offline'))).toHaveLength(1)
  })

  it('opens the stream of a node anew that was away, so that it is in step though nothing happens there', async () => {
    const { parts, membership, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!)
    const fake = parts.fake(node!)
    const first = await fake.stream(1)
    first.send(hello(3, false), { type: 'reset', feed: FEED, reason: 'no cursor' }, snapshot(3, []))
    await vi.waitFor(() => expect(node!.inStep).toBe(true), WAIT)
    await membership.failed(node!, new NodeUnreachableError('no answer'))
    expect(node!.inStep).toBe(false)
    await answered(node!)
    const second = await fake.stream(2)
    second.send(hello(3, true))
    await vi.waitFor(() => expect(node!.inStep).toBe(true), WAIT)
  })

  it('drops a stream that leads to another life of the database', async () => {
    const { parts, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!)
    const stream = await parts.fake(node!).stream(1)
    stream.send(hello(3, false), { type: 'reset', feed: FEED, reason: 'no cursor' }, snapshot(3, []))
    await vi.waitFor(() => expect(node!.inStep).toBe(true), WAIT)
    await answered(node!, { feed: 'feed0000000000000000000009', instance: 'slave00000000000000000000b' })
    expect(stream.isOpen).toBe(false)
    expect(node!.inStep).toBe(false)
  })

  describe('does not use', () => {
    const isRefused = (node: ClusterNode, words: string) =>
      expect(node.row).toMatchObject({ state: 'unknown', last_error: expect.stringContaining(words) })

    it.each([
      ['the master itself', { instance: MASTER }, 'This is the master itself'],
      ['another master', { identity: 'master', cluster_name: 'other' }, "a master itself (of the cluster 'other')"],
      [
        'a slave of another master',
        { owner: { instance: 'another', node_name: 'master2' } },
        "It belongs to the master 'master2' (another)",
      ],
    ] as const)('%s', async (_, self, words) => {
      const { parts, answered } = world()
      const [node] = await loaded(parts, 7001)
      await answered(node!, self)
      isRefused(node!, words)
      expect(node!.problem).toContain(words)
      expect(parts.fake(node!).streams).toEqual([])
      expect(parts.fake(node!).asked('putOwner')).toEqual([])
    })

    it('one daemon twice, also when both addresses answer at once', async () => {
      const { parts, answered } = world()
      const [first, second] = await loaded(parts, 7001, 7002)
      await Promise.all([answered(first!, { owner: null }), answered(second!, { owner: null })])
      const states = [first!, second!].map((node) => node.row.state)
      expect(states.toSorted()).toEqual(['online', 'unknown'])
      const [used, twin] = states[0] === 'online' ? [first!, second!] : [second!, first!]
      isRefused(twin, `This is the same daemon as ${new URL(used.row.url).host}, listed twice`)
      // Nor while the other is away: its jobs would be followed under two names.
      await answered(twin)
      isRefused(twin, 'listed twice')
      await parts.nodes.remove(used.id)
      await answered(twin)
      expect(twin.row.state).toBe('online')
    })

    it('two nodes under one name', async () => {
      const { parts, answered } = world()
      const [first, second] = await loaded(parts, 7001, 7002)
      await Promise.all([
        answered(first!, { instance: 'slave00000000000000000000a' }),
        answered(second!, { instance: 'slave00000000000000000000b' }),
      ])
      expect([first!.name, second!.name].toSorted()).toEqual(['slave1', expect.stringMatching(/^slave1 \(127/)])
      expect(parts.log.lines.join()).toContain("another node is called 'slave1' already")
    })

    it('a node any more that was followed and belongs to somebody else now; and has it again when it does not', async () => {
      const { parts, answered, membership } = world()
      const [node] = await loaded(parts, 7001)
      await answered(node!)
      const stream = await parts.fake(node!).stream(1)
      await answered(node!, { owner: { instance: 'another', node_name: 'master2' } })
      isRefused(node!, 'master2')
      expect(stream.isOpen).toBe(false)
      await membership.failed(node!, new NodeUnreachableError('no answer'))
      expect(node!.row.state).toBe('offline')
      await answered(node!, { owner: { instance: 'another', node_name: 'master2' } })
      isRefused(node!, 'master2')
      await answered(node!)
      expect(node!.row.state).toBe('online')
      await parts.fake(node!).stream(2)
    })

    it('what answers, but is no node', async () => {
      const { parts, membership } = world()
      const [node] = await loaded(parts, 7001)
      await membership.failed(node!, new UnusableNodeError('its user name or password is wrong'))
      isRefused(node!, 'password is wrong')
      expect(parts.log.lines.join()).toContain('cannot be used')
    })
  })

  it('follows by what the node is now, when a stock Scrapyd became one of our own', async () => {
    const { parts, membership, stock, answered } = world()
    const [node] = await loaded(parts, 7001)
    const scrapyd = { kind: 'scrapyd', name: 'old', pending: 0, running: 0, projects: ['news'] } as const
    await membership.answered(node!, scrapyd, Date.now(), 2)
    expect(node!.row).toMatchObject({ state: 'unknown', last_error: expect.stringContaining('max_proc') })
    await parts.nodes.update(node!, { max_proc: 2 }, false)
    await membership.answered(node!, scrapyd, Date.now(), 2)
    expect(node!.row).toMatchObject({ state: 'online', kind: 'scrapyd', name: 'old' })
    expect(stock).toEqual({ started: 1, stopped: 0 })
    await answered(node!)
    expect(stock.stopped).toBe(1)
    await parts.fake(node!).stream(1)
    // Not the other way round: its jobs are known by their keys, and would all come a second time.
    await membership.answered(node!, scrapyd, Date.now(), 2)
    expect(node!.row).toMatchObject({
      state: 'unknown',
      kind: 'slave',
      last_error: expect.stringContaining('answers as a stock Scrapyd now: remove it and add it again'),
    })
    await membership.answered(node!, scrapyd, Date.now(), 2)
    expect(node!.row).toMatchObject({ state: 'unknown', kind: 'slave' })
    expect(stock.started).toBe(1)
    await answered(node!)
    expect(node!.row).toMatchObject({ state: 'online', kind: 'slave' })
  })

  describe('tells a node that is back', () => {
    it('what it missed, in order; what it does not answer to waits, what it refuses does not', async () => {
      const { parts, answered } = world()
      const [node] = await loaded(parts, 7001)
      const fake = parts.fake(node!)
      await task(parts, node!, 'addproject', { project: 'news', path: '/news' })
      await task(parts, node!, 'delproject', { project: 'old' })
      await task(parts, node!, 'addproject', { project: 'last' })
      let isThere = false
      fake.answers.addProject = ({ params }: { params: { project: string } }) => {
        if (params.project === 'news') throw new ConflictError('no such folder')
        return {}
      }
      fake.answers.deleteProject = () => {
        if (!isThere) throw new NodeUnreachableError('no answer')
        return {}
      }
      await answered(node!)
      await waits(parts, node!, 'delproject old', 'addproject last')
      await vi.waitFor(() => expect(fake.asked('deleteProject')).toHaveLength(1), WAIT)
      expect(parts.log.lines.join()).toContain('refused addproject')
      isThere = true
      // It is online all the time: the next ping is enough.
      await vi.waitFor(async () => {
        await answered(node!)
        expect(parts.nodes.waiting(node!)).toEqual([])
      }, WAIT)
      expect(fake.asked('addProject')).toEqual([
        { params: { project: 'news' }, body: { path: '/news' } },
        { params: { project: 'last' }, body: { path: null } },
      ])
    })

    it('what it missed before the master was restarted, once its disk takes it', async () => {
      const before = world()
      const [lost] = await loaded(before.parts, 7001)
      await task(before.parts, lost!, 'delproject', { project: 'old' })
      await before.membership.stop()
      before.parts.close()
      const { parts, answered } = world(before.parts.dir)
      const [node] = await loaded(parts, 7001)
      const fake = parts.fake(node!)
      fake.answers.deleteProject = () => {
        throw new StorageError('full')
      }
      await answered(node!)
      await vi.waitFor(() => expect(fake.asked('deleteProject')).toHaveLength(1), WAIT)
      expect(parts.nodes.waiting(node!)).toEqual(['delproject old'])
      fake.answers.deleteProject = () => ({})
      await vi.waitFor(async () => {
        await answered(node!)
        expect(parts.nodes.waiting(node!)).toEqual([])
      }, WAIT)
    })

    it('that it was paused, and does not believe it before', async () => {
      const { parts, answered } = world()
      const [node] = await loaded(parts, 7001)
      const fake = parts.fake(node!)
      fake.answers.pauseNode = () => {
        throw new NodeUnreachableError('no answer')
      }
      await parts.nodes.update(node!, { paused: 1, pause_note: 'disk' }, false)
      await task(parts, node!, 'pause', { note: 'disk' })
      await answered(node!, { paused: false })
      expect(node!.row).toMatchObject({ state: 'online', paused: 1, pause_note: 'disk' })
      fake.answers.pauseNode = () => slaveSelf({ paused: true })
      await vi.waitFor(async () => {
        await answered(node!, { paused: false })
        expect(parts.nodes.waiting(node!)).toEqual([])
      }, WAIT)
      expect(fake.asked('pauseNode').at(-1)).toEqual({ body: { note: 'disk' } })
      await answered(node!, { paused: true, pause_note: 'disk' })
      expect(node!.row).toMatchObject({ paused: 1 })
    })

    it('of cancels, again and again until it has them', async () => {
      const { parts, answered } = world()
      const [node] = await loaded(parts, 7001)
      const fake = parts.fake(node!)
      // As an earlier master has stored it.
      const key = await heldBy(parts, node!, { state: 'running', cancel_requested_at: 1, cancel_signal: 'SIGTERM' })
      const assigned = await heldBy(parts, node!, { state: 'assigned', cancel_requested_at: 1 })
      let count = 0
      fake.answers.cancelJob = () => {
        count++
        if (count < 3) throw new NodeUnreachableError('no answer')
        return slaveJob()
      }
      for (let ping = 0; ping < 3; ping++) {
        await vi.waitFor(async () => {
          await answered(node!)
          expect(count).toBeGreaterThan(ping)
        }, WAIT)
      }
      await rowThat(parts, key, (row) => row.cancel_delivered === 1)
      await answered(node!)
      expect(fake.asked('cancelJob')).toEqual([1, 2, 3].map(() => ({ params: { key }, body: { signal: 'SIGTERM' } })))
      // On its way: whoever settles it tells of the cancel.
      expect(parts.jobs.get(assigned)).toMatchObject({ cancel_delivered: 0 })
    })

    it('of a second cancel that came while the first was being delivered', async () => {
      const { parts, membership, answered } = world()
      const [node] = await loaded(parts, 7001)
      await answered(node!)
      const fake = parts.fake(node!)
      const first = Promise.withResolvers<void>()
      fake.answers.cancelJob = () => first.promise.then(() => slaveJob())
      const key = await heldBy(parts, node!, { state: 'running', cancel_requested_at: 1 })
      const passing = membership.passCancel(node!, key)
      await parts.ledger.change(
        key,
        () => true,
        () => ({ cancel_signal: 'SIGKILL' }),
      )
      await membership.passCancel(node!, key)
      expect(fake.asked('cancelJob')).toHaveLength(1)
      first.resolve()
      await passing
      await vi.waitFor(() => expect(fake.asked('cancelJob')).toHaveLength(2), WAIT)
      expect(fake.asked('cancelJob')[1]).toEqual({ params: { key }, body: { signal: 'SIGKILL' } })
    })
  })

  it('asks a node that is back for the jobs that were given up while it was away', async () => {
    const { parts, membership, answered } = world()
    const [node] = await loaded(parts, 7001)
    await answered(node!)
    const old = await heldBy(parts, node!, { state: 'finished', outcome: 'lost', ended_at: Date.now() - 60_000 })
    await membership.failed(node!, new NodeUnreachableError('no answer'))
    const runs = await heldBy(parts, node!, { state: 'finished', outcome: 'lost', ended_at: Date.now() + 1 })
    const gone = await heldBy(parts, node!, { state: 'finished', outcome: 'lost', ended_at: Date.now() + 1 })
    parts.fake(node!).answers.getJob = ({ params }: { params: { key: string } }) => {
      if (params.key === gone) throw new JobNotFoundError(gone)
      return slaveJob({ key: params.key })
    }
    await answered(node!)
    expect(await rowIn(parts, runs, 'running')).toMatchObject({ outcome: null })
    await vi.waitFor(() => expect(parts.fake(node!).asked('getJob')).toHaveLength(2), WAIT)
    expect(parts.jobs.get(gone)).toMatchObject({ state: 'finished', outcome: 'lost' })
    expect(parts.jobs.get(old)).toMatchObject({ state: 'finished', outcome: 'lost' })
  })

  it('says how the node is while that takes its time to learn what it missed', async () => {
    const { parts, membership, answered } = world()
    const [node] = await loaded(parts, 7001)
    await task(parts, node!, 'delproject', { project: 'old' })
    parts.fake(node!).answers.deleteProject = () => new Promise(() => {})
    await answered(node!)
    await membership.failed(node!, new NodeUnreachableError('no answer'))
    expect(node!.row.state).toBe('offline')
    await answered(node!)
    expect(node!.row.state).toBe('online')
    expect(parts.fake(node!).asked('deleteProject')).toHaveLength(1)
  })

  it('follows nothing any more once it has stopped', async () => {
    const { parts, membership, answered } = world()
    const [node] = await loaded(parts, 7001)
    const owned = Promise.withResolvers<object>()
    parts.fake(node!).answers.putOwner = () => owned.promise
    const late = answered(node!, { owner: null })
    await membership.stop()
    owned.resolve({ owner: OURS })
    await late
    expect(parts.fake(node!).streams).toEqual([])
    expect(node!.row.state).toBe('unknown')
  })

  describe('of a node that was removed', () => {
    it('gives its jobs up, lets it go, and hears nothing of it any more', async () => {
      const { parts, membership, answered } = world()
      const [node] = await loaded(parts, 7001)
      await answered(node!)
      const stream = await parts.fake(node!).stream(1)
      const key = await heldBy(parts, node!, { state: 'running' })
      await parts.nodes.remove(node!.id)
      expect(await rowIn(parts, key, 'finished')).toMatchObject({
        outcome: 'lost',
        reason: 'The node slave1 was removed from the cluster',
      })
      expect(stream.isOpen).toBe(false)
      expect(parts.fake(node!).asked('deleteOwner')).toEqual([{ query: { instance: MASTER } }])
      const head = parts.events.head()
      await answered(node!)
      await membership.failed(node!, new NodeUnreachableError('no answer'))
      expect(parts.events.head()).toBe(head)
      expect(parts.fake(node!).streams).toHaveLength(1)
    })

    it('gives its jobs up also when the daemon was killed before that', async () => {
      const parts = clusterParts()
      const [node] = await loaded(parts, 7001)
      const key = await heldBy(parts, node!, { state: 'running' })
      const own = await heldBy(parts, node!, { state: 'running', node_id: 'local', node: 'master1' })
      await parts.writer.write(() => parts.store.delete(node!.id))
      parts.close()
      const again = world(parts.dir)
      await again.parts.nodes.load([])
      await again.membership.start()
      expect(again.parts.jobs.get(key)).toMatchObject({
        outcome: 'lost',
        reason: 'Its node is not in the cluster any more',
      })
      expect(again.parts.jobs.get(own)).toMatchObject({ state: 'running' })
    })
  })
})
