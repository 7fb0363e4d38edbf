import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { DaemonProcess } from '../../helpers/daemon-process.ts'
import { steadyPort, TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

/** `ping_interval` of the test clusters. */
const PING_MS = 1_000

/** Milliseconds between two places in the interval of pings. */
function apart(a: number, b: number): number {
  const distance = Math.abs(a - b)
  return Math.min(distance, PING_MS - distance)
}

describe('the nodes of a cluster', () => {
  let cluster: TestCluster
  let call: DaemonProcess['client']['call']

  beforeAll(async () => {
    cluster = await TestCluster.open()
    call = (...call) => cluster.master.client.call(...call)
  })

  afterAll(() => cluster?.close())

  it('tell how they are, and since when', async () => {
    const nodes = await cluster.nodes()
    expect(nodes.map(({ name, identity }) => [name, identity])).toEqual([
      ['master1', 'master'],
      ['slave1', 'slave'],
      ['slave2', 'slave'],
      ['slave3', 'slave'],
    ])
    const { port } = cluster.slave(1)
    const id = await idOf('slave1')
    // A slave that has just started tells its Scrapy and its projects as soon as it has looked at them.
    const seen = await until('it has been pinged twice, and has told what it has', async () => {
      const node = await call('getClusterNode', { params: { id } })
      const { latency, scrapy, projects, state } = node
      return latency.length > 1 && scrapy !== null && projects.length > 0 && state === 'online' && node
    })
    expect(seen).toMatchObject({
      url: `http://127.0.0.1:${port}`,
      state: 'online',
      version: expect.any(String),
      python: expect.stringMatching(/^3\./),
      scrapy: expect.any(String),
      max_proc: 2,
      pending: 0,
      running: 0,
      paused: false,
      waiting: [],
      projects: [expect.objectContaining({ project: 'lives', error: null })],
    })
    expect(seen.latency_ms).toBeGreaterThan(0)
    expect(Date.parse(seen.last_seen ?? '')).toBeGreaterThanOrEqual(Date.parse(seen.since))
    // Newest first; on a machine that has much to do, a first ping may have been too slow.
    expect(seen.history[0]).toEqual({ at: seen.since, state: 'online', reason: null })
  })

  it('are pinged one after the other, not all at once', async () => {
    const ids = await Promise.all(['slave1', 'slave2', 'slave3'].map(idOf))
    const places = await until('each was pinged three times at a place of its own', async () => {
      const nodes = await Promise.all(ids.map((id) => call('getClusterNode', { params: { id } })))
      const last = nodes.map(({ latency }) => latency.slice(-3).map(({ at }) => Date.parse(at) % PING_MS))
      const areSteady = last.every((times) => times.length === 3 && times.every((at) => apart(at, times[0]!) < 100))
      const firsts = last.map((times) => times[0]!).toSorted((a, b) => a - b)
      return areSteady && firsts.every((at, index) => apart(at, firsts[(index + 1) % 3]!) > 200) && firsts
    })
    expect(places).toHaveLength(3)
  })

  it('go offline with the reason, and come back', async () => {
    const id = await idOf('slave1')
    const before = await cluster.node('slave1')
    await cluster.slave(1).stop()
    const offline = await cluster.nodeIs('slave1', { state: 'offline' })
    const AWAY = /connection refused|closed the connection/
    expect(offline.last_error).toMatch(AWAY)
    expect(offline.since > before.since).toBe(true)
    expect(offline.projects).toEqual(before.projects)
    await cluster.slave(1).startAgain()
    const online = await cluster.nodeIs('slave1', { state: 'online' })
    expect(online.since > offline.since).toBe(true)
    const { history } = await call('getClusterNode', { params: { id } })
    expect(history.slice(0, 3).map(({ state }) => state)).toEqual(['online', 'offline', 'online'])
    // The reason of the first ping that failed, which may be another than that of the last.
    expect(history[1]!.reason).toMatch(AWAY)
    // The same node, whatever happened to it: it gets jobs again without anything else happening there.
    expect(await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))).toMatchObject({ node: 'slave1' })
  })

  it('are paused and resumed, also behind the back of the master, and over a restart', async () => {
    const id = await idOf('slave2')
    const paused = await call('patchNode', { params: { id }, body: { paused: true, note: 'new disk' } })
    expect(paused).toMatchObject({ state: 'online', paused: true, pause_note: 'new disk' })
    const waiting = await cluster.schedule('quick', { node: 'slave2' })
    expect(await cluster.whyPending(waiting)).toBe('Waits: slave2 is paused')
    await cluster.slave(2).kill9()
    await cluster.slave(2).startAgain()
    expect(await cluster.slave(2).client.call('getNode')).toMatchObject({ paused: true, pause_note: 'new disk' })
    expect(await cluster.nodeIs('slave2', { state: 'online' })).toMatchObject({ paused: true })
    await cluster.slave(2).client.call('resumeNode')
    expect(await cluster.ended(waiting)).toMatchObject({ node: 'slave2', outcome: 'finished' })
    expect(await cluster.node('slave2')).toMatchObject({ paused: false, pause_note: null })
  })

  it('are paused while they are away', async () => {
    const id = await idOf('slave3')
    await cluster.slave(3).stop()
    await cluster.nodeIs('slave3', { state: 'offline' })
    const patched = await call('patchNode', { params: { id }, body: { paused: true, note: null } })
    expect(patched).toMatchObject({ state: 'offline', paused: true, waiting: ['pause'] })
    await cluster.slave(3).startAgain()
    await until('it has been told', async () => (await cluster.slave(3).client.call('getNode')).paused)
    const told = await until('nothing waits', async () => {
      const node = await cluster.node('slave3')
      return node.waiting.length === 0 && node
    })
    expect(told).toMatchObject({ paused: true })
    await call('patchNode', { params: { id }, body: { paused: false } })
    expect(await cluster.slave(3).client.call('getNode')).toMatchObject({ paused: false })
  })

  it('that are slaves refuse what only a master answers', async () => {
    await expect(cluster.slave(1).client.call('listNodes')).rejects.toThrow('is answered by the master only')
  })

  describe('when they are added and removed at run time', () => {
    let extra: DaemonProcess

    beforeAll(async () => {
      extra = await cluster.beside({ nodeName: 'extra' })
      await extra.startAgain()
    })

    it('stay so over a restart of the master, also one that the configuration lists', async () => {
      const added = await call('addNode', { body: { host: `127.0.0.1:${extra.port}` } })
      expect(added).toMatchObject({ url: `http://127.0.0.1:${extra.port}`, identity: 'slave' })
      await cluster.nodeIs('extra', { state: 'online' })
      expect(await cluster.ended(await cluster.schedule('quick', { node: 'extra' }))).toMatchObject({ node: 'extra' })
      const slave1 = await idOf('slave1')
      await call('deleteNode', { params: { id: slave1 } })
      expect(await names()).toEqual(['master1', 'extra', 'slave2', 'slave3'])
      await cluster.master.stop()
      await cluster.master.startAgain()
      await Promise.all(['extra', 'slave2', 'slave3'].map((name) => cluster.nodeIs(name, { state: 'online' })))
      expect(await names()).toEqual(['master1', 'extra', 'slave2', 'slave3'])
      expect((await cluster.node('extra')).id).toBe(added.id)
      const back = await call('addNode', { body: { host: `127.0.0.1:${cluster.slave(1).port}` } })
      expect(back.id).toBe(slave1)
      await cluster.nodeIs('slave1', { state: 'online' })
    })

    it('lose their jobs, and have them again when they are back', async () => {
      const { id, finish } = await cluster.running({ node: 'extra' })
      await call('deleteNode', { params: { id: await idOf('extra') } })
      expect(await cluster.ended(id)).toMatchObject({
        outcome: 'lost',
        reason: 'The node extra was removed from the cluster',
      })
      expect((await extra.client.call('getOwner')).owner).toBeNull()
      await call('addNode', { body: { host: `127.0.0.1:${extra.port}` } })
      await until('it is seen to run', async () => (await cluster.master.job(id)).state === 'running')
      finish()
      expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', reason: null, node: 'extra' })
    })

    it('are refused when they are there already, cannot be removed twice, and the master not at all', async () => {
      const host = `127.0.0.1:${extra.port}`
      await expect(call('addNode', { body: { host } })).rejects.toThrow(/in the cluster/)
      await expect(call('addNode', { body: { host: `localhost:${extra.port}` } })).rejects.toThrow(
        'is the same daemon as extra, which is in the cluster',
      )
      const id = await idOf('extra')
      await call('deleteNode', { params: { id } })
      await expect(call('deleteNode', { params: { id } })).rejects.toThrow(`node '${id}' not found`)
      await expect(call('deleteNode', { params: { id: 'local' } })).rejects.toThrow('cannot be removed')
    })

    it('are told precisely why they cannot be added', async () => {
      const nobody = await steadyPort()
      await expect(call('addNode', { body: { host: `127.0.0.1:${nobody}` } })).rejects.toThrow(/connection refused/)
      await expect(call('addNode', { body: { host: 'no-such-host.invalid:6800' } })).rejects.toThrow(/host name/)
      const web = createServer((_, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
      onTestFinished(() => void web.close())
      await once(web, 'listening')
      const { port } = web.address() as AddressInfo
      await expect(call('addNode', { body: { host: `127.0.0.1:${port}` } })).rejects.toThrow(/not a Scrapyd/)
      for (const itself of ['127.0.0.1', 'localhost', '127.1']) {
        await expect(call('addNode', { body: { host: `${itself}:${cluster.master.port}` } })).rejects.toThrow(/itself/)
      }
      await expect(call('addNode', { body: { host: 'http://a/b' } })).rejects.toThrow('host is invalid')
      expect(await names()).toEqual(['master1', 'slave1', 'slave2', 'slave3'])
    })
  })

  async function idOf(name: string): Promise<string> {
    return (await cluster.node(name)).id
  }

  async function names(): Promise<string[]> {
    return (await cluster.nodes()).map((node) => node.name)
  }
})

describe('a list of slaves with every mistake in it', () => {
  let cluster: TestCluster
  let nobody: number
  let web: ReturnType<typeof createServer>

  beforeAll(async () => {
    nobody = await steadyPort()
    web = createServer((_, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
    await once(web, 'listening')
    const own = await steadyPort()
    cluster = await TestCluster.open({
      slaves: [
        { nodeName: 'twin' },
        { nodeName: 'twin' },
        { nodeName: 'locked', scrapyd: { username: 'a', password: 'b' } },
      ],
      // What makes a master is its identity, whatever it is called.
      master: { nodeName: 'slave001', scrapyd: { http_port: own } },
      hosts: ([first, second, locked]) => [
        first!,
        second!,
        first!.replace('127.0.0.1', 'localhost'),
        `http://me:wrong-secret@${locked}`,
        `127.0.0.1:${own}`,
        // The same by another name.
        `http://LocalHost:${own}`,
        `127.0.0.1:${nobody}`,
        `127.0.0.1:${(web.address() as AddressInfo).port}`,
      ],
    })
  })

  afterAll(async () => {
    await cluster?.close()
    web.close()
  })

  it('is told about each, and works with the rest', async () => {
    const [first, second] = cluster.slaves.map((slave) => slave.port)
    const told = async () => {
      const nodes = (await cluster.nodes()).filter((node) => node.url !== null)
      const byHost = new Map(nodes.map((node) => [new URL(node.url!).host, node]))
      return (host: string) => {
        const { state, last_error } = byHost.get(host)!
        return { state, last_error }
      }
    }
    await until('everything is told', async () => {
      const about = await told()
      expect(about(`127.0.0.1:${cluster.slave(3).port}`)).toEqual({
        state: 'unknown',
        last_error: expect.stringContaining('user name or password is wrong'),
      })
      const itself = { state: 'unknown', last_error: expect.stringContaining('this master itself') }
      expect(about(`127.0.0.1:${cluster.master.port}`)).toEqual(itself)
      expect(about(`localhost:${cluster.master.port}`)).toEqual(itself)
      expect(about(`127.0.0.1:${nobody}`)).toEqual({
        state: 'offline',
        last_error: expect.stringContaining('connection refused'),
      })
      expect(about(`127.0.0.1:${(web.address() as AddressInfo).port}`)).toEqual({
        state: 'unknown',
        last_error: expect.stringContaining('not a Scrapyd'),
      })
      // Listed twice: one of the two is used.
      const same = [about(`127.0.0.1:${first}`), about(`localhost:${first}`)]
      expect(same.map(({ state }) => state).toSorted()).toEqual(['online', 'unknown'])
      expect(same.find(({ state }) => state === 'unknown')!.last_error).toContain('listed twice')
      expect(about(`127.0.0.1:${second}`).state).toBe('online')
      return true
    })
    expect((await cluster.nodes())[0]).toMatchObject({ name: 'slave001', identity: 'master', state: 'online' })
    // Two nodes with one name: both work, and have names of their own here.
    const online = (await cluster.nodes()).filter((node) => node.url !== null && node.state === 'online')
    expect(online).toHaveLength(2)
    expect(new Set(online.map((node) => node.name)).size).toBe(2)
    expect(online.every((node) => node.name.startsWith('twin'))).toBe(true)
    expect(cluster.master.logs).toContain("another node is called 'twin' already")
    const jobs = await Promise.all(
      online.map(async ({ name }) => cluster.ended(await cluster.schedule('quick', { node: name }))),
    )
    expect(jobs.map((job) => job.node)).toEqual(online.map((node) => node.name))
    const answers = JSON.stringify([await cluster.nodes(), await cluster.master.client.webservice('daemonstatus')])
    expect(answers + cluster.master.logs).not.toContain('wrong-secret')
  })
})

describe('a cluster with a password', () => {
  const SECRET = 'kept-to-ourselves-7'
  const OTHER = 'another-secret-8'
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.open({
      slaves: [{}, { scrapyd: { username: 'second', password: OTHER } }],
      all: { scrapyd: { username: 'operator', password: SECRET } },
      hosts: ([first, second]) => [first!, `http://second:${OTHER}@${second}`],
    })
    await cluster.online()
  })

  afterAll(() => cluster?.close())

  it('uses it among its nodes, and never tells it', async () => {
    const ids = await Promise.all(['slave1', 'slave2'].map((node) => cluster.schedule('quick', { node })))
    for (const id of ids) expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished' })
    const events = await (await cluster.master.get('/api/events')).body!.getReader().read()
    const told = [
      await cluster.nodes(),
      await cluster.master.client.call('getCluster'),
      await cluster.master.client.call('overview'),
      await cluster.master.client.webservice('daemonstatus'),
      await cluster.master.listJobs(),
      Buffer.from(events.value!).toString(),
      ...[cluster.master, ...cluster.slaves].map((daemon) => daemon.logs),
    ]
    expect(JSON.stringify(told)).not.toMatch(new RegExp(`${SECRET}|${OTHER}`))
    expect(JSON.stringify(told)).not.toContain(Buffer.from(`operator:${SECRET}`).toString('base64'))
  })

  it('says that a password is wrong when it changes, and takes the new one at run time, kept over a restart', async () => {
    const id = (await cluster.node('slave2')).id
    await cluster.slave(2).stop()
    cluster.slave(2).configure({ scrapyd: { password: 'changed-9' } })
    await cluster.slave(2).startAgain()
    const refused = await cluster.nodeIs('slave2', { state: 'unknown' })
    expect(refused.last_error).toMatch(/user name or password is wrong/)
    await cluster.master.client.call('patchNode', {
      params: { id },
      body: { username: 'second', password: 'changed-9' },
    })
    await cluster.nodeIs('slave2', { state: 'online' })
    expect(await cluster.ended(await cluster.schedule('quick', { node: 'slave2' }))).toMatchObject({ node: 'slave2' })
    // The configuration still has the old one, which it has not changed.
    await cluster.master.stop()
    await cluster.master.startAgain()
    await cluster.nodeIs('slave2', { state: 'online' })
    expect(cluster.master.logs).not.toContain('changed-9')
  })
})
