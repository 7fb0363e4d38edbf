import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { limitedMemory } from '../../../src-daemon/runner/cgroup-memory.ts'
import { isMemoryScarce, isScarce } from '../../../src-daemon/runner/memory-pressure.ts'

const GIB = 1024 ** 3

it.each([
  ['a large machine with much left', 8 * GIB, 64 * GIB, false],
  ['a large machine with a tenth of a GiB left', 0.1 * GIB, 64 * GIB, true],
  ['a small machine with most of it left', 0.4 * GIB, 0.5 * GIB, false],
  ['a small machine with little left', 0.04 * GIB, 0.5 * GIB, true],
  ['a machine with half a GiB left', 0.5 * GIB, 64 * GIB, false],
])('memory of %s', (_, available, total, expected) => {
  expect(isScarce(available, total)).toBe(expected)
})

it('is asked of this machine without being told', () => {
  expect(isMemoryScarce()).toBeTypeOf('boolean')
})

describe('the limit of a container or service', () => {
  /** A tree of groups: by path, the files in it. */
  function groups(self: string, tree: Record<string, Record<string, string>>) {
    const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-groups-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    for (const [path, files] of Object.entries(tree)) {
      mkdirSync(join(folder, path), { recursive: true })
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, path, name), text)
    }
    writeFileSync(join(folder, 'self'), self)
    return limitedMemory(folder, join(folder, 'self'))
  }
  const usage = (max: string, current: number, cached = 0) => ({
    'memory.max': `${max}\n`,
    'memory.current': `${current}\n`,
    'memory.stat': `anon 1\nfile ${cached}\ninactive_file ${cached}\nactive_file 0\n`,
  })

  it('is that of its own group; cached files can be had', () => {
    expect(groups('0::/app.service\n', { 'app.service': usage('1000', 900, 300) })).toEqual({
      limit: 1000,
      available: 400,
    })
  })

  it('is the tightest on the way up', () => {
    const tree = { 'a.slice': usage('500', 450), 'a.slice/b.service': usage('1000', 440) }
    expect(groups('0::/a.slice/b.service\n', tree)).toEqual({ limit: 500, available: 50 })
  })

  it('is that of the topmost group inside of a container', () => {
    expect(groups('0::/\n', { '.': usage('800', 100) })).toEqual({ limit: 800, available: 700 })
  })

  it('is none without a limit, in an older system, and where nothing is said', () => {
    expect(groups('0::/x\n', { x: usage('max', 10) })).toBeNull()
    expect(groups('9:name=systemd:/\n', {})).toBeNull()
    expect(groups('0::/gone\n', {})).toBeNull()
  })
})
