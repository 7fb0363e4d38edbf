import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DaemonProcess } from '../../helpers/daemon-process.ts'
import { livesProject } from '../../helpers/projects.ts'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

describe('two masters with one slave', () => {
  let cluster: TestCluster
  let second: DaemonProcess

  beforeAll(async () => {
    cluster = await TestCluster.open({ slaves: 1 })
    second = await cluster.beside({
      identity: 'master',
      nodeName: 'master2',
      cluster: { slave_hosts: JSON.stringify([`127.0.0.1:${cluster.slave(1).port}`]), master_runs_jobs: 'false' },
      projects: { lives: livesProject },
    })
    await second.startAgain()
  })

  afterAll(() => cluster?.close())

  const slaveOf = async (master: DaemonProcess) => {
    const { nodes } = await master.client.call('listNodes')
    return nodes.find((node) => node.url !== null)!
  }
  const isOnline = (master: DaemonProcess) =>
    until('the slave is online', async () => (await slaveOf(master)).state === 'online')
  const isForeign = (master: DaemonProcess, owner: string) =>
    until('the slave belongs to somebody else', async () => {
      const { state, last_error } = await slaveOf(master)
      return state === 'unknown' && last_error !== null && last_error.includes(`It belongs to the master '${owner}'`)
    })

  it('the second is told by name whose it is, and gives it nothing', async () => {
    await isForeign(second, 'master1')
    const waiting = await second.schedule('lives', 'quick')
    expect((await second.job(waiting)).reason).toContain("slave1: It belongs to the master 'master1'")
    expect((await cluster.jobs(cluster.slave(1))).map((job) => job.id)).not.toContain(waiting)
    await second.client.webservice('cancel', { project: 'lives', job: waiting })
    await expect(
      second.client.call('addNode', { body: { host: `localhost:${cluster.slave(1).port}` } }),
    ).rejects.toThrow("belongs to the master 'master1': take it over explicitly")
  })

  it('an explicit takeover works, there and back, and no job runs twice', async () => {
    const runs = cluster.workshop.path('runs')
    const mine = await cluster.running({ node: 'slave1' })
    const id = (await slaveOf(second)).id
    await second.client.call('patchNode', { params: { id }, body: { takeover: true } })
    await isOnline(second)
    await isForeign(cluster.master, 'master2')
    // What the first master had started is seen by the second one, which can give it jobs now.
    expect(await second.running(mine.id)).toMatchObject({ key: mine.key, node: 'slave1' })
    const waiting = await cluster.schedule('quick', { runs, node: 'slave1' })
    expect(await cluster.whyPending(waiting)).toContain("slave1: It belongs to the master 'master2'")
    const theirs = await second.schedule('lives', 'quick', { runs })
    expect(await second.ended(theirs)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    mine.finish()
    expect(await second.ended(mine.id)).toMatchObject({ outcome: 'finished' })
    expect(await cluster.master.job(mine.id)).toMatchObject({ state: 'running' })
    const own = (await slaveOf(cluster.master)).id
    await cluster.master.client.call('patchNode', { params: { id: own }, body: { takeover: true } })
    await isOnline(cluster.master)
    expect(await cluster.ended(mine.id)).toMatchObject({ outcome: 'finished', reason: null })
    expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    expect(await cluster.ended(theirs)).toMatchObject({ outcome: 'finished' })
    await isForeign(second, 'master1')
    expect(cluster.runsIn(runs).toSorted()).toEqual([theirs, waiting].toSorted())
  })
})
