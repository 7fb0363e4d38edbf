import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAlive } from '../helpers/runs.ts'
import { Stage } from '../helpers/stage.ts'

// A master without slaves is a whole system on one machine: what a slave does, it does too, and says that it is a cluster.

describe('a master without slaves', () => {
  const stage = new Stage()
  beforeAll(() =>
    stage.open({
      identity: 'master',
      nodeName: 'master',
      cluster: { cluster_name: 'newsroom' },
      scrapyd: { max_proc: 2 },
    }),
  )
  afterAll(() => stage.close())

  const whole = { cluster: 'newsroom', node_name: 'master', status: 'ok' }

  it('runs a spider, and keeps its record over kill -9', async () => {
    const { daemon } = stage
    const answer = await daemon.post('/schedule.json', { project: 'lives', spider: 'quick', jobid: 'first', code: '7' })
    expect(await answer.json()).toEqual({ ...whole, jobid: 'first' })
    const job = await daemon.ended('first')
    expect(job).toMatchObject({ outcome: 'failed', exit_code: 7, node: 'master', items: 1 })
    const seen = async () => ({
      listed: await daemon.listJobs(),
      log: await (await daemon.get('/logs/lives/quick/first.log')).text(),
      page: await (await daemon.get('/jobs')).text(),
    })
    const before = await seen()
    expect(before.listed).toMatchObject({
      ...whole,
      finished: [{ id: 'first', cluster_node: 'master', log_url: '/logs/lives/quick/first.log', exit_code: 7 }],
    })
    expect(before.log).toContain('Spider opened')
    expect(before.page).toContain('<td>first</td>')
    await daemon.kill9()
    await daemon.startAgain()
    expect(await seen()).toEqual(before)
  })

  it('counts the cluster, of which it is the only node', async () => {
    expect(await stage.daemon.client.webservice('daemonstatus')).toMatchObject({
      ...whole,
      pending: 0,
      running: 0,
      finished: 1,
      nodes: [{ node_name: 'master', identity: 'master', state: 'online', pending: 0, running: 0, max_proc: 2 }],
    })
  })

  it('answers with the URL of a log, also of a job that has not begun', async () => {
    const crawlLog = (jobid: string) =>
      stage.daemon.client.webservice('crawllog', { cluster_node: 'master', project: 'lives', spider: 'quick', jobid })
    const { url } = await crawlLog('first')
    expect(String(url).startsWith(`${stage.daemon.url}/`)).toBe(true)
    expect(await (await fetch(String(url))).text()).toContain('Spider opened')
    await expect(crawlLog('nobody')).rejects.toThrow(/nobody/)
  })

  it('goes by priority, cancels what waits and what runs, and is paused and resumed', async () => {
    const { daemon } = stage
    await stage.pause()
    for (const [jobid, priority] of [
      ['low', '-1'],
      ['usual', '0'],
      ['high', '1'],
      ['dropped', '2'],
    ]) {
      await daemon.schedule('lives', 'nothing_at_all', { jobid: jobid ?? '', priority: priority ?? '' })
    }
    expect((await daemon.listJobs()).pending.map(({ id }) => id)).toEqual(['dropped', 'high', 'usual', 'low'])
    expect(await stage.cancel('dropped')).toBe('pending')
    await stage.resume()
    // Two at a time: the last one begins when one of the others has ended.
    const [high, usual, low] = await Promise.all(['high', 'usual', 'low'].map((id) => daemon.ended(id)))
    const firstEnd = [String(high?.ended_at), String(usual?.ended_at)].toSorted()[0]
    expect(String(low?.started_at) >= String(firstEnd)).toBe(true)
    expect(await daemon.job('dropped')).toMatchObject({ state: 'finished', outcome: 'cancelled', started_at: null })
    const { id } = await stage.started('long')
    expect(await stage.cancel(id)).toBe('running')
    expect(await daemon.ended(id)).toMatchObject({ outcome: 'cancelled', finish_reason: 'shutdown' })
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)('finds its spiders again after %s', async (signal) => {
    const { daemon } = stage
    const gate = stage.workshop.path('gate')
    const { id, pid } = await stage.started('long', { until: gate, code: '5' })
    const others = await Promise.all([1, 2, 3].map(() => daemon.schedule('lives', 'nothing_at_all')))
    await daemon.stop(signal)
    expect(isAlive(pid)).toBe(true)
    await daemon.startAgain()
    expect((await daemon.listJobs()).running).toContainEqual(
      expect.objectContaining({ id, pid, cluster_node: 'master' }),
    )
    for (const other of others) expect(await daemon.ended(other)).toMatchObject({ outcome: 'finished' })
    stage.workshop.touch(gate)
    expect(await daemon.ended(id)).toMatchObject({ outcome: 'failed', exit_code: 5, attempt: 1 })
  })

  it('takes a project out of service and in again', async () => {
    const { daemon } = stage
    const { path } = await daemon.client.call('getProjectCode', { params: { project: 'lives' } })
    expect(await daemon.client.webservice('delproject', { project: 'lives' })).toMatchObject(whole)
    expect(await daemon.client.webservice('listprojects')).toMatchObject({ ...whole, projects: [] })
    const added = await daemon.client.webservice('addproject', { project: 'lives', path })
    expect(added).toMatchObject({ ...whole, project: 'lives', spiders: expect.any(Number) })
    expect(await stage.run('nothing_at_all')).toMatchObject({ outcome: 'finished' })
  })
})
