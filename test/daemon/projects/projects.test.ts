import { chmodSync, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Pull } from '../../../src-daemon/api/contract/values.ts'
import { projectCode, pull as pullSchema } from '../../../src-daemon/api/contract/values.ts'
import type { Config } from '../../../src-daemon/config/config.ts'
import {
  GitError,
  NotSupportedError,
  ProjectNotFoundError,
  ProjectUnusableError,
  RunnerError,
  SpiderNotFoundError,
  VersionNotFoundError,
} from '../../../src-daemon/errors.ts'
import { openProjects } from '../../../src-daemon/projects/open-projects.ts'
import { localReach } from '../../../src-daemon/node/local-node.ts'
import type { LocalProjects } from '../../../src-daemon/node/projects-port.ts'
import type { ResolvedProject } from '../../../src-daemon/projects/project-registry.ts'
import type { Projects } from '../../../src-daemon/projects/projects.ts'
import type { SpiderListing } from '../../../src-daemon/runner/run.ts'
import { inChinese } from '../../helpers/in-chinese.ts'
import { GitWorld } from './git-world.ts'
import { MemoryStores } from './memory-stores.ts'
import { ProjectFolder } from './project-folder.ts'

const NEWS = { 'news/scrapy.cfg': '[settings]\ndefault = news.settings\n', 'news/news/spiders/bbc.py': 'v = 1\n' }
const SHOP = { 'shop/scrapy.cfg': '[settings]\ndefault = shop.settings\n', 'shop/shop/spiders/jd.py': 'v = 1\n' }

let world: GitWorld
let folder: ProjectFolder
let stores: MemoryStores
let first: string
let listed: string[]
let broken: Set<string>

beforeEach(() => {
  world = new GitWorld()
  folder = new ProjectFolder()
  stores = new MemoryStores()
  first = world.begin({ ...NEWS, ...SHOP, 'README.md': 'two projects\n' })
  folder.project('plain')
  listed = []
  broken = new Set()
})

afterEach(async () => {
  await world.end()
  folder.end()
})

/** Stands for Python: a spider a module. */
async function list({ name, projectDir }: ResolvedProject, python: string): Promise<SpiderListing> {
  listed.push(`${name} by ${python}`)
  if (broken.has(name)) throw new RunnerError(`the spiders of ${name} cannot be listed: SyntaxError`)
  const spiders = join(projectDir, name, 'spiders')
  const modules = readdirSync(spiders)
    .filter((file) => file.endsWith('.py') && file !== '__init__.py')
    .map((file) => file.slice(0, -3))
  return {
    spiders: modules.map((spider) => ({ name: spider, module: `${name}.spiders.${spider}` })),
    errors: [],
    files: [join(projectDir, 'scrapy.cfg'), ...modules.map((spider) => join(spiders, `${spider}.py`))],
    folders: [spiders],
    ownLoader: true,
    scrapyVersion: '2.13.0',
    pythonVersion: '3.11.0',
  }
}

async function open(cluster: Partial<Config['cluster']> = {}, more: Record<string, string> = {}): Promise<Projects> {
  const paths = { news: join(world.node, 'news'), shop: join(world.node, 'shop'), ...more }
  return await openProjects({
    config: {
      cluster: {
        clusterName: 'cluster',
        nodeName: 'slave001',
        identity: 'slave',
        slaveHosts: [],
        isAllCodeSame: true,
        pullCodeByGit: true,
        branch: null,
        localCrawlerCodePath: null,
        masterRunsJobs: true,
        ...cluster,
      },
      projects: Object.entries(paths).map(([name, path]) => ({ name, path, source: 'config' as const })),
      python: { shop: '/opt/shop/python' },
      spiderModules: {},
      scrapyd: { python: 'python3' } as Config['scrapyd'],
    },
    stores,
    env: world.env,
    list,
  })
}

async function pull(projects: Projects, name: string | null): Promise<{ pull: Pull; states: string[] }> {
  const states: string[] = []
  const done = await projects.pull(name, 'operator', (step) => {
    expect(pullSchema.parse(step)).toEqual(step)
    states.push(step.steps.map(({ state }) => state).join(','))
  })
  return { pull: done, states }
}

