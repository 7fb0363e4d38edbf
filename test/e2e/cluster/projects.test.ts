import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { GitWorld } from '../../daemon/projects/git-world.ts'
import { livesProject } from '../../helpers/projects.ts'
import { TestCluster } from '../../helpers/test-cluster.ts'
import { until } from '../../helpers/until.ts'

const NAMES = ['master1', 'slave1', 'slave2', 'slave3']

interface Detail {
  readonly node_name: string
  readonly status: string
  readonly message: string
  readonly branch?: string
  readonly before?: string
  readonly after?: string
}

/** A spider of one page as a module. */
const spider = (name: string) => `
import scrapy


class Added(scrapy.Spider):
    name = "${name}"
    start_urls = ["data:,${name}"]

    def parse(self, response):
        yield {"text": response.text}
`

describe('the projects of a cluster', () => {
  const world = new GitWorld()
  const clones = new Map(NAMES.map((name) => [name, join(world.folder, name)]))
  let cluster: TestCluster
  let first: string

  beforeAll(async () => {
    world.begin()
    cpSync(livesProject, world.up, { recursive: true, filter: (source) => !source.endsWith('__pycache__') })
    world.write(world.up, '.gitignore', '__pycache__/\n')
    world.git(world.up, 'add', '--all')
    first = world.publish('the project', {})
    for (const clone of clones.values()) world.git(world.folder, 'clone', '-q', world.bare, clone)
    const code = (name: string) => ({ projects: { lives: clones.get(name)! }, env: world.env })
    cluster = await TestCluster.open({
      slaves: NAMES.slice(1).map(code),
      // Pings with patience: none of these tests is about a node that is slow.
      master: { ...code('master1'), cluster: { is_all_code_same: 'false' }, scrapyd: { ping_interval: 4 } },
    })
  })

  afterAll(async () => {
    await cluster?.close()
    await world.end()
  })

  const service = (name: Parameters<typeof cluster.master.client.webservice>[0], more: Record<string, string> = {}) =>
    cluster.master.client.webservice(name, more)
  const detailsOf = (answer: Readonly<Record<string, unknown>>) =>
    new Map((answer['message_details'] as Detail[]).map((row) => [row.node_name, row]))

  it('are added on every node, also on one that is away, when it is back', async () => {
    await cluster.slave(3).stop()
    await cluster.nodeIs('slave3', { state: 'offline' })
    const answer = await service('addproject', { project: 'second', path: livesProject })
    expect(answer).toMatchObject({ project: 'second', spiders: expect.any(Number) })
    expect(answer['spiders']).toBeGreaterThan(5)
    const details = detailsOf(answer)
    for (const name of NAMES.slice(0, 3)) expect(details.get(name)).toMatchObject({ status: 'ok' })
    expect(details.get('slave3')).toMatchObject({ status: 'error' })
    expect(details.get('slave3')!.message).toMatch(/^offline \(.*\); it gets this when it is back$/)
    expect((await cluster.node('slave3')).waiting).toEqual(['addproject second'])
    expect((await service('listprojects'))['projects']).toEqual(['lives', 'second'])
    const waiting = await cluster.master.schedule('second', 'quick', { node: 'slave3' })
    expect(await cluster.whyPending(waiting)).toBe('Waits: slave3 does not have second')
    await cluster.slave(3).startAgain()
    expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'finished', node: 'slave3' })
    expect((await cluster.node('slave3')).waiting).toEqual([])
  })

  it('are taken out of service on every node, also on one that is away, when it is back', async () => {
    const busy = await cluster.master.schedule('second', 'long', {
      node: 'slave1',
      until: cluster.workshop.path('gate'),
    })
    await cluster.master.running(busy)
    await cluster.slave(3).stop()
    await cluster.nodeIs('slave3', { state: 'offline' })
    const waiting = await cluster.master.schedule('second', 'quick', { node: 'slave3' })
    const details = detailsOf(await service('delproject', { project: 'second' }))
    for (const name of NAMES.slice(0, 3)) expect(details.get(name)).toMatchObject({ status: 'ok' })
    expect(details.get('slave3')!.message).toContain('it gets this when it is back')
    expect(await cluster.ended(waiting)).toMatchObject({ outcome: 'cancelled', started_at: null })
    expect((await service('listprojects'))['projects']).toEqual(['lives'])
    await expect(cluster.master.schedule('second', 'quick')).rejects.toThrow("project 'second' not found")
    // What ran there runs on, and stays visible.
    const { key } = await cluster.master.job(busy)
    expect((await cluster.master.listJobs()).running.map((job) => job.id)).toEqual([busy])
    await cluster.master.client.call('cancelJob', { params: { key }, body: {} })
    expect(await cluster.ended(busy)).toMatchObject({ outcome: 'cancelled', node: 'slave1' })
    await cluster.slave(3).startAgain()
    await until('it was told', async () => {
      const { projects } = await cluster.slave(3).client.call('listProjects')
      return projects.every((project) => project.name !== 'second')
    })
    await until('the master knows', async () => (await cluster.node('slave3')).waiting.length === 0)
    await until('it is gone', async () => {
      const { projects } = await cluster.master.client.call('listProjects')
      return projects.map((project) => project.name).join() === 'lives'
    })
  })

  it('are refused everywhere when no node can have them', async () => {
    await expect(service('addproject', { project: 'bad', path: '/nowhere/at/all' })).rejects.toThrow('/nowhere/at/all')
    await expect(service('addproject', { project: '../up', path: livesProject })).rejects.toThrow(/up/)
    await expect(service('delproject', { project: 'nothing' })).rejects.toThrow("project 'nothing' not found")
    expect((await service('listprojects'))['projects']).toEqual(['lives'])
  })

  it('show how a pull goes on each node while it goes on, also to those who come in the middle', async () => {
    const gate = join(world.folder, 'go-on')
    const clone = clones.get('slave1')!
    world.git(
      clone,
      'config',
      'remote.origin.uploadpack',
      `while [ ! -e ${gate} ]; do sleep 0.05; done; git-upload-pack`,
    )
    // Whatever becomes of this test, the next ones find the gate open.
    onTestFinished(() => {
      writeFileSync(gate, '')
      world.git(clone, 'config', '--unset', 'remote.origin.uploadpack')
    })
    const params = { project: 'lives' }
    const begun = await cluster.master.client.call('pullProject', { params, body: { wait: false } })
    const states = await until('all but one are done, and that one is seen at work', async () => {
      const [pull] = (await cluster.master.client.call('listPulls', { params })).pulls
      const found = new Map(pull!.steps.map((step) => [step.node_name, step.state]))
      return pull!.id === begun.id && found.get('slave1') === 'running' && found.get('slave2') === 'ok' && found
    })
    expect([...states.keys()].toSorted()).toEqual(NAMES)
    // On the slave itself as well.
    const [own] = (await cluster.slave(1).client.call('listPulls', { params })).pulls
    expect(own).toMatchObject({ ended_at: null, steps: [{ state: 'running' }] })
    writeFileSync(gate, '')
    const ended = await until('it has ended', async () => {
      const { pulls } = await cluster.master.client.call('listPulls', { params })
      return pulls[0]!.ended_at !== null && pulls
    })
    expect(ended.filter(({ id }) => id === begun.id)).toHaveLength(1)
    expect(ended[0]!.steps.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })

  it('are pulled on every node at once: what changed where, and local edits put aside, not lost', async () => {
    const edited = join(clones.get('slave2')!, 'lives/settings.py')
    appendFileSync(edited, '# edited on the server\n')
    await cluster.slave(3).stop()
    await cluster.nodeIs('slave3', { state: 'offline' })
    const second = world.publish('a spider for the night', { 'lives/spiders/added.py': spider('nightly') })
    const details = detailsOf(await service('pullcode', { project: 'lives' }))
    expect([...details.keys()].toSorted()).toEqual(NAMES)
    for (const name of NAMES.slice(0, 3)) {
      expect(details.get(name)).toMatchObject({ status: 'ok', branch: 'main', before: first, after: second })
    }
    expect(details.get('slave2')!.message).toMatch(/settings\.py.*git stash apply [0-9a-f]{12}/)
    expect(readFileSync(edited, 'utf8')).not.toContain('edited on the server')
    expect(details.get('slave3')).toMatchObject({ status: 'error', message: expect.stringContaining('offline') })
    const { pulls } = await cluster.master.client.call('listPulls', { params: { project: 'lives' } })
    const step = pulls[0]!.steps.find((one) => one.node_name === 'slave2')!
    expect(step).toMatchObject({ state: 'ok', changes: expect.anything(), stashed: expect.anything() })
    // The lists of spiders are fresh, and each job says which code it ran.
    expect((await service('listspiders', { project: 'lives' }))['spiders']).toContain('nightly')
    const job = await cluster.ended(await cluster.schedule('nightly', { node: 'slave1' }))
    expect(job).toMatchObject({ outcome: 'finished', items: 1, version: second })
    // A node that is behind shows, and gets no job that it cannot run.
    await cluster.slave(3).startAgain()
    const project = await until('the drift shows', async () => {
      const found = await cluster.master.client.call('getProject', { params: { project: 'lives' } })
      return found.drift && found
    })
    const commits = project.nodes.map(({ node, commit }) => [node, commit])
    expect(commits).toEqual([...NAMES.slice(0, 3).map((name) => [name, second]), ['slave3', first]])
    const waiting = await cluster.schedule('nightly', { node: 'slave3' })
    const refused = await until('it waits, or was refused', async () => {
      const found = await cluster.master.job(waiting)
      return (found.state === 'finished' || found.reason !== null) && found
    })
    expect(refused.reason).toMatch(/has the spider nightly|spider 'nightly' not found/)
    await cluster.master.client.webservice('cancel', { project: 'lives', job: waiting })
    await cluster.nodeIs('slave3', { state: 'online' })
    const again = detailsOf(await service('pullcode'))
    expect(again.get('slave3')).toMatchObject({ status: 'ok', before: first, after: second })
    expect(again.get('slave1')).toMatchObject({ status: 'ok', before: second, after: second })
    expect(await cluster.ended(await cluster.schedule('nightly', { node: 'slave3' }))).toMatchObject({
      version: second,
    })
  })

  it('may differ: a spider that one node alone has runs there', async () => {
    world.write(clones.get('slave2')!, 'lives/spiders/only_here.py', spider('only_here'))
    await cluster.slave(2).client.call('listSpiders', { params: { project: 'lives' }, query: { refresh: 'true' } })
    await until('the master has heard of it', async () =>
      ((await service('listspiders', { project: 'lives' }))['spiders'] as string[]).includes('only_here'),
    )
    const ids = await Promise.all(Array.from({ length: 3 }, () => cluster.schedule('only_here')))
    for (const id of ids) expect(await cluster.ended(id)).toMatchObject({ outcome: 'finished', node: 'slave2' })
    const list = await cluster.master.client.call('listSpiders', { params: { project: 'lives' }, query: {} })
    expect(list.spiders.find((one) => one.name === 'only_here')).toMatchObject({ nodes: ['slave2'] })
    expect(list.spiders.find((one) => one.name === 'quick')!.nodes.toSorted()).toEqual(NAMES)
  })

  it('have their versions and their jobs, by project', async () => {
    const versions = async (project = 'lives') => (await service('listversions', { project }))['versions'] as string[]
    const head = world.git(world.up, 'rev-parse', 'HEAD')
    const there = await versions()
    // What was current on the master, newest last.
    expect([there[0], there.at(-1)]).toEqual([first, head])
    // A commit that one slave alone has, and that cannot be run everywhere.
    const own = world.commit(clones.get('slave3')!, 'only on this server', { 'README.md': 'tried out here' })
    await until('the master has heard of it', async () => (await versions()).includes(own))
    expect(await versions()).toEqual([own, ...there])
    await expect(cluster.schedule('quick', { _version: own })).rejects.toThrow(`version '${own}' not found`)
    expect(await cluster.ended(await cluster.schedule('quick', { _version: head.slice(0, 8) }))).toMatchObject({
      outcome: 'finished',
      version: head,
    })
    expect(await versions('nothing')).toEqual([])
    const { finished } = await cluster.master.listJobs('lives')
    expect(finished.length).toBeGreaterThan(3)
    const ran = finished.filter((job) => job.outcome === 'finished')
    expect(ran.every((job) => job.project === 'lives' && NAMES.includes(job.cluster_node ?? ''))).toBe(true)
    await expect(cluster.master.listJobs('nothing')).rejects.toThrow("project 'nothing' not found")
  })

  it('and a log anywhere is read through the master', async () => {
    const job = await cluster.ended(await cluster.schedule('quick', { node: 'slave1' }))
    const answer = await service('crawllog', {
      cluster_node: 'slave1',
      project: 'lives',
      spider: 'quick',
      jobid: job.id,
    })
    const url = new URL(String(answer['url']))
    expect(url.origin).toBe(cluster.master.url)
    const log = await (await fetch(url)).text()
    expect(log).toContain('Spider closed (finished)')
    const forwards = await cluster.master.client.call('listForwards')
    expect(forwards.forwards).toHaveLength(1)
    // The node is a hint; the job's id decides.
    const hinted = await service('crawllog', {
      cluster_node: 'slave2',
      project: 'lives',
      spider: 'quick',
      jobid: job.id,
    })
    expect(await (await fetch(String(hinted['url']))).text()).toBe(log)
    const own = await cluster.ended(await cluster.schedule('quick', { node: 'master1' }))
    const local = await service('crawllog', {
      cluster_node: 'master1',
      project: 'lives',
      spider: 'quick',
      jobid: own.id,
    })
    expect(await (await fetch(String(local['url']))).text()).toContain('Spider closed (finished)')
    await expect(
      service('crawllog', { cluster_node: 'slave1', project: 'lives', spider: 'quick', jobid: 'nothing' }),
    ).rejects.toThrow(/nothing/)
    await cluster.master.client.call('deleteForward', { params: { id: forwards.forwards[0]!.id } })
    expect((await fetch(url)).status).toBe(404)
  })
})
