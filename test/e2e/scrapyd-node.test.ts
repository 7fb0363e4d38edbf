import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { LogTails, TailPiece } from '../../src-daemon/api/ports.ts'
import { ClusterTails } from '../../src-daemon/cluster/cluster-tails.ts'
import { ForwardProxy } from '../../src-daemon/cluster/forward-proxy.ts'
import { Forwards } from '../../src-daemon/cluster/forwards.ts'
import { probeNode } from '../../src-daemon/cluster/node-probe.ts'
import type { NodeTarget } from '../../src-daemon/cluster/node-target.ts'
import { ScrapydClock } from '../../src-daemon/cluster/scrapyd-clock.ts'
import { type MirrorPort, type MirrorRow, ScrapydFollower } from '../../src-daemon/cluster/scrapyd-follower.ts'
import type { MirroredJob } from '../../src-daemon/cluster/scrapyd-mirror.ts'
import { type ScrapydJob, ScrapydNode } from '../../src-daemon/cluster/scrapyd-node.ts'
import { ask } from '../daemon/cluster/http-servers.ts'
import { TestPlaces } from '../daemon/cluster/job-places.ts'
import { NewspapersScrapyd } from '../helpers/newspapers-scrapyd.ts'
import { until } from '../helpers/until.ts'

const log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }

/** The master's ledger of one node, as little as the follower needs. */
class TestLedger implements MirrorPort {
  readonly rows = new Map<string, MirroredJob & Partial<MirrorRow> & { lost?: string }>()
  readonly changes: string[] = []
  #keys = 0

  add(id: string, more: Partial<MirroredJob> = {}): string {
    const key = `own${++this.#keys}`
    this.rows.set(key, { key, project: 'newspapers', id, state: 'pending', run: null, isConfirmed: false, ...more })
    return key
  }

  known(ids: ReadonlySet<string>): readonly MirroredJob[] {
    return [...this.rows.values()].filter((row) => row.state !== 'finished' || ids.has(row.id))
  }

  async apply(rows: readonly MirrorRow[]): Promise<void> {
    for (const row of rows) {
      const key = row.key ?? `mirrored${++this.#keys}`
      this.rows.set(key, { ...row, key, isConfirmed: true })
      this.changes.push(`${key} ${row.state}`)
    }
  }

  async lose(keys: readonly string[], reason: string): Promise<void> {
    for (const key of keys) {
      const row = this.rows.get(key)
      if (row !== undefined) this.rows.set(key, { ...row, state: 'finished', lost: reason })
    }
  }

  get(key: string) {
    return this.rows.get(key)
  }

  byId(id: string) {
    return [...this.rows.values()].filter((row) => row.id === id)
  }

  finished(key: string) {
    return until(`${key} ends`, () => (this.get(key)?.state === 'finished' ? this.get(key) : null))
  }
}

function job(id: string, spider = 'harbour_times', args: Record<string, string> = {}): ScrapydJob {
  return { id, project: 'newspapers', spider, priority: 0, args, settings: {}, version: null }
}

const ticker = (id: string, duration: number) => job(id, 'night_ticker', { duration: String(duration), rate: '5' })

let stock: NewspapersScrapyd
let target: NodeTarget
let node: ScrapydNode

beforeAll(async () => {
  // A zone that is nobody's: its times must come out right all the same.
  stock = await NewspapersScrapyd.start(
    { username: 'ann', password: 'p:ss', node_name: 'fern' },
    { TZ: 'Asia/Kolkata' },
  )
  const credentials = { username: 'ann', password: 'p:ss' }
  target = { id: 'n1', name: 'fern', url: stock.url, kind: 'scrapyd', maxProc: 2, ...credentials }
  node = new ScrapydNode(() => target)
})

afterAll(() => stock.stop())

function follow(ledger: TestLedger, at: ScrapydNode = node): ScrapydFollower {
  const follower = new ScrapydFollower({
    node: at,
    port: ledger,
    clock: new ScrapydClock(),
    intervalMs: 100,
    keepMs: 3_600_000,
    polled: () => {},
    log,
  })
  follower.start()
  onTestFinished(() => follower.stop())
  return follower
}

