import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Dispatcher, type DispatcherParts } from '../../../src-daemon/cluster/dispatcher.ts'
import { StockDispatch } from '../../../src-daemon/cluster/stock-dispatch.ts'
import { StockNodes } from '../../../src-daemon/cluster/stock-nodes.ts'
import { StatsStore } from '../../../src-daemon/storage/stats.ts'
import { jobRequest, rowIn, rowThat } from '../../helpers/ledger-parts.ts'
import { clusterParts, host, usable } from './cluster-parts.ts'
import { serve, targetAt } from './http-servers.ts'

/** What a Scrapyd keeps in memory, over HTTP: it forgets all of it when it is restarted. */
class Memory {
  readonly scheduled: string[] = []
  #jobs = new Map<string, { id: string; project: string; spider: string }>()
  /** The answer to schedule.json never comes. */
  isDeaf = false
  isListing = true

  start(job: { readonly id: string; readonly project: string; readonly spider: string }): void {
    this.#jobs.set(job.id, job)
  }

  restart(): void {
    this.#jobs = new Map()
    this.isListing = true
  }

  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    const say = (answer: object) => response.end(JSON.stringify({ status: 'ok', node_name: 'fern', ...answer }))
    if (request.url === '/listjobs.json') {
      const running = [...this.#jobs.values()].map((job) => ({ ...job, start_time: '2026-01-01 00:00:00.000000' }))
      if (this.isListing) say({ pending: [], running, finished: [] })
      else request.socket.destroy()
      return
    }
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(pieces).toString())
      const [id, project, spider] = ['jobid', 'project', 'spider'].map((name) => form.get(name) ?? '') as [
        string,
        string,
        string,
      ]
      this.scheduled.push(id)
      this.start({ id, project, spider })
      if (this.isDeaf) request.socket.destroy()
      else say({ jobid: id })
    })
  }
}

/** A master whose only node is that server; it looks at its jobs every few milliseconds. */
async function world() {
  const memory = new Memory()
  const doubts: string[] = []
  const server = await serve(memory.answer)
  const parts = clusterParts()
  await parts.nodes.load([host(server.port)])
  const node = parts.nodes.list()[0]!
  await usable(parts, node)
  await parts.nodes.update(node, { kind: 'scrapyd' }, false)
  const target = () => targetAt(server.url, { id: node.id, name: node.name, kind: 'scrapyd' })
  const stock = new StockNodes({
    ...parts,
    target,
    stats: new StatsStore(parts.db),
    intervalMs: 5,
    keepMs: 60_000,
    onJobs: () => dispatcher.wake(),
    onDoubt: (one) => doubts.push(one.row.state),
  })
  const dispatcher: Dispatcher = new Dispatcher({
    ...parts,
    isAllCodeSame: true,
    runsJobs: false,
    launcher: { maxProc: 0, free: 0 } as unknown as DispatcherParts['launcher'],
    scrapyd: new StockDispatch({ target, look: (one) => stock.now(one), row: (key) => parts.jobs.get(key) }),
    isPaused: () => false,
    passCancel: () => {},
    hasLocalProject: () => false,
    hasLocalSpider: () => false,
    intervalMs: 5,
  })
  const follower = stock.follow(node)
  const off = parts.writer.onCommit(() => dispatcher.wake())
  dispatcher.start()
  onTestFinished(async () => {
    off()
    dispatcher.stop()
    await follower.stop()
  })
  return { parts, memory, node, doubts, schedule: async () => (await parts.ledger.schedule(jobRequest())).key }
}

describe('a stock Scrapyd', () => {
  it('that answers though it counts as offline is asked at once how it is', async () => {
    const { parts, node, doubts, schedule } = await world()
    await rowIn(parts, await schedule(), 'running')
    expect(doubts).toEqual([])
    await parts.nodes.setState(node, 'offline', 'no answer within 0.9 s')
    await expect.poll(() => doubts[0]).toBe('offline')
  })
})

describe('a job on a stock Scrapyd', () => {
  it('is followed once it was accepted', async () => {
    const { parts, memory, node, schedule } = await world()
    const key = await schedule()
    expect(await rowIn(parts, key, 'running')).toMatchObject({ node_id: node.id })
    expect(memory.scheduled).toHaveLength(1)
  })

  it('that accepted it and was restarted before it was asked for its jobs is lost, and not sent again', async () => {
    const { parts, memory, schedule } = await world()
    memory.isListing = false
    const key = await schedule()
    await rowThat(parts, key, (row) => row.state === 'pending' && row.node_id !== null)
    memory.restart()
    expect(await rowIn(parts, key, 'finished')).toMatchObject({
      outcome: 'lost',
      reason: expect.stringContaining('does not know the job any more'),
    })
    expect(memory.scheduled).toHaveLength(1)
  })

  it('whose answer was lost is followed when it is there, and lost when it is not', async () => {
    const { parts, memory, schedule } = await world()
    memory.isDeaf = true
    const known = await schedule()
    expect(await rowIn(parts, known, 'running')).toMatchObject({ outcome: null })
    memory.isListing = false
    const forgotten = await schedule()
    await rowThat(parts, forgotten, (row) => row.state === 'assigned')
    await expect.poll(() => memory.scheduled.length).toBe(2)
    memory.restart()
    expect(await rowIn(parts, forgotten, 'finished')).toMatchObject({
      outcome: 'lost',
      reason: expect.stringContaining('it may have run there'),
    })
    expect(memory.scheduled).toHaveLength(2)
    // It was only late: a proxy had kept the request.
    const { id, project, spider } = parts.jobs.get(forgotten)!
    memory.start({ id, project, spider })
    expect(await rowIn(parts, forgotten, 'running')).toMatchObject({ outcome: null, reason: null, ended_at: null })
    expect(parts.jobs.runsOf(project, spider, id)).toHaveLength(1)
  }, 20_000)
})
