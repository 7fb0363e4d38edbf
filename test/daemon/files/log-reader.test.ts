import { execFileSync } from 'node:child_process'
import { appendFile, rename, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogIndex } from '../../../src-daemon/api/contract/values.ts'
import { logIndex } from '../../../src-daemon/api/contract/values.ts'
import { FileNotFoundError, StorageError } from '../../../src-daemon/errors.ts'
import { LogReader } from '../../../src-daemon/files/log-reader.ts'
import { longestTurn } from './longest-turn.ts'
import { record, traceback, writeBigLog } from './scrapy-log.ts'
import { tempFolder } from './temp-folder.ts'

let reader: LogReader

beforeEach(() => {
  reader = new LogReader()
})
afterEach(() => reader.stop())

async function wholeIndex(path: string): Promise<LogIndex> {
  for (;;) {
    const index = await reader.index(path)
    if (index.indexed === index.size) return index
  }
}

const all = { q: '', levels: [], from: 0, limit: 1_000 } as const

describe('LogReader.index', () => {
  it('answers in the form of the contract', async () => {
    const path = join(await tempFolder(), 'j.log')
    await writeFile(path, record('INFO', 'a') + record('ERROR', 'b') + traceback)
    const index = await reader.index(path)
    expect(logIndex.parse(index)).toEqual(index)
    expect(index).toMatchObject({ lines: 6, levels: { ERROR: 1, INFO: 1 }, first_error: { line: 1 }, offsets: [0] })
    expect(index.indexed).toBe(index.size)
  })

  it('goes on where it ended as the log grows', async () => {
    const path = join(await tempFolder(), 'j.log')
    await writeFile(path, `${record('INFO', 'a')}2026-11-22 22:10:40 [x] ERR`)
    expect(await wholeIndex(path)).toMatchObject({ lines: 2, levels: { INFO: 1, ERROR: 0 } })
    await appendFile(path, `OR: b\n${record('WARNING', 'c')}`)
    expect(await wholeIndex(path)).toMatchObject({ lines: 3, levels: { INFO: 1, ERROR: 1, WARNING: 1 } })
  })

  it('begins anew when the log is cut, written anew or replaced', async () => {
    const folder = await tempFolder()
    const path = join(folder, 'j.log')
    await writeFile(path, record('ERROR', 'first').repeat(10))
    expect(await wholeIndex(path)).toMatchObject({ levels: { ERROR: 10 } })
    await truncate(path, 0)
    expect(await wholeIndex(path)).toMatchObject({ lines: 0, levels: { ERROR: 0 }, first_error: null })
    await writeFile(path, record('INFO', 'second').repeat(3))
    expect(await wholeIndex(path)).toMatchObject({ levels: { ERROR: 0, INFO: 3 } })
    // Longer than before, in the same inode.
    await writeFile(path, record('DEBUG', 'third').repeat(30))
    expect(await wholeIndex(path)).toMatchObject({ levels: { INFO: 0, DEBUG: 30 } })
    await writeFile(join(folder, 'new'), record('WARNING', 'third').repeat(40))
    await rename(join(folder, 'new'), path)
    expect(await wholeIndex(path)).toMatchObject({ levels: { DEBUG: 0, WARNING: 40 } })
  })

  it('says when there is no log, or none that may be read', async () => {
    const folder = await tempFolder()
    await writeFile(join(folder, 'secret'), 'x')
    await symlink(join(folder, 'secret'), join(folder, 'link.log'))
    execFileSync('mkfifo', [join(folder, 'pipe.log')])
    for (const name of ['no.log', 'link.log', 'pipe.log', '']) {
      await expect(reader.index(join(folder, name))).rejects.toThrow(FileNotFoundError)
    }
  })

  it('reads a large log without holding up the daemon', async () => {
    const path = join(await tempFolder(), 'big.log')
    const { size, lines, errors } = writeBigLog(path, 24 << 20)
    const { result, longest } = await longestTurn(() =>
      Promise.all([wholeIndex(path), reader.search(path, { ...all, q: 'valueerror: 没有' })]),
    )
    const [index, found] = result
    expect(index).toMatchObject({ size, lines, levels: { ERROR: errors } })
    expect(found).toMatchObject({ total: errors, size })
    expect(longest).toBeLessThan(50)
  })

  it('serves many questions at once', async () => {
    const folder = await tempFolder()
    const paths = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const path = join(folder, `${i}.log`)
        await writeFile(path, record('INFO', 'x').repeat(i))
        return path
      }),
    )
    const lines = await Promise.all(paths.map(async (path) => (await reader.index(path)).lines))
    expect(lines).toEqual(paths.map((_, i) => i))
    const totals = await Promise.all(paths.map(async (path) => (await reader.search(path, all)).total))
    expect(totals).toEqual(lines)
  })
})

describe('LogReader.search', () => {
  it('numbers the lines of a later page and knows their level', async () => {
    const path = join(await tempFolder(), 'j.log')
    await writeFile(path, record('INFO', 'a').repeat(500) + record('ERROR', 'b') + 'more of it\n'.repeat(2_000))
    const first = await reader.search(path, { ...all, q: 'more', limit: 900 })
    expect(first.matches.at(-1)).toMatchObject({ line: 1_400, level: 'ERROR' })
    const second = await reader.search(path, { ...all, q: 'more', limit: 900, from: first.next ?? 0 })
    expect(second.matches[0]).toMatchObject({ line: 1_401, level: 'ERROR' })
    expect(second).toMatchObject({ total: 1_100 })
  })

  it('continues a search in the file as it was, and finds what came later from there', async () => {
    const path = join(await tempFolder(), 'j.log')
    await writeFile(path, record('INFO', 'tick').repeat(10))
    const first = await reader.search(path, { ...all, q: 'tick', limit: 6 })
    await appendFile(path, record('INFO', 'tick').repeat(5))
    const second = await reader.search(path, { ...all, q: 'tick', limit: 6, from: first.next ?? 0 })
    expect(second).toMatchObject({ total: 4, next: null, size: first.size })
    expect(second.matches).toHaveLength(4)
    const later = await reader.search(path, { ...all, q: 'tick', from: second.size })
    expect(later.total).toBe(5)
    expect(later.matches[0]).toMatchObject({ line: 10 })
  })

  it('can be cancelled, before and while it runs', async () => {
    const path = join(await tempFolder(), 'big.log')
    writeBigLog(path, 16 << 20)
    const controller = new AbortController()
    const searches = Array.from({ length: 6 }, () =>
      reader.search(path, { ...all, q: 'missing' }, controller.signal).catch((error: unknown) => error),
    )
    controller.abort(new Error('gone'))
    expect((await Promise.all(searches)).map(String)).toEqual(Array.from({ length: 6 }, () => 'Error: gone'))
    await expect(reader.search(path, all, controller.signal)).rejects.toThrow('gone')
    expect((await reader.search(path, { ...all, q: 'missing' })).total).toBe(0)
  })

  it('fails what is open when it is stopped, and can be used again', async () => {
    const path = join(await tempFolder(), 'big.log')
    writeBigLog(path, 4 << 20)
    const open = reader.search(path, { ...all, q: 'missing' }).catch((error: unknown) => error)
    await reader.stop()
    expect(await open).toBeInstanceOf(StorageError)
    expect((await reader.search(path, { ...all, q: 'valueerror' })).total).toBeGreaterThan(0)
  })
})
