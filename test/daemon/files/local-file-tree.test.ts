import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FileNotFoundError, JobNotFoundError } from '../../../src-daemon/errors.ts'
import { type JobFiles, LocalFileTree } from '../../../src-daemon/files/local-file-tree.ts'
import { longestTurn } from './longest-turn.ts'
import { tempFolder } from './temp-folder.ts'

async function makeTree(jobs: Record<string, JobFiles> = {}) {
  const root = await tempFolder()
  const logs = join(root, 'logs')
  await mkdir(join(logs, 'newspapers', '财联社'), { recursive: true })
  await writeFile(join(logs, 'newspapers', '财联社', 'j1.log'), 'one\n')
  await writeFile(join(root, 'secret'), 'secret')
  const tree = new LocalFileTree({ logsDir: logs, itemsDir: join(root, 'items'), locate: (key) => jobs[key] ?? null })
  return { root, logs, tree }
}

describe('LocalFileTree.find', () => {
  it('finds files with size and time', async () => {
    const { logs, tree } = await makeTree()
    const path = join(logs, 'newspapers', '财联社', 'j1.log')
    const { mtimeMs } = await stat(path)
    expect(await tree.find('logs', ['newspapers', '财联社', 'j1.log'])).toEqual({
      kind: 'file',
      path,
      size: 4,
      modifiedAt: Math.floor(mtimeMs),
    })
  })

  it('lists folders by name', async () => {
    const { logs, tree } = await makeTree()
    await mkdir(join(logs, 'b'))
    await writeFile(join(logs, 'a.txt'), 'abc')
    const found = await tree.find('logs', [])
    expect(found).toMatchObject({
      kind: 'folder',
      entries: [
        { name: 'a.txt', folder: false, size: 3 },
        { name: 'b', folder: true },
        { name: 'newspapers', folder: true },
      ],
    })
  })

  it('shows an empty folder before the first job', async () => {
    const { tree } = await makeTree()
    expect(await tree.find('items', [])).toEqual({ kind: 'folder', entries: [] })
    expect(await tree.find('items', ['newspapers'])).toBeNull()
  })

  it('has no items where they are not on this disk', async () => {
    const { logs } = await makeTree()
    const tree = new LocalFileTree({ logsDir: logs, itemsDir: null, locate: () => null })
    expect(tree.hasItems).toBe(false)
    expect(await tree.find('items', [])).toBeNull()
  })

  it.each([
    [['nothing']],
    [['newspapers', '财联社', 'j1.log', 'x']],
    [['..', 'secret']],
    [['newspapers', '..', '..', 'secret']],
    [['newspapers/财联社']],
    [['']],
    [['x'.repeat(300)]],
    [['a\0b']],
  ])('does not find %j', async (segments) => {
    const { tree } = await makeTree()
    expect(await tree.find('logs', segments)).toBeNull()
  })

  it('follows links inside the folder, and none that lead out of it', async () => {
    const { root, logs, tree } = await makeTree()
    await symlink(join(root, 'secret'), join(logs, 'out.log'))
    await symlink(root, join(logs, 'up'))
    await symlink(join(logs, 'nothing'), join(logs, 'broken'))
    await symlink(join(logs, 'newspapers', '财联社', 'j1.log'), join(logs, 'latest.log'))
    await mkdir(join(root, 'logs-old'))
    await writeFile(join(root, 'logs-old', 'x'), 'x')
    await symlink(join(root, 'logs-old'), join(logs, 'old'))
    for (const segments of [['out.log'], ['up'], ['up', 'secret'], ['broken'], ['old'], ['old', 'x']]) {
      expect({ segments, found: await tree.find('logs', segments) }).toEqual({ segments, found: null })
    }
    expect(await tree.find('logs', ['latest.log'])).toMatchObject({ kind: 'file', size: 4 })
    expect(await tree.find('logs', [])).toMatchObject({ entries: [{ name: 'latest.log' }, { name: 'newspapers' }] })
  })

  it('works when the root itself is a link', async () => {
    const { root, logs } = await makeTree()
    await symlink(logs, join(root, 'linked'))
    const tree = new LocalFileTree({ logsDir: join(root, 'linked'), itemsDir: null, locate: () => null })
    expect(await tree.find('logs', ['newspapers', '财联社', 'j1.log'])).toMatchObject({ kind: 'file', size: 4 })
  })

  it('does not show a FIFO, and does not wait for one', async () => {
    const { logs, tree } = await makeTree()
    execFileSync('mkfifo', [join(logs, 'pipe')])
    expect(await tree.find('logs', ['pipe'])).toBeNull()
    expect(await tree.find('logs', [])).toMatchObject({ entries: [{ name: 'newspapers' }] })
  })

  it('lists a huge folder in order without holding up others', async () => {
    const { logs, tree } = await makeTree()
    const folder = join(logs, 'huge')
    await mkdir(folder)
    const names = Array.from({ length: 12_000 }, (_, i) => `${(i * 7919) % 12_000}.log`)
    for (const name of names) writeFileSync(join(folder, name), '')
    const { result: found, longest } = await longestTurn(() => tree.find('logs', ['huge']))
    expect(found?.kind).toBe('folder')
    const rows = found?.kind === 'folder' ? found.entries.map(({ name }) => name) : []
    expect(rows).toEqual(names.toSorted())
    expect(longest).toBeLessThan(50)
  })
})

describe('LocalFileTree.ofJob', () => {
  it('finds log and output of a job', async () => {
    const root = await tempFolder()
    await writeFile(join(root, 'j.log'), 'log')
    await writeFile(join(root, 'j.out'), 'printed')
    const files = { log: join(root, 'j.log'), items: null, output: join(root, 'j.out') }
    const tree = new LocalFileTree({ logsDir: root, itemsDir: null, locate: (key) => (key === 'k' ? files : null) })
    expect(await tree.ofJob('log', 'k')).toMatchObject({ kind: 'file', path: files.log, size: 3 })
    expect(await tree.ofJob('output', 'k')).toMatchObject({ kind: 'file', path: files.output, size: 7 })
    await expect(tree.ofJob('log', 'other')).rejects.toThrow(JobNotFoundError)
  })

  it('says what is not there', async () => {
    const { root, logs, tree } = await makeTree({
      none: { log: null, items: null, output: null },
      gone: { log: '/nowhere/j.log', items: null, output: null },
    })
    await expect(tree.ofJob('log', 'none')).rejects.toThrow(FileNotFoundError)
    await expect(tree.ofJob('log', 'gone')).rejects.toThrow(FileNotFoundError)
    await symlink(join(root, 'secret'), join(logs, 'j.log'))
    const linked = new LocalFileTree({
      logsDir: logs,
      itemsDir: null,
      locate: () => ({ log: join(logs, 'j.log'), items: null, output: null }),
    })
    await expect(linked.ofJob('log', 'k')).rejects.toThrow(FileNotFoundError)
  })
})
