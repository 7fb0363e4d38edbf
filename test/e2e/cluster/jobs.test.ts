import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { livesProject } from '../../helpers/projects.ts'
import { linesOf, TestCluster, type Running } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

describe('jobs of a cluster', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.open()
  })

  afterAll(() => cluster?.close())

  it('run under one id everywhere, and the ledger of the master is what the node says', async () => {
    const id = await cluster.schedule('quick', { node: 'slave1', jobid: 'everywhere', priority: '2', colour: 'red' })
    expect(id).toBe('everywhere')
    const told = await cluster.ended(id)
    expect(told).toMatchObject({ node: 'slave1', outcome: 'finished', exit_code: 0, items: 1, pages: 1, priority: 2 })
    const own = await cluster.slave(1).job(id)
    for (const field of ['key', 'args', 'created_at', 'started_at', 'ended_at', 'pid', 'outcome', 'attempt'] as const) {
      expect(told[field]).toEqual(own[field])
    }
    expect(told.stats).toEqual(own.stats)
    for (const other of [cluster.slave(2), cluster.slave(3)]) expect(await cluster.jobs(other)).toEqual([])
  })

  it('are refused for a project, a spider or a node that the cluster does not have', async () => {
    const { master } = cluster
    await expect(master.schedule('nothing', 'quick')).rejects.toThrow("project 'nothing' not found")
    await expect(cluster.schedule('nothing')).rejects.toThrow("spider 'nothing' not found")
    await expect(cluster.schedule('quick', { node: 'slave9' })).rejects.toThrow("node 'slave9' not found")
  })

  it('are pinned to a node by its host as well as by its name', async () => {
    const id = await cluster.schedule('quick', { node: `127.0.0.1:${cluster.slave(2).port}` })
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', node: 'slave2', pinned_node: 'slave2' })
  })

  it('of one id are not scheduled twice while the first waits or runs', async () => {
    const { id, finish } = await cluster.running({ jobid: 'daily' })
    const again = await cluster.master.client.webservice('schedule', { project: 'lives', spider: 'quick', jobid: id })
    expect(again).toMatchObject({ status: 'ok', jobid: 'daily', duplicate: true })
    finish()
    await cluster.ended(id)
  })

  describe('while every slot of the cluster is taken', () => {
    let running: Running[]

    beforeAll(async () => {
      running = await Promise.all(Array.from({ length: 8 }, () => cluster.running()))
    })

    it('are spread over all nodes', () => {
      const nodes = running.map((job) => job.node).toSorted()
      expect(nodes).toEqual(['master1', 'slave1', 'slave2', 'slave3'].flatMap((name) => [name, name]))
    })

    it('are counted for the whole cluster', async () => {
      const status = await cluster.master.client.webservice('daemonstatus')
      expect(status).toMatchObject({ node_name: 'master1', running: 8, pending: 0 })
      expect(status['nodes']).toEqual(
        ['master1', 'slave1', 'slave2', 'slave3'].map((node_name) =>
          expect.objectContaining({ node_name, state: 'online', running: 2, pending: 0, max_proc: 2 }),
        ),
      )
    })

    it('are listed with their nodes, and their status can be asked', async () => {
      const { running: listed } = await cluster.master.listJobs('lives')
      expect(listed.map((job) => [job.id, job.cluster_node, job.pid]).toSorted()).toEqual(
        running.map(({ id, node, pid }) => [id, node, pid]).toSorted(),
      )
      const { id } = running[0]!
      expect(await cluster.master.client.webservice('status', { job: id })).toMatchObject({ currstate: 'running' })
    })

    it('wait, say why, and start in the order of their priorities', async () => {
      const runs = cluster.workshop.path('runs')
      const low = await cluster.schedule('quick', { runs, priority: '-1' })
      const first = await cluster.schedule('quick', { runs })
      const second = await cluster.schedule('quick', { runs })
      const high = await cluster.schedule('quick', { runs, priority: '7.5' })
      const pinned = await cluster.schedule('quick', { runs, priority: '9', node: 'slave2' })
      expect(await cluster.whyPending(low)).toBe('Waits: no free slot on the 4 nodes that have lives')
      expect(await cluster.whyPending(pinned)).toBe('Waits: no free slot on slave2 (2 of 2)')
      expect((await cluster.master.listJobs()).pending.map((job) => job.id)).toEqual([pinned, high, first, second, low])
      // One slot, and not on the node of the pinned one: the others go through it one after the other.
      const free = running.find((job) => job.node === 'slave1')!
      free.finish()
      await cluster.ended(low)
      expect(cluster.runsIn(runs)).toEqual([high, first, second, low])
      expect(await cluster.whyPending(pinned)).toBe('Waits: no free slot on slave2 (2 of 2)')
      running.find((job) => job.node === 'slave2')!.finish()
      expect(await cluster.ended(pinned)).toMatchObject({ node: 'slave2', pinned_node: 'slave2', outcome: 'finished' })
    })

    it('end as cancelled when they are cancelled: in the queue, on a slave and on the master', async () => {
      const waiting = await cluster.schedule('quick', { node: 'slave3' })
      expect(await cluster.whyPending(waiting)).toBe('Waits: no free slot on slave3 (2 of 2)')
      const cancel = (job: string, more = {}) =>
        cluster.master.client.webservice('cancel', { project: 'lives', job, ...more })
      expect(await cancel(waiting)).toMatchObject({ prevstate: 'pending' })
      expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'cancelled', started_at: null, node: null })
      for (const name of ['slave3', 'master1']) {
        const { id } = running.find((job) => job.node === name)!
        expect(await cancel(id)).toMatchObject({ prevstate: 'running' })
        expect(await cluster.ended(id)).toMatchObject({ outcome: 'cancelled', node: name, finish_reason: 'shutdown' })
        expect(await cancel(id)).toMatchObject({ prevstate: null })
      }
      // Another signal reaches the spider as it is.
      const other = running.find((job) => job.node === 'slave3' && job.id !== running[0]!.id)!
      await cancel(other.id, { signal: 'KILL' })
      await cluster.ended(other.id)
    })

    afterAll(async () => {
      for (const job of running) job.finish()
      await Promise.all(running.map((job) => cluster.ended(job.id)))
    })
  })

  describe('that are scheduled on a slave itself', () => {
    it('appear on the master, keep their order there, and can be cancelled through it', async () => {
      const slave = cluster.slave(1)
      const gate = cluster.workshop.path('gate')
      const long = { until: gate, target: cluster.workshop.path('told') }
      const first = await slave.schedule('lives', 'long', long)
      const second = await slave.schedule('lives', 'long', long)
      await Promise.all([cluster.master.running(first), cluster.master.running(second)])
      const third = await slave.schedule('lives', 'quick')
      const fourth = await slave.schedule('lives', 'quick')
      const job = await until('the master knows of it', () => cluster.master.job(fourth))
      expect(job).toMatchObject({ state: 'pending', node: 'slave1', reason: 'Waits in the queue of slave1' })
      const answer = await cluster.master.client.webservice('cancel', { project: 'lives', job: fourth })
      expect(answer).toMatchObject({ prevstate: 'pending' })
      expect(await cluster.ended(fourth)).toMatchObject({ outcome: 'cancelled', node: 'slave1', started_at: null })
      expect(await slave.job(fourth)).toMatchObject({ state: 'finished', outcome: 'cancelled' })
      cluster.workshop.touch(gate)
      expect(await cluster.ended(third)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    })
  })

  it('under one id on two slaves are told apart by the host of a cancel', async () => {
    const gate = cluster.workshop.path('gate')
    const [first, second] = [cluster.slave(1), cluster.slave(2)]
    for (const slave of [first, second]) await slave.schedule('lives', 'long', { jobid: 'same', until: gate })
    await until('the master sees both run', async () => {
      const { running } = await cluster.master.listJobs()
      return running.filter((job) => job.id === 'same').length === 2
    })
    const cancel = (host: string) => cluster.master.client.webservice('cancel', { project: 'lives', job: 'same', host })
    expect(await cancel(`127.0.0.1:${second.port}`)).toMatchObject({ prevstate: 'running' })
    expect(await second.ended('same')).toMatchObject({ outcome: 'cancelled' })
    expect(await first.job('same')).toMatchObject({ state: 'running', cancel_requested_at: null })
    expect(await cancel('slave1')).toMatchObject({ prevstate: 'running' })
    expect(await first.ended('same')).toMatchObject({ outcome: 'cancelled' })
    await until('the master has heard of both', async () => {
      const jobs = (await cluster.jobs()).filter((job) => job.id === 'same')
      return jobs.length === 2 && jobs.every((job) => job.outcome === 'cancelled')
    })
  })

  describe('on a slave that is away', () => {
    it('stay where they are; a cancel is delivered when it is back', async () => {
      const slave = cluster.slave(2)
      const { id, key, pid, target } = await cluster.running({ node: 'slave2' })
      const other = await cluster.running({ node: 'slave2' })
      await slave.kill9()
      await cluster.nodeIs('slave2', { state: 'offline' })
      expect(await cluster.master.job(id)).toMatchObject({ state: 'running', node: 'slave2', pid })
      const cancelled = await cluster.master.client.call('cancelJob', { params: { key }, body: {} })
      expect(cancelled).toMatchObject({ state: 'running', cancel_requested_at: expect.any(String) })
      // Whoever is the master when the slave is back has to tell it.
      await cluster.master.kill9()
      await cluster.master.startAgain()
      await cluster.nodeIs('slave2', { state: 'offline' })
      const waiting = await cluster.schedule('quick', { node: 'slave2' })
      expect(await cluster.whyPending(waiting)).toBe('Waits: slave2, the only node that has lives, is offline')
      other.finish()
      await slave.startAgain()
      expect(await cluster.ended(id)).toMatchObject({ outcome: 'cancelled', finish_reason: 'shutdown', node: 'slave2' })
      expect(await cluster.ended(other.id)).toMatchObject({ outcome: 'finished', node: 'slave2' })
      expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'finished', node: 'slave2' })
      expect(linesOf(target)).toEqual([String(pid), 'closed: shutdown'])
    })

    it('are run elsewhere when an operator says so', async () => {
      const slave = cluster.slave(3)
      const { id, key, finish } = await cluster.running({ node: 'slave3', jobid: 'given-up' })
      await slave.kill9()
      await cluster.nodeIs('slave3', { state: 'offline' })
      await expect(cluster.master.client.call('rerunJob', { params: { key }, body: {} })).resolves.toMatchObject({
        state: 'pending',
        pinned_node: 'slave3',
      })
      const again = await cluster.master.client.call('rerunJob', { params: { key }, body: { anyway: true } })
      expect(again).toMatchObject({ pinned_node: null })
      expect(again.key).not.toBe(key)
      const elsewhere = await until('it runs elsewhere', async () => {
        const job = await cluster.master.job(again.id)
        return job.state === 'running' && job
      })
      expect(elsewhere.node).not.toBe('slave3')
      await cluster.master.client.call('cancelJob', { params: { key: again.key }, body: { signal: 'KILL' } })
      expect(await cluster.ended(id)).toMatchObject({ outcome: 'lost', node: 'slave3' })
      // It was not over: what the node says counts when it is back.
      await slave.startAgain()
      await until('it is seen to run', async () => (await cluster.master.job(id)).state === 'running')
      finish()
      expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', reason: null })
    })
  })
})

describe('a master that runs no jobs itself', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.open({
      slaves: 1,
      all: { scrapyd: { max_proc: 1 } },
      master: { cluster: { master_runs_jobs: 'false' }, projects: { lives: livesProject, own: livesProject } },
    })
  })

  afterAll(() => cluster?.close())

  it('gives all to its slaves', async () => {
    const { id, node, finish } = await cluster.running()
    expect(node).toBe('slave1')
    const waiting = await cluster.schedule('quick')
    expect(await cluster.whyPending(waiting)).toBe('Waits: no free slot on slave1 (1 of 1)')
    const refuses = 'Waits: master1: the master runs no jobs itself (master_runs_jobs)'
    expect(await cluster.whyPending(await cluster.schedule('quick', { node: 'master1' }))).toBe(refuses)
    expect(await cluster.whyPending(await cluster.master.schedule('own', 'quick'))).toBe(refuses)
    finish()
    expect(await cluster.ended(id)).toMatchObject({ node: 'slave1' })
    expect(await cluster.ended(waiting)).toMatchObject({ node: 'slave1', outcome: 'finished' })
  })
})