it('is what a node needs of its projects', async () => {
  const port: LocalProjects = await open()
  expect(port.list()).toHaveLength(2)
})

describe('pull', () => {
  it('pulls a repository once for all its projects, lists their spiders and notes the commits', async () => {
    const projects = await open()
    const before = await projects.runnable('news', 'bbc', null)
    const second = world.publish('second', { 'news/news/spiders/bbc.py': 'v = 22\n' })
    const { pull: done, states } = await pull(projects, null)
    expect(states[0]).toBe('running,running')
    expect(states.at(-1)).toBe('ok,ok')
    expect(done).toMatchObject({ projects: ['news', 'shop'], by: 'operator' })
    expect(done.steps[0]).toMatchObject({
      node_name: 'slave001',
      project: 'news',
      branch: 'main',
      before: first,
      after: second,
      changes: '1 file changed, 1 insertion(+), 1 deletion(-)',
      stashed: null,
    })
    expect(done.steps.map(({ output }) => output.split('$ git fetch').length - 1)).toEqual([1, 1])
    expect(Date.parse(done.ended_at ?? '')).toBeGreaterThanOrEqual(Date.parse(done.started_at))
    expect(await projects.versions('news')).toEqual([first, second])
    expect(projects.pulls('shop')).toEqual([done])
    expect(listed.filter((line) => line.startsWith('news'))).toHaveLength(2)
    const after = await projects.runnable('news', 'bbc', null)
    expect(after.version).toBe(second)
    expect(after.codeVersion).not.toBe(before.codeVersion)
    expect(listed.filter((line) => line.startsWith('news'))).toHaveLength(2)
  })

  it('passes over what is under no git, unless it was named', async () => {
    const projects = await open({}, { plain: join(folder.path, 'plain') })
    const all = await pull(projects, null)
    expect(all.pull.steps.map(({ project, state }) => `${project} ${state}`)).toEqual([
      'news ok',
      'plain ok',
      'shop ok',
    ])
    expect(all.pull.steps[1]?.message).toContain('is not in a git repository')
    const named = await pull(projects, 'plain')
    expect(named.pull.steps).toMatchObject([
      { state: 'error', message: expect.stringContaining('not in a git repository') },
    ])
  })

  it('tells how far a pull came that failed', async () => {
    const projects = await open({ branch: 'nope' })
    const { pull: done, states } = await pull(projects, 'news')
    expect(states.at(-1)).toBe('error')
    expect(done.steps[0]).toMatchObject({ branch: 'nope', before: first, after: null, state: 'error' })
    expect(done.steps[0]?.message).toContain("has no branch 'nope'")
    expect(done.steps[0]?.output).toContain('$ git fetch')
  })

  it('is an error when the code came, but its spiders cannot be listed', async () => {
    const projects = await open()
    const second = world.publish('second', { 'news/news/spiders/bbc.py': 'v = (\n' })
    broken.add('news')
    const { pull: done } = await pull(projects, null)
    expect(done.steps).toMatchObject([
      { project: 'news', state: 'error', after: second, message: expect.stringMatching(/-> .*; but .*SyntaxError/) },
      { project: 'shop', state: 'ok', after: second },
    ])
    expect(inChinese(done.steps[0]?.message ?? '')).toBe(
      `${first.slice(0, 12)} → ${second.slice(0, 12)}；${done.steps[0]?.changes}；但是：无法列出 news 的爬虫：SyntaxError`,
    )
    expect(await projects.code('news')).toMatchObject({ commit: second, error: expect.stringContaining('SyntaxError') })
    await expect(projects.spiders('news')).rejects.toBeInstanceOf(RunnerError)
  })

  it('says that a folder has vanished', async () => {
    const projects = await open()
    renameSync(world.node, `${world.node}-away`)
    const { pull: done } = await pull(projects, null)
    expect(done.steps.map(({ state }) => state)).toEqual(['error', 'error'])
    expect(done.steps[0]?.message).toContain('cannot be read')
    expect(inChinese(done.steps[0]?.message ?? '')).toMatch(/^无法读取目录 \S+：ENOENT: /)
    renameSync(`${world.node}-away`, world.node)
  })

  it('is ended with the daemon when it waits for a remote', async () => {
    const projects = await open()
    const { promise, resolve } = Promise.withResolvers<void>()
    world.git(world.node, 'remote', 'set-url', 'origin', `${await world.serve(() => resolve())}/up.git`)
    const pulling = pull(projects, 'news')
    await promise
    await projects.stop()
    expect((await pulling).pull.steps).toMatchObject([{ state: 'error', message: 'git fetch was stopped' }])
  })

  it('refuses when it is switched off, and what is not in service', async () => {
    const off = await pull(await open({ pullCodeByGit: false }), null).catch((error: unknown) => error)
    expect(off).toBeInstanceOf(NotSupportedError)
    expect(inChinese((off as Error).message)).toMatch(
      /^节点 \S+ 已关闭代码拉取（\[cluster\] 的 pull_code_by_git 选项）；打开该选项，或用其他方式部署代码$/,
    )
    await expect(pull(await open(), 'nope')).rejects.toBeInstanceOf(ProjectNotFoundError)
  })

  it('keeps the end of a long output', async () => {
    const projects = await open()
    const tags = Array.from({ length: 400 }, (_, index) => `create refs/tags/t${index}-${'x'.repeat(60)} ${first}\n`)
    world.gitWith(tags.join(''), world.up, 'update-ref', '--stdin')
    world.publish('second', { 'README.md': 'more\n' })
    world.git(world.up, 'push', '-q', '--tags')
    const { pull: done } = await pull(projects, 'news')
    expect(done.steps[0]).toMatchObject({ state: 'ok' })
    expect(done.steps[0]?.output.length).toBe(20_000)
    expect(done.steps[0]?.output.startsWith('…')).toBe(true)
  })
})

