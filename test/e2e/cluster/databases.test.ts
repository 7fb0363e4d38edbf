import { cpSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

describe('the database of a slave', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.open({ slaves: 2 })
  })

  afterAll(() => cluster?.close())

  it('is deleted: what it had is kept, what it ran is lost and told so, and it takes new jobs', async () => {
    const slave = cluster.slave(1)
    const done = await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))
    const lost = await cluster.running({ node: 'slave1' })
    const queued = await slave.schedule('lives', 'quick')
    await cluster.ended(queued)
    await slave.kill9()
    await slave.killSpiders()
    rmSync(slave.dbsDir, { recursive: true })
    await slave.startAgain()
    expect(await cluster.ended(lost.id)).toMatchObject({
      outcome: 'lost',
      node: 'slave1',
      reason: 'The database of slave1 is gone; what became of the job there is unknown',
    })
    expect(await cluster.master.job(done.id)).toMatchObject({ outcome: 'finished', ended_at: done.ended_at })
    const next = await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))
    expect(next).toMatchObject({ outcome: 'finished', node: 'slave1' })
    // It is followed again, and acknowledged in its new feed.
    const direct = await slave.schedule('lives', 'quick')
    expect(await cluster.ended(direct)).toMatchObject({ outcome: 'finished', node: 'slave1' })
  })

  it('is an old copy: the ledger keeps what it knew, loses what the copy does not have, and goes on', async () => {
    const slave = cluster.slave(2)
    const before = await cluster.ended(await cluster.schedule('quick', { node: 'slave2' }))
    const across = await cluster.running({ node: 'slave2' })
    await slave.stop()
    const copy = cluster.workshop.path('copy')
    cpSync(slave.dbsDir, copy, { recursive: true, filter: (source) => !source.endsWith('/alive') })
    await slave.startAgain()
    across.finish()
    const ended = await cluster.ended(across.id)
    const after = await cluster.ended(await cluster.schedule('quick', { node: 'slave2' }))
    const lost = await cluster.running({ node: 'slave2' })
    await slave.kill9()
    await slave.killSpiders()
    rmSync(slave.dbsDir, { recursive: true })
    cpSync(copy, slave.dbsDir, { recursive: true })
    await slave.startAgain()
    expect(await cluster.ended(lost.id)).toMatchObject({
      outcome: 'lost',
      reason: 'slave2 does not know this job any more (its database is an older copy)',
    })
    // The copy believes that this one still runs, finds that it does not, and is not believed.
    await until('the copy has given it up', async () => (await slave.job(across.id)).state === 'finished')
    for (const job of [before, ended, after]) {
      expect(await cluster.master.job(job.id)).toMatchObject({ outcome: 'finished', ended_at: job.ended_at })
    }
    const next = await cluster.ended(await cluster.schedule('quick', { node: 'slave2' }))
    expect(next).toMatchObject({ outcome: 'finished', node: 'slave2' })
    const rows = (await cluster.jobs()).filter((job) => job.node === 'slave2')
    expect(new Set(rows.map((job) => job.key)).size).toBe(rows.length)
  })
})
