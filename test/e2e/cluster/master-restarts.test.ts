import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DroppingProxy } from '../../helpers/dropping-proxy.ts'
import { livesProject } from '../../helpers/projects.ts'
import { steadyPort, TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

describe('a master that was not there', () => {
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

  it('knows what ended, started and came meanwhile, and goes on with its queue', async () => {
    const runs = cluster.workshop.path('runs')
    const running = await Promise.all(Array.from({ length: 4 }, () => cluster.running()))
    const queued = await Promise.all(Array.from({ length: 3 }, () => cluster.schedule('quick', { runs })))
    await cluster.master.kill9()
    const [ends, ...goOn] = running
    ends!.finish()
    const slave = cluster.slaves.find((_, index) => ends!.node === `slave${index + 1}`)!
    expect(await slave.ended(ends!.id)).toMatchObject({ outcome: 'finished' })
    const direct = await slave.schedule('lives', 'quick', { runs })
    await slave.ended(direct)
    await cluster.master.startAgain()
    for (const id of [ends!.id, direct, ...queued])
      expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished' })
    for (const job of goOn) {
      expect(await cluster.master.job(job.id)).toMatchObject({ state: 'running', node: job.node, pid: job.pid })
      job.finish()
    }
    for (const job of goOn) expect(await cluster.ended(job.id)).toMatchObject({ outcome: 'finished', node: job.node })
    expect(cluster.runsIn(runs).toSorted()).toEqual([direct, ...queued].toSorted())
  })

  it('takes a job of a project that only slaves have with its very first answer', async () => {
    const slave = cluster.slave(2)
    await slave.client.webservice('addproject', { project: 'theirs', path: livesProject })
    await until('the master knows it', async () => {
      const { projects } = await cluster.master.client.webservice('listprojects')
      return (projects as string[]).includes('theirs')
    })
    // What it knows is stored once it has the list of spiders, which a job waits for as well.
    const before = await cluster.master.schedule('theirs', 'quick')
    expect(await cluster.ended(before)).toMatchObject({ outcome: 'finished', node: 'slave2' })
    await cluster.master.kill9()
    cluster.master.launch()
    const { url } = cluster.master
    const answer = await until(
      'it answers',
      async () => {
        const body = new URLSearchParams({ project: 'theirs', spider: 'quick' })
        return (await fetch(`${url}/schedule.json`, { method: 'POST', body })).json() as Promise<Record<string, string>>
      },
      { everyMs: 1 },
    )
    expect(answer).toMatchObject({ status: 'ok' })
    expect(await cluster.ended(answer['jobid']!)).toMatchObject({ outcome: 'finished', node: 'slave2' })
  })

  it.each(['on its way', 'accepted'] as const)('while it dispatched: a job that was %s runs once', async (when) => {
    const runs = cluster.workshop.path('runs')
    const isDispatch = (method: string, path: string) => method === 'PUT' && path.startsWith('/api/dispatch/')
    let accepted = 0
    if (when === 'on its way') proxy.keep(isDispatch)
    else proxy.lose((method, path) => (isDispatch(method, path) ? (accepted++, 'after') : null))
    const id = await cluster.schedule('quick', { runs, node: 'slave1' })
    await until('it is being dispatched', () => proxy.kept + accepted > 0)
    await cluster.master.kill9()
    proxy.lose(() => null)
    await cluster.master.startAgain()
    proxy.release()
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    expect(cluster.runsIn(runs)).toEqual([id])
  })

  it('and one that heard nothing of a slave for long misses nothing, and has nothing twice', async () => {
    const slave = cluster.slave(1)
    proxy.lose((_, path) => (path.startsWith('/api/events') ? 'before' : null))
    proxy.cut()
    const ids = await Promise.all(Array.from({ length: 400 }, () => slave.schedule('lives', 'quick')))
    const { key } = await slave.job(ids[0]!)
    for (const id of ids.slice(4)) await slave.client.webservice('cancel', { project: 'lives', job: id })
    for (const id of ids.slice(0, 4)) await slave.ended(id)
    expect((await cluster.jobs()).some((job) => job.key === key)).toBe(false)
    proxy.lose(() => null)
    // One more may have begun when a slot was free, and takes a moment to close.
    const own = await until('all have ended on the slave', async () => {
      const jobs = await cluster.jobs(slave)
      return jobs.every((job) => job.state === 'finished') && jobs
    })
    const told = await until('the master has them all', async () => {
      const jobs = (await cluster.jobs()).filter((job) => job.node === 'slave1')
      return jobs.length >= own.length && jobs.every((job) => job.state === 'finished') && jobs
    })
    const facts = (jobs: typeof own) =>
      jobs.map(({ key: k, outcome, reason, ended_at }) => JSON.stringify([k, outcome, reason, ended_at])).toSorted()
    expect(facts(told)).toEqual(facts(own))
  })
})