describe('versions', () => {
  it('are the commits that were current here; one that comes back is the last', async () => {
    const projects = await open()
    expect(await projects.versions('news')).toEqual([first])
    const second = world.commit(world.node, 'by hand', { 'README.md': '2\n' })
    await expect.poll(() => projects.versions('news')).toEqual([first, second])
    world.git(world.node, 'reset', '-q', '--hard', first)
    await expect.poll(() => projects.versions('news')).toEqual([second, first])
    expect(await projects.versions('nope')).toEqual([])
  })

  it('are accepted when they are what is checked out', async () => {
    const projects = await open()
    for (const version of [first, first.slice(0, 7), first.slice(0, 12).toUpperCase(), '', null]) {
      expect(await projects.spiders('news', { version })).toMatchObject({ spiders: [{ name: 'bbc' }] })
      expect(await projects.runnable('news', 'bbc', version)).toMatchObject({ version: first })
    }
    for (const version of [first.slice(0, 6), '1700000000', 'f'.repeat(40)]) {
      await expect(projects.spiders('news', { version })).rejects.toEqual(new VersionNotFoundError(version))
      await expect(projects.runnable('news', 'bbc', version)).rejects.toBeInstanceOf(VersionNotFoundError)
    }
  })

  it('are none outside git', async () => {
    const projects = await open({}, { plain: join(folder.path, 'plain') })
    expect(await projects.versions('plain')).toEqual([])
    expect(await projects.runnable('plain', 'one', null)).toMatchObject({ version: null })
    await expect(projects.runnable('plain', 'one', first)).rejects.toBeInstanceOf(VersionNotFoundError)
  })

  it('do not keep a spider from running where git fails', async () => {
    const projects = await open()
    world.write(world.node, '.git/config', 'not a configuration')
    expect(await projects.runnable('news', 'bbc', null)).toMatchObject({ version: null })
    await expect(projects.versions('news')).rejects.toBeInstanceOf(GitError)
    expect(await projects.code('news')).toMatchObject({ commit: null, error: expect.stringContaining('bad config') })
  })
})

