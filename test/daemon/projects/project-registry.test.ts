import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ProjectConfig } from '../../../src-daemon/config/config.ts'
import {
  DirectoryTraversalError,
  InvalidParameterError,
  ProjectNotFoundError,
  ProjectUnusableError,
} from '../../../src-daemon/errors.ts'
import type { ProjectChange } from '../../../src-daemon/projects/project-registry.ts'
import { ProjectRegistry } from '../../../src-daemon/projects/project-registry.ts'
import { inChinese } from '../../helpers/in-chinese.ts'
import { MemoryStores } from './memory-stores.ts'
import { ProjectFolder } from './project-folder.ts'

let folder: ProjectFolder
let stores: MemoryStores
let changes: ProjectChange[]
let news: string
let shop: string

beforeEach(() => {
  folder = new ProjectFolder()
  stores = new MemoryStores()
  changes = []
  news = folder.project('news')
  shop = folder.project('shop')
})

afterEach(() => {
  folder.end()
})

/** A daemon that starts with this configuration, on what earlier ones have stored. */
async function open(configured: Record<string, string>, codePath: string | null = null): Promise<ProjectRegistry> {
  const registry = new ProjectRegistry({
    configured: Object.entries(configured).map(([name, path]): ProjectConfig => ({ name, path, source: 'config' })),
    python: { news: '/opt/python' },
    codePath,
    store: stores.projects,
    onChange: (change) => changes.push(change),
  })
  await registry.start()
  return registry
}

describe('what is in service', () => {
  it('is what is configured, sorted by name', async () => {
    const registry = await open({ shop, news })
    expect(registry.list()).toEqual([
      { name: 'news', path: news, source: 'config' },
      { name: 'shop', path: shop, source: 'config' },
    ])
    expect(registry.find('nope')).toBeNull()
    expect(() => registry.require('nope')).toThrow(new ProjectNotFoundError('nope'))
    expect(registry.find('__proto__')).toBeNull()
  })

  it('keeps additions over a restart', async () => {
    const registry = await open({ news })
    expect(await registry.add('shop', shop)).toEqual({ name: 'shop', path: shop, source: 'added' })
    expect(changes).toEqual([{ change: 'added', name: 'shop' }])
    const restarted = await open({ news })
    expect(restarted.list().map(({ name }) => name)).toEqual(['news', 'shop'])
    await restarted.remove('shop')
    expect((await open({ news })).find('shop')).toBeNull()
    expect(stores.rows.size).toBe(0)
  })

  it('keeps the removal of a configured project until it is added again', async () => {
    await (await open({ news })).remove('news')
    const restarted = await open({ news })
    expect(restarted.list()).toEqual([])
    await expect(restarted.remove('news')).rejects.toBeInstanceOf(ProjectNotFoundError)
    expect(await restarted.add('news', null)).toEqual({ name: 'news', path: news, source: 'config' })
    expect((await open({ news })).find('news')).not.toBeNull()
    expect(changes.map(({ change }) => change)).toEqual(['removed', 'added'])
  })

  it('ends the removal when the path in the configuration changes, for good', async () => {
    await (await open({ news })).remove('news')
    expect((await open({})).find('news')).toBeNull()
    expect((await open({ news })).find('news')).toBeNull()
    expect((await open({ news: shop })).find('news')).toEqual({ name: 'news', path: shop, source: 'config' })
    expect((await open({ news })).find('news')).toEqual({ name: 'news', path: news, source: 'config' })
  })

  it('moves a project, configured or not, to another folder', async () => {
    const registry = await open({ news })
    await registry.add('news', shop)
    expect(registry.find('news')).toEqual({ name: 'news', path: shop, source: 'added' })
    expect((await open({ news })).find('news')?.path).toBe(shop)
    await registry.add('news', news)
    expect(registry.find('news')).toEqual({ name: 'news', path: news, source: 'config' })
    expect(stores.rows.size).toBe(0)
    expect(changes.map(({ change }) => change)).toEqual(['moved', 'moved'])
  })

  it('lets the configuration have the last word when it changes after an addition', async () => {
    await (await open({})).add('news', shop)
    expect((await open({ news })).find('news')).toEqual({ name: 'news', path: news, source: 'config' })
  })

  it('says nothing twice', async () => {
    const registry = await open({ news })
    await registry.add('news', news)
    await registry.add('shop', shop)
    await registry.add('shop', `${shop}/`)
    await registry.add('shop', null)
    expect(changes).toEqual([{ change: 'added', name: 'shop' }])
  })

  it('exposes one folder under two names', async () => {
    const registry = await open({ news })
    await registry.add('newspaper', news)
    expect(registry.list().map(({ path }) => path)).toEqual([news, news])
    expect(await registry.resolve('newspaper')).toMatchObject({ settingsModule: 'news.settings', python: null })
  })

  it('makes changes at the same time one after the other', async () => {
    const registry = await open({ news })
    await Promise.all([registry.remove('news'), registry.add('news', shop), registry.remove('news')])
    expect(registry.find('news')).toBeNull()
    expect(changes.map(({ change }) => change)).toEqual(['removed', 'added', 'removed'])
  })

  it('changes nothing when the change cannot be stored', async () => {
    const registry = await open({ news })
    stores.failure = new Error('disk full')
    await expect(registry.remove('news')).rejects.toThrow('disk full')
    await expect(registry.add('shop', shop)).rejects.toThrow('disk full')
    expect(registry.list().map(({ name }) => name)).toEqual(['news'])
    expect(changes).toEqual([])
    stores.failure = null
    await registry.remove('news')
    expect(registry.list()).toEqual([])
  })
})

