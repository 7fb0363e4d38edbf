import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newspapersProject } from '../../helpers/projects.ts'
import { NewspapersScrapyd } from '../../helpers/newspapers-scrapyd.ts'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

/** A stock Scrapyd 1.6 beside one of our own slaves, in one cluster. */
describe('a stock Scrapyd in a cluster', () => {
  let stock: NewspapersScrapyd
  let cluster: TestCluster

  beforeAll(async () => {
    stock = await NewspapersScrapyd.start({ username: 'ann', password: 'stock-secret', node_name: 'fern' })
    const { host } = new URL(stock.url)
    cluster = await TestCluster.open({
      slaves: 1,
      all: { projects: { newspapers: newspapersProject }, scrapyd: { max_proc: 1 } },
      master: { cluster: { master_runs_jobs: 'false' } },
      hosts: ([slave]) => [slave!, `http://ann:stock-secret@${host}?max_proc=2`],
    })
    await cluster.online('slave1', 'fern')
  })

  afterAll(async () => {
    await cluster?.close()
    await stock?.stop()
  })

  const schedule = (spider: string, more: Record<string, string> = {}) =>
    cluster.master.schedule('newspapers', spider, more)
  const ticker = (seconds: number, more: Record<string, string> = {}) =>
    schedule('night_ticker', { duration: String(seconds), rate: '5', ...more })

  const logThere = async (id: string) => {
    const answer = await cluster.master.get(`/logs/newspapers/night_ticker/${id}.log`)
    return { status: answer.status, text: await answer.text() }
  }

  it('is a node like the others, without telling its password', async () => {
    expect(await cluster.node('fern')).toMatchObject({ identity: 'scrapyd', state: 'online', max_proc: 2 })
    expect(JSON.stringify(await cluster.nodes()) + cluster.master.logs).not.toContain('stock-secret')
    expect((await cluster.master.client.webservice('daemonstatus'))['nodes']).toContainEqual(
      expect.objectContaining({ node_name: 'fern', identity: 'scrapyd' }),
    )
  })

  it('is given jobs under their own ids, as many as it has slots, and its logs are read through the master', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => ticker(6)))
    const full = 'Waits: no free slot on the 2 nodes that have newspapers'
    // Long enough to be seen at work together on a slow machine, and after the stock one was too busy to answer a ping.
    const jobs = await until('all slots are taken', async () => {
      const all = await Promise.all(ids.map((id) => cluster.master.job(id)))
      const waits = all.some((job) => job.state === 'pending' && job.reason === full)
      return waits && all.filter((job) => job.state === 'running').length === 3 && all
    })
    expect(jobs.filter((job) => job.node === 'fern')).toHaveLength(2)
    for (const id of ids) expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished' })
    const done = await cluster.master.job(jobs.find((job) => job.node === 'fern')!.id)
    expect(done.items).toBeGreaterThan(0)
    const log = await cluster.master.get(done.log_url!)
    expect(await log.text()).toContain('Spider closed (finished)')
    // What it cannot do itself, the master does for it.
    const params = { key: done.key }
    const { client } = cluster.master
    const { matches } = await client.call('searchLog', { params, query: { q: 'Spider closed' } })
    expect(matches).toEqual([expect.objectContaining({ text: expect.stringContaining('Spider closed (finished)') })])
    const index = await client.call('getLogIndex', { params })
    expect(index.lines).toBe((await (await cluster.master.get(done.log_url!)).text()).trimEnd().split('\n').length)
    const items = await client.call('getItems', { params, query: {} })
    expect(items.items.length).toBeGreaterThan(0)
    const tree = await cluster.master.get(`/logs/newspapers/night_ticker/${done.id}.log`)
    expect(tree.status).toBe(200)
  })

  it('has its own jobs in the ledger, too', async () => {
    const answer = await fetch(`${stock.url}/schedule.json`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from('ann:stock-secret').toString('base64')}` },
      body: new URLSearchParams({ project: 'newspapers', spider: 'night_ticker', jobid: 'theirs', duration: '1' }),
    })
    expect(await answer.json()).toMatchObject({ status: 'ok' })
    expect(await cluster.ended('theirs')).toMatchObject({ node: 'fern', outcome: 'finished' })
  })

  it('cancels what it runs when it is told by the master', async () => {
    const id = await ticker(60, { node: 'fern' })
    await cluster.master.running(id)
    // Not just a Python that is starting: that may swallow the signal, which Scrapyd sends once.
    await until('the spider has begun', async () => {
      const { status, text } = await logThere(id)
      return status === 200 && text.includes('Spider opened')
    })
    const answer = await cluster.master.client.webservice('cancel', { project: 'newspapers', job: id })
    expect(answer).toMatchObject({ prevstate: 'running' })
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'cancelled', node: 'fern' })
  })

  it('that was killed and has forgotten its jobs: they are lost, nothing runs twice, and it takes new ones', async () => {
    const id = await ticker(60, { node: 'fern' })
    const { pid } = await cluster.master.running(id)
    await stock.kill()
    await cluster.nodeIs('fern', { state: 'offline' })
    expect(await cluster.master.job(id)).toMatchObject({ state: 'running', node_offline: true })
    process.kill(pid!, 'SIGKILL')
    await stock.begin()
    expect(await cluster.ended(id)).toMatchObject({ outcome: 'lost', node: 'fern' })
    expect(await cluster.ended(await ticker(1, { node: 'fern' }))).toMatchObject({ outcome: 'finished', node: 'fern' })
  })

  it('is paused by the master alone', async () => {
    const { id } = await cluster.node('fern')
    await cluster.master.client.call('patchNode', { params: { id }, body: { paused: true, note: null } })
    const waiting = await ticker(1, { node: 'fern' })
    expect(await cluster.whyPending(waiting)).toBe('Waits: fern is paused')
    await cluster.master.client.call('patchNode', { params: { id }, body: { paused: false } })
    expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'finished', node: 'fern' })
  })

  it('gets neither pulls nor projects, and that harms nobody', async () => {
    const added = await cluster.master.client.webservice('addproject', {
      project: 'again',
      path: join(newspapersProject),
    })
    const rows = added['message_details'] as { node_name: string; status: string }[]
    expect(rows.map((row) => [row.node_name, row.status])).toEqual([
      ['master1', 'ok'],
      ['slave1', 'ok'],
    ])
    await cluster.master.client.webservice('delproject', { project: 'again' })
    const pulled = await cluster.master.client.webservice('pullcode', { project: 'newspapers' })
    expect((pulled['message_details'] as { node_name: string }[]).map((row) => row.node_name)).not.toContain('fern')
  })
})