describe('a runnable spider', () => {
  it('is told with everything that a run needs', async () => {
    const projects = await open()
    expect(await projects.runnable('news', 'bbc', null)).toEqual({
      projectDir: join(world.node, 'news'),
      settingsModule: 'news.settings',
      python: 'python3',
      spiderModule: 'news.spiders.bbc',
      codeVersion: expect.stringMatching(new RegExp(`^${first.slice(0, 12)}-.{16}$`)),
      version: first,
    })
    expect(await projects.codeVersion('news')).toBe((await projects.runnable('news', 'bbc', null)).codeVersion)
  })

  it('is run by the configured interpreter, else by the own one of its project', async () => {
    const projects = await open()
    expect(await projects.runnable('shop', 'jd', null)).toMatchObject({ python: '/opt/shop/python' })
    world.write(world.node, 'news/.venv/bin/python', '#!/bin/sh\n')
    chmodSync(join(world.node, 'news/.venv/bin/python'), 0o755)
    const own = join(world.node, 'news/.venv/bin/python')
    expect(await projects.runnable('news', 'bbc', null)).toMatchObject({ python: own })
    expect(listed).toEqual(['shop by /opt/shop/python', `news by ${own}`])
  })

  it('is refused with the reason', async () => {
    const projects = await open()
    await expect(projects.runnable('nope', 'x', null)).rejects.toBeInstanceOf(ProjectNotFoundError)
    await expect(projects.runnable('news', 'nope', null)).rejects.toBeInstanceOf(SpiderNotFoundError)
    // One that has just come is none of these, however long the last look at the files is trusted.
    let clock = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => (clock += 200))
    await projects.runnable('news', 'bbc', null)
    world.write(world.node, 'news/news/spiders/nope.py', '')
    await expect(projects.runnable('news', 'nope', null)).resolves.toMatchObject({ spiderModule: 'news.spiders.nope' })
    world.write(world.node, 'news/news/spiders/later.py', '')
    const reach = localReach(
      projects,
      async () => {},
      () => ({ paused: false, used: 0, maxProc: 1 }),
    )
    await expect(reach.requireSpider('news', 'later', null)).resolves.toBeUndefined()
    await expect(reach.requireSpider('news', 'never', null)).rejects.toBeInstanceOf(SpiderNotFoundError)
    vi.restoreAllMocks()
    renameSync(join(world.node, 'news'), join(world.node, 'away'))
    await expect(projects.runnable('news', 'bbc', null)).rejects.toBeInstanceOf(ProjectUnusableError)
  })
})

describe('add and remove', () => {
  it('puts a folder into service once its spiders could be listed', async () => {
    const projects = await open()
    const path = folder.project('extra')
    broken.add('extra')
    await expect(projects.add('extra', path)).rejects.toBeInstanceOf(RunnerError)
    expect(projects.list().map(({ name }) => name)).toEqual(['news', 'shop'])
    expect(stores.rows.size + stores.stored.size).toBe(0)
    broken.clear()
    expect(await projects.add('extra', path)).toMatchObject({ spiders: [{ name: 'one' }], errors: [] })
    expect(projects.require('extra')).toMatchObject({ source: 'added' })
    expect(projects.knownSpiders('extra')).toEqual({ count: 1, errors: 0 })
  })

  it('takes a project out of service and leaves its code', async () => {
    const projects = await open()
    await projects.spiders('news')
    await projects.remove('news')
    expect(() => projects.require('news')).toThrow(ProjectNotFoundError)
    await expect(projects.spiders('news')).rejects.toBeInstanceOf(ProjectNotFoundError)
    expect(projects.knownSpiders('news')).toBeNull()
    expect(existsSync(join(world.node, 'news', 'scrapy.cfg'))).toBe(true)
    expect((await open()).list().map(({ name }) => name)).toEqual(['shop'])
  })
})

describe('code', () => {
  it('tells commit, edits and what is wrong', async () => {
    const projects = await open()
    const code = await projects.code('news')
    expect(projectCode.parse(code)).toEqual(code)
    expect(code).toMatchObject({
      project: 'news',
      commit: first,
      branch: 'main',
      dirty: false,
      behind: 0,
      spiders: null,
    })
    world.write(world.node, 'README.md', 'edited\n')
    await projects.spiders('news')
    expect(await projects.code('news', { fresh: true })).toMatchObject({ dirty: true, spiders: 1, error: null })
    renameSync(join(world.node, 'news'), join(world.node, 'away'))
    expect(await projects.code('news')).toMatchObject({ error: expect.stringContaining('does not exist') })
    expect((await projects.commits('shop', null, null)).map(({ subject }) => subject)).toEqual(['first'])
    await expect(projects.code('nope')).rejects.toBeInstanceOf(ProjectNotFoundError)
  })
})
