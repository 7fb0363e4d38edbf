import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DroppingProxy, type Loss } from '../../helpers/dropping-proxy.ts'
import { steadyPort, TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

/** Jobs whose dispatch, or the answer to it, is lost on the way to slave1. */
describe('a dispatch whose answer does not come', () => {
  let cluster: TestCluster
  let proxy: DroppingProxy

  beforeAll(async () => {
    const port = await steadyPort()
    proxy = new DroppingProxy(port)
    const between = await proxy.start()
    cluster = await TestCluster.open({
      slaves: [{ scrapyd: { http_port: port } }, {}],
      master: { cluster: { master_runs_jobs: 'false' } },
      hosts: ([, second]) => [`127.0.0.1:${between}`, second!],
    })
    await cluster.online()
  })

  afterEach(() => {
    proxy.lose(() => null)
    proxy.release()
  })

  afterAll(async () => {
    await cluster?.close()
    proxy.stop()
  })

  const isDispatch = (method: string, path: string) => method === 'PUT' && path.startsWith('/api/dispatch/')

  it.each(['before', 'after'] as const)('runs once, when it was lost %s the slave had committed', async (when) => {
    const runs = cluster.workshop.path('runs')
    let lost = 0
    proxy.lose((method, path) => {
      if (!isDispatch(method, path) || lost > 0) return null
      lost++
      return when
    })
    const id = await cluster.schedule('quick', { runs, node: 'slave1' })
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    expect(lost).toBe(1)
    expect(cluster.runsIn(runs)).toEqual([id])
  })

  it('runs once, when the answers to revocations are lost as well', async () => {
    const runs = cluster.workshop.path('runs')
    const losses: Loss[] = ['after', 'after', 'before', 'after']
    proxy.lose((_, path) => (path.startsWith('/api/dispatch/') ? (losses.shift() ?? null) : null))
    const ids = await Promise.all(['quick', 'quick'].map((spider) => cluster.schedule(spider, { runs })))
    for (const id of ids) expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished' })
    expect(cluster.runsIn(runs).toSorted()).toEqual(ids.toSorted())
  })

  it('runs once, when every second request and answer is lost', async () => {
    const runs = cluster.workshop.path('runs')
    let count = 0
    proxy.lose((_, path) => {
      if (!path.startsWith('/api/dispatch/')) return null
      count++
      return count % 4 === 0 ? 'before' : count % 4 === 2 ? 'after' : null
    })
    const ids = await Promise.all(Array.from({ length: 10 }, () => cluster.schedule('quick', { runs })))
    for (const id of ids) expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished' })
    expect(cluster.runsIn(runs).toSorted()).toEqual(ids.toSorted())
  })

  it('that comes late does not start what was taken back meanwhile', async () => {
    const runs = cluster.workshop.path('runs')
    let isFirst = true
    proxy.keep((method, path) => {
      const keeps = isFirst && isDispatch(method, path)
      if (keeps) isFirst = false
      return keeps
    })
    const id = await cluster.schedule('quick', { runs, node: 'slave1' })
    await until('the dispatch is on its way', () => proxy.kept === 1)
    // The master hears nothing, asks, and is told that it was taken back; then it sends it once more.
    proxy.cut()
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    proxy.release()
    const { key } = await cluster.master.job(id)
    await until('the late one was answered', () => proxy.count('PUT', `/api/dispatch/${key}`) === 2)
    expect(cluster.runsIn(runs)).toEqual([id])
    expect((await cluster.jobs(cluster.slave(1))).filter((job) => job.key === key)).toHaveLength(1)
  })

  it('that arrives when it has expired, or from another master, starts nothing', async () => {
    const { client } = cluster.slave(1)
    const { owner } = await client.call('getOwner')
    const key = '01kb00000000000000000000ab'
    const dispatch = (from: { instance: string; node_name: string }, expiresAt: number) =>
      client.call('putDispatch', {
        params: { key },
        body: {
          owner: from,
          attempt: 1,
          expires_at: new Date(expiresAt).toISOString(),
          job: {
            id: 'late',
            project: 'lives',
            spider: 'quick',
            priority: 0,
            args: {},
            settings: {},
            version: null,
            scheduled_by: null,
            created_at: new Date().toISOString(),
          },
        },
      })
    expect(await dispatch(owner!, Date.now() - 1)).toMatchObject({ answer: 'expired', job: null })
    const stranger = { instance: '01kb00000000000000000000cd', node_name: 'stranger' }
    const refused = await dispatch(stranger, Date.now() + 60_000)
    expect(refused).toMatchObject({ answer: 'foreign', reason: expect.stringContaining("the master 'master1'") })
    expect(await client.call('getDispatch', { params: { key } })).toEqual({ known: false, revoked: false, job: null })
  })

  it('is cancelled all the same: what is on its way never starts, what has begun is stopped', async () => {
    const cancel = (job: string) => cluster.master.client.webservice('cancel', { project: 'lives', job })
    const gate = cluster.workshop.path('gate')
    proxy.keep(isDispatch)
    const first = await cluster.schedule('long', { node: 'slave1', until: gate })
    await until('the dispatch is on its way', () => proxy.kept === 1)
    expect(await cancel(first)).toMatchObject({ prevstate: 'pending' })
    proxy.release()
    // It was accepted after the cancel was stored: the slave is told then.
    expect(await cluster.ended(first)).toMatchObject({ outcome: 'cancelled', node: 'slave1' })

    proxy.keep(isDispatch)
    const second = await cluster.schedule('long', { node: 'slave1', until: gate })
    await until('the dispatch is on its way', () => proxy.kept === 1)
    await cancel(second)
    proxy.cut()
    expect(await cluster.ended(second)).toMatchObject({ outcome: 'cancelled', started_at: null, node: 'slave1' })
    proxy.release()
    expect((await cluster.jobs(cluster.slave(1))).find((job) => job.id === second)).toBeUndefined()
  })

  it('loses and doubles nothing when event streams are cut again and again', async () => {
    const runs = cluster.workshop.path('runs')
    let events = 0
    proxy.lose((_, path) => (path.startsWith('/api/events') && ++events % 3 === 0 ? 'before' : null))
    const ids = await Promise.all(Array.from({ length: 6 }, () => cluster.schedule('quick', { runs, node: 'slave1' })))
    const done = new Set<string>()
    await until('all have ended', async () => {
      for (const id of ids) if ((await cluster.master.job(id)).state === 'finished') done.add(id)
      proxy.cut()
      return done.size === ids.length
    })
    expect(cluster.runsIn(runs).toSorted()).toEqual(ids.toSorted())
    for (const id of ids) {
      const [told, own] = await Promise.all([cluster.master.job(id), cluster.slave(1).job(id)])
      expect(told).toMatchObject({ outcome: 'finished', ended_at: own.ended_at, started_at: own.started_at })
    }
  })
})
