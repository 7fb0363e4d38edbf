import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GitWorld } from '../daemon/projects/git-world.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'

const spider = (name: string) =>
  `import scrapy\n\n\nclass It(scrapy.Spider):\n    name = "${name}"\n    start_urls = ["data:,x"]\n\n    def parse(self, response):\n        yield {"of": "${name}"}\n`

describe('a project that git manages', () => {
  const world = new GitWorld()
  let daemon: DaemonProcess
  let first: string

  beforeAll(async () => {
    first = world.begin({
      'scrapy.cfg': '[settings]\nnews = news.settings\n',
      'news/__init__.py': '',
      'news/settings.py': 'BOT_NAME = "news"\nSPIDER_MODULES = ["news.spiders"]\n',
      'news/spiders/__init__.py': '',
      'news/spiders/one.py': spider('one'),
    })
    daemon = await DaemonProcess.start({ projects: { news: world.node }, env: world.env })
  })
  afterAll(async () => {
    await daemon?.remove()
    await world.end()
  })

  const pull = async () =>
    (await daemon.post('/pullcode.json', { project: 'news' })).json() as Promise<Record<string, unknown>>
  const get = async (path: string) => (await daemon.get(path)).json() as Promise<Record<string, unknown>>

  it('runs the commit that is checked out, and says which', async () => {
    expect(await get('/listversions.json?project=news')).toMatchObject({ status: 'ok', versions: [first] })
    const answer = await daemon.post('/schedule.json', { project: 'news', spider: 'one', _version: first, jobid: 'v1' })
    expect(await answer.json()).toMatchObject({ status: 'ok', jobid: 'v1' })
    expect(await daemon.ended('v1')).toMatchObject({ outcome: 'finished', version: first, items: 1 })
    expect((await daemon.listJobs()).finished[0]).toMatchObject({ id: 'v1', version: first })
  })

  it('is pulled: the new spiders are there at once, the old commit is refused', async () => {
    const second = world.publish('a spider more', { 'news/spiders/two.py': spider('two') })
    expect(await pull()).toEqual({
      node_name: 'node1',
      status: 'ok',
      message_details: [
        { node_name: 'node1', status: 'ok', message: expect.any(String), branch: 'main', before: first, after: second },
      ],
    })
    expect(await get('/listspiders.json?project=news')).toMatchObject({ spiders: ['one', 'two'] })
    expect(await get(`/listspiders.json?project=news&_version=${second}`)).toMatchObject({ spiders: ['one', 'two'] })
    expect(await get(`/listspiders.json?project=news&_version=${first}`)).toEqual({
      node_name: 'node1',
      status: 'error',
      message: `version '${first}' not found`,
    })
    expect(await get('/listversions.json?project=news')).toMatchObject({ versions: [first, second] })
    const answer = await daemon.post('/schedule.json', { project: 'news', spider: 'two', _version: first })
    expect(await answer.json()).toMatchObject({ status: 'error', message: `version '${first}' not found` })
    expect(await daemon.ended(await daemon.schedule('news', 'two'))).toMatchObject({
      outcome: 'finished',
      version: second,
    })
    const again = (await pull())['message_details'] as { before: string; after: string }[]
    expect(again[0]).toMatchObject({ status: 'ok', before: second, after: second })
    expect(await daemon.client.call('listPulls', { params: { project: 'news' } })).toMatchObject({
      pulls: [{}, {}],
    })
  })

  it('never runs a job with another commit than the one it was scheduled for', async () => {
    const current = world.git(world.node, 'rev-parse', 'HEAD')
    await daemon.client.call('pauseNode', { body: { note: null } })
    const pinned = await daemon.schedule('news', 'one', { _version: current })
    const free = await daemon.schedule('news', 'one')
    const next = world.publish('a change', { 'news/spiders/one.py': `${spider('one')}# changed\n` })
    await pull()
    await daemon.client.call('resumeNode')
    expect(await daemon.ended(pinned)).toMatchObject({
      outcome: 'failed',
      reason: `version '${current}' not found`,
      pid: null,
    })
    expect(await daemon.ended(free)).toMatchObject({ outcome: 'finished', version: next })
  })

  it('has local edits put aside by a pull, which says how to get them back', async () => {
    const theirs = world.publish('a change that collides', { 'news/spiders/one.py': `${spider('one')}# theirs\n` })
    writeFileSync(join(world.node, 'news/spiders/one.py'), `${spider('one')}# mine\n`)
    const code = () => daemon.client.call('getProjectCode', { params: { project: 'news' } })
    expect(await code()).toMatchObject({ dirty: true })
    const [row] = (await pull())['message_details'] as { status: string; message: string }[]
    expect(row).toMatchObject({ status: 'ok', after: theirs })
    const stash = /put aside: news\/spiders\/one\.py \(back with: git stash apply (\w+)\)/.exec(row?.message ?? '')?.[1]
    expect(world.read('news/spiders/one.py')).toContain('# theirs')
    expect(world.git(world.node, 'show', `${stash}:news/spiders/one.py`)).toContain('# mine')
    expect(await code()).toMatchObject({ commit: theirs, dirty: false })
    expect(await daemon.ended(await daemon.schedule('news', 'one'))).toMatchObject({
      outcome: 'finished',
      version: theirs,
    })
  })

  it('whose server is away says so, and runs on with what it has', async () => {
    const { commit } = await daemon.client.call('getProjectCode', { params: { project: 'news' } })
    rmSync(world.bare, { recursive: true })
    const [row] = (await pull())['message_details'] as { status: string; message: string }[]
    expect(row).toMatchObject({ status: 'error', before: commit })
    expect(row?.message).toContain(world.bare)
    expect(await daemon.ended(await daemon.schedule('news', 'one'))).toMatchObject({
      outcome: 'finished',
      version: commit,
    })
  })
})
