import { appendFileSync, mkdirSync, readdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RunnerError } from '../../../src-daemon/errors.ts'
import type { ResolvedProject } from '../../../src-daemon/projects/project-registry.ts'
import { lookAtSources } from '../../../src-daemon/projects/source-fingerprint.ts'
import type { SpiderList } from '../../../src-daemon/projects/spider-list.ts'
import { moduleOf, uniqueSpiders } from '../../../src-daemon/projects/spider-list.ts'
import { SpiderLists } from '../../../src-daemon/projects/spider-lists.ts'
import type { SpiderListing } from '../../../src-daemon/runner/run.ts'
import { MemoryStores } from './memory-stores.ts'
import { ProjectFolder } from './project-folder.ts'

let folder: ProjectFolder
let stores: MemoryStores
let python: FakePython
let changes: [string, string[] | null][]
let problems: string[]

beforeEach(() => {
  folder = new ProjectFolder()
  folder.project('news', { one: '', two: '' })
  stores = new MemoryStores()
  python = new FakePython()
  changes = []
  problems = []
})

afterEach(() => {
  folder.end()
  vi.useRealTimers()
})

/** Stands for Python: one spider a module, read from the folder at the moment of the call. */
class FakePython {
  calls = 0
  broken: Error | null = null
  errors: SpiderListing['errors'] = []
  /** Called in the middle of a list. */
  during: () => Promise<void> | void = () => undefined

  list = async ({ projectDir, name }: ResolvedProject): Promise<SpiderListing> => {
    this.calls += 1
    const spiders = join(projectDir, name, 'spiders')
    const modules = readdirSync(spiders).filter((file) => file.endsWith('.py') && file !== '__init__.py')
    await this.during()
    if (this.broken !== null) throw this.broken
    return {
      spiders: modules.map((file) => ({ name: file.slice(0, -3), module: `${name}.spiders.${file.slice(0, -3)}` })),
      errors: this.errors,
      files: [
        join(projectDir, 'scrapy.cfg'),
        join(projectDir, name, '__init__.py'),
        join(projectDir, name, 'settings.py'),
        ...['__init__.py', ...modules].map((file) => join(spiders, file)),
      ],
      folders: [spiders],
      ownLoader: true,
      scrapyVersion: '2.13.0',
      pythonVersion: '3.11.0',
    }
  }
}

function open(timeoutMs = 10_000): SpiderLists {
  return new SpiderLists({
    resolve: async (name) => resolved(name),
    list: python.list,
    timeoutMs,
    store: stores.lists,
    onChange: (name, list) => changes.push([name, list === null ? null : names(list)]),
    onProblem: (message) => problems.push(message),
  })
}

function resolved(name: string): ResolvedProject {
  const path = join(folder.path, name)
  return { name, path, source: 'config', projectDir: path, settingsModule: `${name}.settings`, python: null }
}

function names(list: SpiderList): string[] {
  return list.listing.spiders.map((spider) => spider.name)
}

/** Until what is told is as expected; looks at the files are shared for some milliseconds. */
async function eventually(lists: SpiderLists, expected: string[]): Promise<void> {
  await expect.poll(async () => names(await lists.get('news'))).toEqual(expected)
}

