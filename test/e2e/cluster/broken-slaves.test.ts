import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { livesProject, Workshop } from '../../helpers/projects.ts'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

describe('a slave that cannot run a job', () => {
  const workshop = new Workshop()
  let cluster: TestCluster
  let folder: string

  beforeAll(async () => {
    folder = workshop.copyOf(livesProject)
    cluster = await TestCluster.open({
      slaves: [
        { projects: { lives: folder } },
        { projects: { lives: livesProject, pythonless: livesProject }, python: { pythonless: '/nowhere/bin/python' } },
        { projects: { other: livesProject, pythonless: livesProject } },
      ],
      // Of equally loaded nodes the first by name is taken: slave1.
      master: { cluster: { master_runs_jobs: 'false' } },
    })
  })

  afterAll(async () => {
    await cluster?.close()
    workshop.remove()
  })

  it('gets none of a project that it does not have', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => cluster.schedule('quick')))
    const jobs = await Promise.all(ids.map((id) => cluster.ended(id)))
    expect(jobs.map((job) => job.outcome)).toEqual(ids.map(() => 'finished'))
    expect(jobs.map((job) => job.node)).not.toContain('slave3')
    const waiting = await cluster.schedule('quick', { node: 'slave3' })
    expect(await cluster.whyPending(waiting)).toBe('Waits: slave3 does not have lives')
    await cluster.master.client.webservice('cancel', { project: 'lives', job: waiting })
  })

  it('because the folder of its project is gone: it goes elsewhere, or fails with the reason', async () => {
    renameSync(folder, `${folder}.away`)
    expect(await cluster.ended(await cluster.schedule('quick'))).toMatchObject({ outcome: 'finished', node: 'slave2' })
    const pinned = await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))
    expect(pinned).toMatchObject({ outcome: 'failed', started_at: null })
    expect(pinned.reason).toContain(`the folder ${folder} does not exist`)
    renameSync(`${folder}.away`, folder)
  })

  it('because its Python is gone: it goes elsewhere, or fails with the reason', async () => {
    const { master } = cluster
    expect(await master.ended(await master.schedule('pythonless', 'quick'))).toMatchObject({
      outcome: 'finished',
      node: 'slave3',
    })
    const pinned = await master.ended(await master.schedule('pythonless', 'quick', { node: 'slave2' }))
    expect(pinned).toMatchObject({ outcome: 'failed', started_at: null, pid: null })
    expect(pinned.reason).toContain('/nowhere/bin/python')
  })

  it('because its disk is full: it goes elsewhere, waits with the reason, and needs no restart', async () => {
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(cluster.slave(1).pid), `--fsize=${bytes}:`])
    const runs = cluster.workshop.path('runs')
    limit('1')
    expect(await cluster.ended(await cluster.schedule('quick', { runs }))).toMatchObject({ node: 'slave2' })
    const pinned = await cluster.schedule('quick', { runs, node: 'slave1' })
    const reason = await until('it is told why', async () => {
      const why = await cluster.whyPending(pinned)
      return why !== null && why.includes('could not store') && why
    })
    expect(reason).toContain('Waits: slave1: ')
    limit('unlimited')
    expect(await cluster.ended(pinned)).toMatchObject({ outcome: 'finished', node: 'slave1' })
    expect(cluster.runsIn(runs)).toHaveLength(2)
  })
})