describe('a stock Scrapyd', () => {
  it('is recognised, and its wrong password told', async () => {
    const options = { timeoutMs: 5_000, instance: 'me' }
    expect(await probeNode(target, options)).toMatchObject({ kind: 'scrapyd', name: 'fern', projects: ['newspapers'] })
    expect(await probeNode({ ...target, password: 'no' }, options)).toMatchObject({
      kind: 'unknown',
      problem: 'its user name or password is wrong',
    })
  })

  it('lists its spiders, and says what it does not have', async () => {
    expect(await node.listSpiders('newspapers')).toContain('云溪日报')
    expect(await node.listVersions('newspapers')).toEqual([])
    expect(await node.schedule({ ...job('x'), project: 'none' })).toMatchObject({ answer: 'no-project' })
    expect(await node.schedule(job('x', 'none'))).toMatchObject({ answer: 'no-spider' })
    expect(await node.cancel('newspapers', 'unknown')).toBeNull()
  })

  it('is followed: our jobs by their ids, those of others as they appear, with times in UTC', async () => {
    const ledger = new TestLedger()
    const before = Date.now()
    const key = ledger.add('ours-1')
    expect(await node.schedule(job('ours-1', 'river_post', { section: 'sport', limit: '2' }))).toEqual({
      answer: 'accepted',
    })
    await node.schedule(job('theirs-1', '云溪日报'))
    follow(ledger)
    const ours = await ledger.finished(key)
    expect(ours).toMatchObject({ key, id: 'ours-1', spider: 'river_post', hasLog: true })
    expect(ours.log).toMatchObject({ finishReason: 'finished', stats: { item_scraped_count: 2 } })
    const theirs = await until('their job ends', () =>
      ledger.byId('theirs-1').find(({ state }) => state === 'finished'),
    )
    for (const { startedAt, endedAt } of [ours, theirs]) {
      expect(startedAt).toBeGreaterThan(before - 2_000)
      expect(endedAt).toBeGreaterThanOrEqual(startedAt ?? 0)
      expect(endedAt).toBeLessThan(Date.now() + 2_000)
    }
  })

  it('has its zone learned from its history', async () => {
    const ledger = new TestLedger()
    const follower = follow(ledger)
    expect(await follower.poll()).toBe(true)
    const past = [...ledger.rows.values()]
    expect(past.length).toBeGreaterThanOrEqual(2)
    for (const { endedAt } of past) expect(Math.abs((endedAt ?? 0) - Date.now())).toBeLessThan(10 * 60_000)
  })

  it('runs one id again and again, each run a job of its own', async () => {
    const ledger = new TestLedger()
    const follower = follow(ledger)
    const first = ledger.add('daily')
    await node.schedule(job('daily', 'qingshi_evening'))
    await ledger.finished(first)
    const second = ledger.add('daily')
    await follower.poll()
    expect(ledger.get(second)).toMatchObject({ state: 'pending', isConfirmed: false })
    await node.schedule(job('daily', 'qingshi_evening'))
    const { run } = await ledger.finished(second)
    expect(run).not.toBe(ledger.get(first)?.run)
    expect(ledger.byId('daily')).toHaveLength(2)
  })

  it('has a job whose answer was lost, once', async () => {
    const proxy = await losingProxy(Number(new URL(stock.url).port))
    const deaf = new ScrapydNode(() => ({ ...target, url: proxy.url }), { pythonMs: 20_000 })
    const ledger = new TestLedger()
    const follower = follow(ledger)
    const key = ledger.add('lost-answer')
    await expect(deaf.schedule(job('lost-answer'))).rejects.toMatchObject({ mayHaveArrived: true })
    await until('the job is there', async () => {
      await follower.poll()
      return ledger.get(key)?.isConfirmed
    })
    await ledger.finished(key)
    expect(ledger.byId('lost-answer')).toHaveLength(1)
  })

  it('does not have a job that did not arrive, and that is no loss', async () => {
    const nobody = new ScrapydNode(() => ({ ...target, url: 'http://127.0.0.1:1' }))
    const ledger = new TestLedger()
    const follower = follow(ledger)
    const key = ledger.add('never')
    await expect(nobody.schedule(job('never'))).rejects.toMatchObject({ mayHaveArrived: false })
    for (let poll = 0; poll < 3; poll++) await follower.poll()
    expect(ledger.get(key)).toMatchObject({ state: 'pending', isConfirmed: false })
    expect(ledger.get(key)?.lost).toBeUndefined()
  })

  it('cancels jobs that wait and jobs that run', async () => {
    const ledger = new TestLedger()
    follow(ledger)
    const keys = ['c1', 'c2', 'c3'].map((id) => ledger.add(id))
    for (const id of ['c1', 'c2', 'c3']) await node.schedule(ticker(id, 60))
    await until('two run', () => keys.filter((key) => ledger.get(key)?.state === 'running').length === 2)
    const waiting = ['c1', 'c2', 'c3'].find((_id, n) => ledger.get(keys[n] ?? '')?.state !== 'running') ?? ''
    expect(await node.cancel('newspapers', waiting)).toBe('pending')
    for (const id of ['c1', 'c2', 'c3'].filter((one) => one !== waiting)) {
      const key = keys[Number(id.slice(1)) - 1] ?? ''
      // A spider that has just begun is killed by a signal that it does not handle yet.
      await until('its log says that the spider runs', () => logOf('night_ticker', id).includes('Look 1'))
      expect(await node.cancel('newspapers', id)).toBe('running')
      expect((await ledger.finished(key)).log).toMatchObject({ finishReason: 'shutdown' })
    }
    const gone = await until('the waiting one is missed', () => {
      const row = ledger.byId(waiting)[0]
      return row?.lost === undefined ? null : row
    })
    expect(gone.lost).toBe('fern, a stock Scrapyd, does not know the job any more')
  })

  it('has its logs followed to the end', async () => {
    const ledger = new TestLedger()
    follow(ledger)
    const key = ledger.add('tail-1')
    const places = new TestPlaces()
    const local: LogTails = { open: () => Promise.reject(new Error('not here')) }
    const tails = new ClusterTails({
      local,
      places,
      streamOf: () => {
        throw new Error('not a slave')
      },
      scrapydOf: () => node,
      pollMs: 50,
    })
    const place = (isFinished: boolean) =>
      ({ kind: 'node', target, project: 'newspapers', spider: 'night_ticker', id: 'tail-1', isFinished }) as const
    places.jobs.set(key, { kind: 'waiting' })
    const pieces: TailPiece[] = []
    const tail = await tails.open(key, 0, (piece) => {
      pieces.push(piece)
      return true
    })
    await node.schedule(ticker('tail-1', 2))
    places.move(key, place(false))
    await ledger.finished(key)
    places.move(key, place(true))
    await until('the tail ends', () => pieces.at(-1)?.state === 'end')
    const text = pieces.map((piece) => piece.text).join('')
    expect(text).toBe(logOf('night_ticker', 'tail-1'))
    expect(text).toContain('Spider closed (finished)')
    expect(pieces.filter(({ length }) => length > 0).length).toBeGreaterThan(2)
    tail.close()
  })

  it('shows logs and items through a forward, and nothing else', async () => {
    const forwards = new Forwards({ proxy: new ForwardProxy(), target: () => target, expireMs: 60_000 })
    const { id } = forwards.open(target)
    const master = createServer((request, response) => {
      forwards.serve(id, (request.url ?? '').slice('/f'.length), request, response)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      forwards.stop()
      master.close()
    })
    await until('it listens', () => master.listening)
    const { port } = master.address() as AddressInfo
    const at = `http://127.0.0.1:${port}`
    const file = '/f/logs/newspapers/river_post/ours-1.log'
    const whole = logOf('river_post', 'ours-1')
    expect(await ask(at, file)).toMatchObject({
      status: 200,
      text: whole,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'accept-ranges': 'bytes',
      },
    })
    const part = await ask(at, file, { headers: { range: 'bytes=10-29' } })
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': `bytes 10-29/${Buffer.byteLength(whole)}` } })
    expect(part.text).toBe(Buffer.from(whole).subarray(10, 30).toString())
    const beyond = await ask(at, file, { headers: { range: 'bytes=99999999-' } })
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': `bytes */${Buffer.byteLength(whole)}` } })
    const end = await ask(at, file, { headers: { range: 'bytes=-20' } })
    expect(end).toMatchObject({ status: 206, text: Buffer.from(whole).subarray(-20).toString() })
    expect(await ask(at, file, { headers: { range: 'bytes=-99999999' } })).toMatchObject({ status: 200, text: whole })
    expect(await ask(at, file, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
    expect((await ask(at, '/f/items/newspapers/river_post/ours-1.jl')).text.split('\n')).toHaveLength(3)
    const folder = await ask(at, '/f/logs/newspapers/')
    expect(folder.text).toContain('Directory listing for /logs/newspapers/')
    expect(folder.text).toContain(encodeURIComponent('云溪日报'))
    expect(await ask(at, '/f/logs/newspapers')).toMatchObject({ status: 302, headers: { location: './newspapers/' } })
    expect((await ask(at, `/f/logs/newspapers/${encodeURIComponent('云溪日报')}/theirs-1.log`)).status).toBe(200)
    for (const path of ['/f/jobs', '/f/logs/../jobs', '/f/logs/%2e%2e/jobs', '/f/daemonstatus.json', '/f/logs/none']) {
      expect(await ask(at, path)).toMatchObject({ status: 404 })
    }
  })

  it('forgets its running jobs when it is killed: they are lost, those that wait are not', async () => {
    const ledger = new TestLedger()
    const follower = follow(ledger)
    const keys = ['r1', 'r2', 'r3'].map((id) => ledger.add(id))
    for (const id of ['r1', 'r2', 'r3']) await node.schedule(ticker(id, 2))
    await until('two run', () => keys.filter((key) => ledger.get(key)?.state === 'running').length === 2)
    const running = keys.filter((key) => ledger.get(key)?.state === 'running')
    const waiting = keys.find((key) => !running.includes(key)) ?? ''
    await stock.kill()
    expect(await follower.poll()).toBe(false)
    await stock.begin()
    for (const key of running) {
      await until(
        'it is lost',
        () => ledger.get(key)?.lost === 'fern, a stock Scrapyd, was restarted and has forgotten the job',
      )
    }
    expect((await ledger.finished(waiting)).lost).toBeUndefined()
  })
})

function logOf(spider: string, id: string): string {
  try {
    return readFileSync(join(stock.folder, 'data/logs/newspapers', spider, `${id}.log`), 'utf8')
  } catch {
    return '' // not there yet
  }
}

/** Passes requests on, and cuts the connection when the answer begins. */
async function losingProxy(port: number): Promise<{ url: string }> {
  const server: Server = createTcpServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream)
    upstream.once('data', () => {
      client.destroy()
      upstream.destroy()
    })
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
  }).listen(0, '127.0.0.1')
  await until('the proxy listens', () => server.listening)
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
