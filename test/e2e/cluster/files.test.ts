import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FeedEvent } from '../../../src-daemon/api/contract/events.ts'
import type { JobDetail } from '../../../src-daemon/api/contract/values.ts'
import { TestCluster, type Running } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

type LogEvent = Extract<FeedEvent, { type: 'log' }>

describe('logs and items of jobs on slaves, through the master', () => {
  let cluster: TestCluster
  let job: JobDetail
  /** What the slave itself serves. */
  let log: string

  beforeAll(async () => {
    cluster = await TestCluster.open({
      slaves: 2,
      all: { scrapyd: { username: 'operator', password: 'kept-to-ourselves' } },
    })
    job = await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))
    log = await (await cluster.slave(1).get(`/logs/lives/quick/${job.id}.log`)).text()
  })

  afterAll(() => cluster?.close())

  it('are linked in every list, and read there', async () => {
    const listed = (await cluster.master.listJobs()).finished.find((row) => row.id === job.id)!
    for (const url of [listed.log_url, job.log_url]) {
      expect(await (await cluster.master.get(url!)).text()).toBe(log)
    }
    expect(log).toContain('Spider closed (finished)')
    const items = await (await cluster.master.get(listed.items_url!)).text()
    expect(JSON.parse(items.split('\n')[0]!)).toMatchObject({ text: 'quick', job: job.id })
    const page = await (await cluster.master.get('/jobs')).text()
    expect(page).toContain(job.id)
    expect(page).toContain(listed.log_url)
  })

  it('are in the tree of the whole cluster, where clients look for them', async () => {
    const own = await cluster.ended(await cluster.schedule('quick', { node: 'master1' }))
    const other = await cluster.ended(await cluster.schedule('quick', { node: 'slave2' }))
    expect(await (await cluster.master.get('/logs/')).text()).toContain('lives')
    const folder = await (await cluster.master.get('/logs/lives/quick/')).text()
    for (const { id } of [job, own, other]) {
      expect(folder).toContain(`${id}.log`)
      const answer = await cluster.master.get(`/logs/lives/quick/${id}.log`)
      expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(await answer.text()).toContain('Spider closed (finished)')
    }
    expect((await cluster.master.get('/logs/lives/quick/nothing.log')).status).toBe(404)
    expect((await cluster.master.get('/logs/..%2f..%2fdbs/')).status).not.toBe(200)
  })

  it('are read in parts', async () => {
    const path = `/logs/lives/quick/${job.id}.log`
    const part = await cluster.master.get(path, { headers: { Range: 'bytes=10-29' } })
    expect([part.status, await part.text()]).toEqual([206, log.slice(10, 30)])
    const head = await cluster.master.get(path, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(Buffer.byteLength(log))])
    const { client } = cluster.master
    const piece = await client.open('getLog', { params: { key: job.key }, query: { offset: -40, limit: 1_000 } })
    expect(piece.headers.get('x-log-size')).toBe(String(Buffer.byteLength(log)))
    expect(log.endsWith(await piece.text())).toBe(true)
    const found = await client.call('searchLog', { params: { key: job.key }, query: { q: 'spider closed' } })
    expect(found.matches).toHaveLength(1)
    const items = await client.call('getItems', { params: { key: job.key }, query: {} })
    expect(JSON.stringify(items)).toContain(job.id)
    const index = await client.call('getLogIndex', { params: { key: job.key } })
    expect(index).toEqual(await cluster.slave(1).client.call('getLogIndex', { params: { key: job.key } }))
  })

  describe('while a spider runs', () => {
    let running: Running
    const stop = new AbortController()
    const events: LogEvent[] = []
    let stream: string
    let reading: Promise<void>

    const follow = async (opened: (id: string) => void) => {
      for await (const event of cluster.master.client.openEvents({ live: true, signal: stop.signal })) {
        if (event.type === 'hello') opened(event.stream)
        else if (event.type === 'log') events.push(event)
      }
    }

    beforeAll(async () => {
      running = await cluster.running({ node: 'slave2', setting: 'LOG_LEVEL=DEBUG' })
      const hello = Promise.withResolvers<string>()
      reading = follow(hello.resolve)
      stream = await hello.promise
      const params = { stream, tail: 'a' }
      await cluster.master.client.call('addTail', { params, body: { key: running.key, offset: 0 } })
    })

    afterAll(async () => {
      stop.abort()
      await reading
    })

    const text = () => events.map((event) => event.text).join('')

    it('its log comes piece by piece, is told to be away while its node is, and goes on after that', async () => {
      await until('the log comes', () => text().includes('Spider opened') && text().includes('<200 data:,3>'))
      await cluster.slave(2).kill9()
      await until('it is away', () => events.at(-1)?.state === 'away')
      await cluster.slave(2).startAgain()
      const before = text().length
      await until('it goes on', () => text().length > before)
      running.finish()
      await cluster.ended(running.id)
      await until('it is told that this is the end', () => events.at(-1)?.state === 'end')
      const whole = await (await cluster.slave(2).get(`/logs/lives/long/${running.id}.log`)).text()
      expect(text()).toBe(whole)
    })
  })

  it('are not there while the node is away, and the answer says which', async () => {
    await cluster.slave(1).stop()
    await cluster.nodeIs('slave1', { state: 'offline' })
    const answer = await cluster.master.get(`/logs/lives/quick/${job.id}.log`)
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('slave1')
    const { client } = cluster.master
    await expect(client.call('getItems', { params: { key: job.key }, query: {} })).rejects.toThrow(/slave1.*offline/)
    await cluster.slave(1).startAgain()
    await cluster.nodeIs('slave1', { state: 'online' })
    expect(await (await cluster.master.get(`/logs/lives/quick/${job.id}.log`)).text()).toBe(log)
  })

  it('are read in a browser of a person who does not know the password of the slave', async () => {
    const answer = await cluster.master.client.webservice('crawllog', {
      cluster_node: 'slave1',
      project: 'lives',
      spider: 'quick',
      jobid: job.id,
    })
    const url = new URL(String(answer['url']))
    expect(url.host).toBe(`127.0.0.1:${cluster.master.port}`)
    expect((await fetch(url)).status).toBe(401)
    expect(await (await cluster.master.get(url.pathname)).text()).toBe(log)
  })
})
