import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clustersFile, Connections } from '../../src-main/connections.ts'
import type { ClusterDraft } from '../../src-main/ipc-contract.ts'
import { JsonFile } from '../../src-main/json-file.ts'
import { Passwords, passwordsFile } from '../../src-main/passwords.ts'
import { computer, shown } from '../helpers/electron-stand-in.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-main-'))
  computer.encrypts = true
  computer.refuses = false
  computer.store = 'gnome_libsecret'
  shown.decrypted = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function open(): { connections: Connections; passwords: Passwords } {
  const passwords = new Passwords(new JsonFile(join(folder, 'passwords.json'), passwordsFile, {}))
  const file = new JsonFile(join(folder, 'clusters.json'), clustersFile, { clusters: [], last: null })
  return { passwords, connections: new Connections({ file, passwords, onChange: () => {} }) }
}

const draft = (more: Partial<ClusterDraft> = {}): ClusterDraft => ({
  id: null,
  name: 'press',
  url: 'http://10.0.0.1:6800/',
  username: 'operator',
  password: 'correct horse',
  certificate: { kind: 'system' },
  notifications: { failed: true, nodes: true },
  ...more,
})
const onDisk = () =>
  ['clusters.json', 'passwords.json'].map((name) => readFileSync(join(folder, name), 'utf8')).join('')

describe('Connections', () => {
  it('remembers clusters and their passwords, encrypted, over a start', () => {
    const { id } = open().connections.save(draft())
    expect(onDisk()).not.toContain('correct horse')
    expect(statSync(join(folder, 'passwords.json')).mode & 0o777).toBe(0o600)
    const again = open().connections
    expect(again.list()).toMatchObject([{ id, name: 'press', url: 'http://10.0.0.1:6800', hasPassword: true }])
    // A list decrypts nothing: the system's store may ask a person each time.
    expect(shown.decrypted).toEqual([])
    expect(again.address(id).password).toBe('correct horse')
    expect(shown.decrypted).toHaveLength(1)
    computer.encrypts = false
    expect(open().connections.list()).toMatchObject([{ hasPassword: false }])
  })

  it('keeps the password when the form leaves it empty, and forgets it when it would go somewhere else', () => {
    const { connections } = open()
    const { id } = connections.save(draft())
    connections.save(draft({ id, name: 'renamed', password: null }))
    expect(connections.address(id).password).toBe('correct horse')
    connections.save(draft({ id, url: 'http://10.0.0.2:6800', password: null }))
    expect(connections.address(id).password).toBeNull()
  })

  it.each([
    ['offers no encryption', false, 'gnome_libsecret'],
    // Chromium would encrypt all the same.
    ['has only a key that everybody knows', true, 'basic_text'],
  ] as const)('writes no password where the system %s, and says why', (_, encrypts, store) => {
    computer.encrypts = encrypts
    computer.store = store
    const { connections, passwords } = open()
    const { id } = connections.save(draft())
    expect(passwords.noEncryption).toContain('secret store')
    expect(connections.address(id).password).toBe('correct horse')
    expect(readFileSync(join(folder, 'clusters.json'), 'utf8')).not.toContain('correct horse')
    expect(existsSync(join(folder, 'passwords.json'))).toBe(false)
    expect(open().connections.address(id).password).toBeNull()
  })

  it('keeps no old password that a new one could not replace, and says why', () => {
    const { id } = open().connections.save(draft())
    for (const problem of ['encrypts', 'refuses'] as const) {
      computer.encrypts = computer.refuses = problem === 'refuses'
      const { connections, passwords } = open()
      connections.save(draft({ id, password: 'new horse' }))
      expect(passwords.noEncryption).toMatch(problem === 'refuses' ? /store refuses/ : /no secret store/)
      expect(connections.address(id).password).toBe('new horse')
      computer.encrypts = true
      computer.refuses = false
      expect(open().connections.address(id).password).toBeNull()
      open().connections.save(draft({ id }))
    }
  })

  it('begins with no cluster when the last one is not there any more', () => {
    writeFileSync(join(folder, 'clusters.json'), '{"clusters": [], "last": "b7a5a3f2-0000-4000-8000-000000000000"}')
    expect(open().connections.last).toBeNull()
  })

  it('exports without passwords, and imports what is not there yet', () => {
    const { connections } = open()
    connections.save(draft())
    const text = connections.export()
    expect(text).not.toMatch(/correct horse|"id"/)
    expect(connections.import(text)).toBe(0)
    rmSync(join(folder, 'clusters.json'))
    const other = open().connections
    expect(other.import(text)).toBe(1)
    expect(other.list()).toMatchObject([{ name: 'press', username: 'operator' }])
    expect(() => other.import('{"format":"other"}')).toThrow('scrapyd-service-clusters')
  })

  it('refuses a second cluster of the same name, and forgets a removed one with its password', () => {
    const { connections } = open()
    const { id } = connections.save(draft())
    connections.last = id
    expect(() => connections.save(draft())).toThrow('name press already')
    connections.remove(id)
    expect(open().connections.list()).toEqual([])
    expect(open().connections.last).toBeNull()
    expect(readFileSync(join(folder, 'passwords.json'), 'utf8').trim()).toBe('{}')
  })

  it('sets a file aside that it does not understand', () => {
    writeFileSync(join(folder, 'clusters.json'), '{"clusters": 1}')
    expect(open().connections.list()).toEqual([])
    expect(readFileSync(join(folder, 'clusters.json.unreadable'), 'utf8')).toBe('{"clusters": 1}')
  })
})