describe('a list', () => {
  it('is made once while nothing changes, also when many ask at once', async () => {
    const lists = open()
    expect(lists.known('news')).toBeNull()
    const all = await Promise.all(Array.from({ length: 20 }, () => lists.get('news')))
    expect(all.map(names)).toEqual(Array.from({ length: 20 }, () => ['one', 'two']))
    await lists.get('news')
    expect(python.calls).toBe(1)
    expect(names(lists.known('news') as SpiderList)).toEqual(['one', 'two'])
    expect(changes).toEqual([['news', ['one', 'two']]])
  })

  const edits: [string, () => void][] = [
    ['an edited spider', () => appendFileSync(join(folder.path, 'news/news/spiders/one.py'), 'x = 2\n')],
    ['an edit that keeps size and time', () => sameSizeAndTime(join(folder.path, 'news/news/settings.py'))],
    ['a new spider', () => folder.write('news/news/spiders/three.py', '')],
    ['a removed spider', () => folder.remove('news/news/spiders/two.py')],
    ['a new package of spiders', () => folder.write('news/news/spiders/more/__init__.py', '')],
    ['a pipeline beside the settings', () => folder.write('news/news/pipelines.py', '')],
    ['another scrapy.cfg', () => folder.write('news/scrapy.cfg', '[settings]\ndefault = news.settings\n#\n')],
    [
      'a file that was replaced',
      () => renameSync(folder.write('new.py', ''), join(folder.path, 'news/news/spiders/one.py')),
    ],
  ]
  it.each(edits)('is made anew after %s', async (_, edit) => {
    const lists = open()
    await lists.get('news')
    edit()
    await expect.poll(async () => (await lists.get('news'), python.calls)).toBe(2)
    await lists.get('news')
    expect(python.calls).toBe(2)
  })

  it('is trusted for a while where looking is slow, but for who has a reason to look', async () => {
    // From before the first look, so that all of them are equally slow.
    let clock = performance.now()
    const now = vi.spyOn(performance, 'now').mockImplementation(() => (clock += 200))
    const lists = open()
    await lists.get('news')
    await lists.get('news')
    folder.write('news/news/spiders/three.py', '')
    const names = async (options: { looksNow?: boolean }) =>
      (await lists.get('news', options)).listing.spiders.map(({ name }) => name)
    expect(await names({})).not.toContain('three')
    expect(await names({ looksNow: true })).toContain('three')
    now.mockRestore()
  })

  const others: [string, () => void][] = [
    ['items and logs', () => folder.write('news/items/1.jl', '{}')],
    ['an environment', () => folder.write('news/.venv/lib/x.py', '')],
    ['what Python compiled', () => folder.write('news/news/spiders/__pycache__/one.cpython-311.pyc', '')],
    ['data beside the spiders', () => folder.write('news/news/spiders/seeds.csv', '1')],
  ]
  it.each(others)('is not made anew for %s', async (_, edit) => {
    const lists = open()
    await lists.get('news')
    edit()
    const before = await lists.fingerprint('news')
    for (let round = 0; round < 5; round++) await lists.get('news')
    expect(await lists.fingerprint('news')).toBe(before)
    expect(python.calls).toBe(1)
  })

  it('that was being made while the code changed is made once more', async () => {
    const lists = open()
    python.during = () => {
      python.during = () => undefined
      folder.write('news/news/spiders/three.py', '')
    }
    expect(names(await lists.get('news'))).toEqual(['one', 'three', 'two'])
    expect(python.calls).toBe(2)
  })

  it('is refreshed on demand from the code as it is then, not by one that has begun before', async () => {
    const lists = open()
    const { promise, resolve } = Promise.withResolvers<void>()
    python.during = async () => await promise
    const first = lists.refresh('news')
    await expect.poll(() => python.calls).toBe(1)
    const second = lists.refresh('news')
    const third = lists.refresh('news')
    resolve()
    await Promise.all([first, second, third])
    expect(python.calls).toBe(2)
  })

  it('that failed is told as an error, then tried again when the code changes', async () => {
    const lists = open()
    await lists.get('news')
    python.broken = new RunnerError('settings.py: SyntaxError')
    folder.write('news/news/settings.py', 'broken(\n')
    await expect.poll(() => lists.get('news').catch((error: Error) => error.message)).toBe('settings.py: SyntaxError')
    expect(lists.known('news')).toBeNull()
    expect(lists.problem('news')?.message).toBe('settings.py: SyntaxError')
    expect(changes.at(-1)).toEqual(['news', null])
    const { calls } = python
    await expect(lists.get('news')).rejects.toThrow('SyntaxError')
    expect(python.calls).toBe(calls)
    python.broken = null
    folder.write('news/news/settings.py', 'x = 1\n')
    await expect.poll(() => lists.get('news').catch(() => null)).not.toBeNull()
    expect(lists.problem('news')).toBeNull()
    expect(changes.at(-1)).toEqual(['news', ['one', 'two']])
  })

  it('that failed is tried again after some seconds even when nothing changes', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    const lists = open()
    python.broken = new RunnerError('Scrapy is not installed')
    await expect(lists.get('news')).rejects.toThrow('not installed')
    await expect(lists.get('news')).rejects.toThrow('not installed')
    expect(python.calls).toBe(1)
    python.broken = null
    vi.advanceTimersByTime(5_001)
    expect(names(await lists.get('news'))).toEqual(['one', 'two'])
  })

  it('with broken modules is made anew beside the answer after some minutes', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    const lists = open()
    python.errors = [{ module: 'news.spiders.two', traceback: 'ModuleNotFoundError' }]
    await lists.get('news')
    vi.advanceTimersByTime(300_001)
    python.errors = []
    expect((await lists.get('news')).listing.errors).toHaveLength(1)
    await vi.waitFor(async () => expect((await lists.get('news')).listing.errors).toHaveLength(0))
    expect(python.calls).toBe(2)
  })

  it('that never ends is given up', async () => {
    const lists = open(50)
    python.during = () => new Promise(() => undefined)
    await expect(lists.get('news')).rejects.toThrow('listing the spiders of news took longer than 0.05 s')
  })

  it('is forgotten with its project', async () => {
    const lists = open()
    await lists.get('news')
    await lists.forget('news')
    expect(lists.known('news')).toBeNull()
    expect(stores.stored.size).toBe(0)
  })
})