describe('what can be added', () => {
  it('is looked for below local_crawler_code_path when no path is given', async () => {
    const registry = await open({}, folder.path)
    expect(await registry.add('shop', null)).toMatchObject({ path: shop })
    expect(await registry.add('store', 'shop')).toMatchObject({ path: shop })
    const refused = async (path: string | null) =>
      ((await (await open({})).add('news', path).catch((reason: unknown) => reason)) as InvalidParameterError).message
    expect(await refused(null)).toContain("'path' parameter is required")
    expect(await refused('news')).toContain('news is not an absolute path')
    expect(inChinese(await refused(null))).toBe('必须指定路径：该节点没有设置 local_crawler_code_path')
    expect(inChinese(await refused('news'))).toBe('路径无效：news 不是绝对路径')
  })

  it.each([
    ['..', DirectoryTraversalError, 'DirectoryTraversalError: ..'],
    ['../news', DirectoryTraversalError, 'DirectoryTraversalError: ../news'],
    [String.raw`a\b`, DirectoryTraversalError, String.raw`DirectoryTraversalError: a\b`],
    ['a\nb', InvalidParameterError, 'control characters'],
    ['x'.repeat(300), InvalidParameterError, 'at most'],
  ])('is no name like %j', async (name, type, words) => {
    const error = await (await open({})).add(name, news).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(type)
    expect((error as Error).message).toContain(words)
    // What Scrapyd says in its own words is quoted.
    expect(inChinese((error as Error).message)).toMatch(/^(?:项目名无效：.*|DirectoryTraversalError: )/)
  })

  it('is a folder with a scrapy.cfg that names a settings module', async () => {
    const registry = await open({})
    const file = folder.write('file', '')
    folder.write('plain/a.txt', '')
    folder.write('empty/scrapy.cfg', '[deploy]\n')
    folder.write('several/scrapy.cfg', '[settings]\na = a.settings\nb = b.settings\n')
    const refused = async (path: string) =>
      ((await registry.add('x', path).catch((reason: unknown) => reason)) as InvalidParameterError).message
    expect(await refused(join(folder.path, 'gone'))).toBe(
      `path is invalid: the folder ${join(folder.path, 'gone')} does not exist`,
    )
    expect(await refused(file)).toBe(`path is invalid: ${file} is not a folder`)
    expect(await refused(join(folder.path, 'plain'))).toContain('holds no scrapy.cfg')
    expect(await refused(join(folder.path, 'empty'))).toContain('names no settings module')
    expect(await refused(join(folder.path, 'several'))).toContain("has no entry 'x'")
    expect(await refused('/a\0b')).toContain('NUL')
    const chinese = async (path: string) => inChinese(await refused(path))
    expect(await chinese(join(folder.path, 'gone'))).toBe(`路径无效：目录 ${join(folder.path, 'gone')} 不存在`)
    expect(await chinese(file)).toBe(`路径无效：${file} 不是目录`)
    expect(await chinese(join(folder.path, 'plain'))).toBe(
      `路径无效：${join(folder.path, 'plain')} 中没有 scrapy.cfg，上下两级目录内也没有`,
    )
    expect(await chinese(join(folder.path, 'empty'))).toBe(
      `路径无效：${join(folder.path, 'empty/scrapy.cfg')}: [settings]：没有指定设置模块；写法为 \`default = PACKAGE.settings\``,
    )
    expect(await chinese(join(folder.path, 'several'))).toMatch(/：既没有 x 项，也没有 default 项，只有 'a', 'b'$/)
    expect(await chinese('/a\0b')).toBe('路径无效：包含 NUL 字符')
    expect(stores.rows.size).toBe(0)
    expect(await registry.add('a', join(folder.path, 'several'))).toMatchObject({ name: 'a' })
  })
})

describe('resolve', () => {
  it('tells where the code is', async () => {
    const registry = await open({ news: join(news, 'news', 'spiders') })
    expect(await registry.resolve('news')).toEqual({
      name: 'news',
      path: join(news, 'news', 'spiders'),
      source: 'config',
      projectDir: news,
      settingsModule: 'news.settings',
      python: '/opt/python',
    })
  })

  it('follows a scrapy.cfg that changes', async () => {
    const registry = await open({ news })
    await registry.resolve('news')
    folder.write('news/scrapy.cfg', '[settings]\ndefault = news.other_settings\n')
    expect(await registry.resolve('news')).toMatchObject({ settingsModule: 'news.other_settings' })
  })

  it('says that a folder has vanished, and heals when it is back', async () => {
    const registry = await open({ news })
    await registry.resolve('news')
    renameSync(news, `${news}-away`)
    const error = await registry.resolve('news').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ProjectUnusableError)
    expect((error as Error).message).toBe(`project 'news' cannot be used: the folder ${news} does not exist`)
    expect(inChinese((error as Error).message)).toBe(`项目 news 无法使用：目录 ${news} 不存在`)
    renameSync(`${news}-away`, news)
    await expect.poll(() => registry.resolve('news').catch(() => null)).toMatchObject({ projectDir: news })
  })
})
