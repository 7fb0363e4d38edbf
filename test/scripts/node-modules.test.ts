import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isInstalled } from '../../scripts/lib/node-modules.mjs'

let root: string

function write(file: string, value: unknown): void {
  const path = join(root, file)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, JSON.stringify(value))
}

const manifest = { workspaces: ['part'], dependencies: { left: '1.0.0' } }
const left = { version: '1.0.0', integrity: 'sha512-a' }
const elsewhere = process.platform === 'linux' ? 'darwin' : 'linux'
const packages = {
  '': manifest,
  part: {},
  'node_modules/part': { resolved: 'part', link: true },
  'node_modules/left': left,
  'node_modules/left-elsewhere': { version: '1.0.0', optional: true, os: [elsewhere] },
  'node_modules/needed-elsewhere': { version: '1.0.0', optional: true },
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'modules-'))
  write('package.json', manifest)
  write('part/package.json', {})
  write('package-lock.json', { packages })
  write('node_modules/.package-lock.json', { packages: { 'node_modules/left': left } })
  write('node_modules/left/package.json', {})
  write('node_modules/part/package.json', {})
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('isInstalled', () => {
  it('is content with what the lock names, without the packages of other platforms', () => {
    expect(isInstalled(root)).toBe(true)
  })

  it('misses a package of another version', () => {
    write('package-lock.json', { packages: { ...packages, 'node_modules/left': { ...left, version: '1.0.1' } } })
    expect(isInstalled(root)).toBe(false)
  })

  it('misses a package whose folder is gone', () => {
    rmSync(join(root, 'node_modules/left'), { recursive: true })
    expect(isInstalled(root)).toBe(false)
  })

  it('misses an optional package for this platform', () => {
    const here = { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] }
    write('package-lock.json', { packages: { ...packages, 'node_modules/left-here': here } })
    expect(isInstalled(root)).toBe(false)
  })

  it('leaves it to npm to say that package.json and the lock differ', () => {
    write('package.json', { ...manifest, dependencies: { left: '1.0.0', right: '2.0.0' } })
    expect(isInstalled(root)).toBe(false)
  })

  it('misses everything in a fresh clone', () => {
    const clone = mkdtempSync(join(tmpdir(), 'modules-'))
    for (const file of ['package.json', 'part', 'package-lock.json']) {
      cpSync(join(root, file), join(clone, file), { recursive: true })
    }
    expect(isInstalled(clone)).toBe(false)
    rmSync(clone, { recursive: true })
  })
})