describe('a restarted daemon', () => {
  it('answers at once with the list of the one before, and makes it anew beside', async () => {
    await open().get('news')
    const lists = open()
    const { promise, resolve } = Promise.withResolvers<void>()
    python.during = async () => await promise
    expect(names(await lists.get('news'))).toEqual(['one', 'two'])
    await expect.poll(() => python.calls).toBe(2)
    resolve()
  })

  it('does not believe a list of other code, or of another place', async () => {
    await open().get('news')
    folder.write('news/news/spiders/three.py', '')
    expect(names(await open().get('news'))).toEqual(['one', 'three', 'two'])
    const stored = stores.stored.get('news')
    if (stored !== undefined) stores.stored.set('news', { ...stored, place: 'another' })
    const { calls } = python
    await open().get('news')
    expect(python.calls).toBe(calls + 1)
  })

  it('does without a store that fails', async () => {
    stores.failure = new Error('disk full')
    const lists = open()
    await eventually(lists, ['one', 'two'])
    expect(problems).toEqual(['the spider list of news cannot be stored'])
  })
})

describe('lookAtSources', () => {
  it('costs little for hundreds of files', async () => {
    const files = Array.from({ length: 300 }, (_, index) => folder.write(`big/p${index}.py`, 'x = 1\n'))
    const sources = { files, folders: [join(folder.path, 'big')] }
    await lookAtSources(sources)
    const started = process.cpuUsage()
    for (let round = 0; round < 20; round++) await lookAtSources(sources)
    const { user, system } = process.cpuUsage(started)
    // Measured: 3 ms. The bound only catches a change of its order.
    expect((user + system) / 1000 / 20).toBeLessThan(30)
  })

  it('takes what is not there, or is no file, as it is', async () => {
    mkdirSync(join(folder.path, 'odd'))
    symlinkSync('nowhere', join(folder.path, 'odd', 'link.py'))
    const sources = { files: [join(folder.path, 'gone.py')], folders: [join(folder.path, 'odd'), '/nonexistent'] }
    expect(await lookAtSources(sources)).toBe(await lookAtSources(sources))
    const before = await lookAtSources(sources)
    writeFileSync(join(folder.path, 'gone.py'), '')
    expect(await lookAtSources(sources)).not.toBe(before)
  })
})

describe('moduleOf', () => {
  const listing = (ownLoader: boolean): SpiderListing => ({
    spiders: [
      { name: 'a', module: 'p.a' },
      { name: 'twice', module: 'p.b' },
      { name: 'twice', module: 'p.c' },
    ],
    errors: [],
    files: [],
    folders: [],
    ownLoader,
    scrapyVersion: '',
    pythonVersion: '',
  })

  it.each([
    ['a', true, 'p.a'],
    ['a', false, null],
    ['twice', true, null],
    ['nope', true, null],
  ])('of %s with its own loader %s is %s', (spider, ownLoader, module) => {
    expect(moduleOf(listing(ownLoader), spider)).toBe(module)
  })

  it('names every spider once', () => {
    expect(uniqueSpiders(listing(true))).toEqual([
      { name: 'a', module: 'p.a' },
      { name: 'twice', module: 'p.c' },
    ])
  })
})

function sameSizeAndTime(file: string): void {
  writeFileSync(file, `SPIDER_MODULES = ['news.spiderz']\n`)
  const past = new Date('2020-01-01')
  utimesSync(file, past, past)
}
