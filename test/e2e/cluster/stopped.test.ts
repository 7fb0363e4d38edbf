import { existsSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

/**
 * The longest that anything on the master may take while a slave does not answer: whatever waits for that slave waits for
 * 3 s at least (5 s as a rule, the constants of `cluster/`), and a busy machine of the tests stays far below it.
 */
const AT_ONCE_MS = 2_900

describe('a slave that is stopped (SIGSTOP)', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.open()
  })

  afterEach(() => {
    process.kill(cluster.slave(1).pid, 'SIGCONT')
  })

  afterAll(() => cluster?.close())

  it('goes offline within two pings, everything answers, and all is in step when it goes on', async () => {
    const { master } = cluster
    const job = await cluster.running({ node: 'slave1' })
    const ending = await cluster.running({ node: 'slave1' })
    const { since } = await cluster.node('slave1')
    process.kill(cluster.slave(1).pid, 'SIGSTOP')
    const stoppedAt = performance.now()
    const waited: Record<string, number> = {}
    const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
      const begun = performance.now()
      const answer = await work
      waited[what] = Math.max(waited[what] ?? 0, performance.now() - begun)
      return answer
    }
    const ask = async () => {
      await timed('listjobs', master.listJobs())
      await timed('listspiders', master.client.webservice('listspiders', { project: 'lives' }))
      await timed('daemonstatus', master.client.webservice('daemonstatus'))
      await timed('status', master.client.webservice('status', { job: job.id }))
      await timed('jobs page', master.client.call('listJobs', { query: { limit: 100 } }))
      await timed('nodes', cluster.nodes())
      await timed('projects', master.client.call('listProjects'))
      await timed('overview', master.client.call('overview'))
      await timed('schedule', cluster.schedule('quick'))
    }
    await ask()
    const offline = await cluster.nodeIs('slave1', { state: 'offline' })
    // Two pings: one may have been answered just before, the next one is waited for.
    expect(performance.now() - stoppedAt).toBeLessThan(2_000 + AT_ONCE_MS)
    expect(offline.since > since).toBe(true)
    expect(offline.last_error).toMatch(/no answer/)
    await ask()
    expect(await master.job(job.id)).toMatchObject({ state: 'running', node: 'slave1', node_offline: true })
    const cancelled = await timed('cancel', master.client.webservice('cancel', { project: 'lives', job: job.id }))
    expect(cancelled).toMatchObject({ prevstate: 'running' })
    // What runs there runs on; nobody hears of it yet.
    ending.finish()
    const pinned = await cluster.schedule('quick', { node: 'slave1' })
    expect(await cluster.whyPending(pinned)).toBe('Waits: slave1, the only node that has lives, is offline')
    expect(Object.entries(waited).filter(([, ms]) => ms > AT_ONCE_MS)).toEqual([])

    process.kill(cluster.slave(1).pid, 'SIGCONT')
    await cluster.nodeIs('slave1', { state: 'online' })
    expect(await cluster.ended(ending.id)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    expect(await cluster.ended(job.id)).toMatchObject({ outcome: 'cancelled', node: 'slave1' })
    expect(await cluster.ended(pinned)).toMatchObject({ outcome: 'finished', node: 'slave1' })
  })

  it('starts nothing that was given up meanwhile, though its dispatch lay in the socket', async () => {
    const { master } = cluster
    await cluster.nodeIs('slave1', { state: 'online' })
    const runs = cluster.workshop.path('runs')
    process.kill(cluster.slave(1).pid, 'SIGSTOP')
    // Before anybody has noticed: it is sent, and lies there. It would go on until it is told to stop.
    const told = cluster.workshop.path('told-in-vain')
    const id = await cluster.schedule('long', { target: told, node: 'slave1' })
    const sent = await until('it was sent', async () => {
      const job = await master.job(id)
      return job.state === 'assigned' && job
    })
    await cluster.nodeIs('slave1', { state: 'offline' })
    // The operator does not want to wait for that slave.
    await expect(master.client.call('cancelJob', { params: { key: sent.key }, body: {} })).resolves.toMatchObject({
      state: 'assigned',
    })
    const { results } = await master.client.call('createJobs', {
      body: { jobs: [{ project: 'lives', spider: 'quick', args: { runs } }] },
    })
    const elsewhere = results[0]!.job!
    expect(await cluster.ended(elsewhere.id)).toMatchObject({ outcome: 'finished' })
    process.kill(cluster.slave(1).pid, 'SIGCONT')
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'cancelled' })
    const ran = cluster.runsIn(runs)
    expect(ran.filter((one) => one === elsewhere.id)).toHaveLength(1)
    // It may have begun before it was told; but then it was stopped, and it ran once.
    const begun = existsSync(told) ? readFileSync(told, 'utf8').match(/^\d+$/gm) : null
    expect(begun?.length ?? 0).toBeLessThanOrEqual(1)
  })

  it('keeps nobody waiting who asked for code, once it is known to be away', async () => {
    await cluster.nodeIs('slave1', { state: 'online' })
    process.kill(cluster.slave(1).pid, 'SIGSTOP')
    // Before anybody has noticed: the slave is asked, and a pull may take it a quarter of an hour.
    const answer = await cluster.master.client.webservice('pullcode', { project: 'lives' })
    const rows = answer['message_details'] as { node_name: string; status: string; message: string }[]
    expect(rows.find((row) => row.node_name === 'slave1')).toMatchObject({
      status: 'error',
      message: expect.stringContaining('offline: no answer'),
    })
    expect(rows.map((row) => row.node_name).toSorted()).toContain('slave2')
  })

  it('does not keep the master from stopping', async () => {
    await cluster.nodeIs('slave1', { state: 'online' })
    process.kill(cluster.slave(1).pid, 'SIGSTOP')
    // Before anybody has noticed: the master asks the slave, and has a quarter of an hour of patience; this test has two minutes.
    await cluster.master.client.call('pullProject', {
      params: { project: 'lives' },
      body: { nodes: ['slave1'], wait: false },
    })
    await cluster.nodeIs('slave1', { state: 'offline' })
    await expect(cluster.master.stop()).resolves.toMatchObject({ code: 0 })
    process.kill(cluster.slave(1).pid, 'SIGCONT')
    await cluster.master.startAgain()
    await cluster.online()
  })
})
