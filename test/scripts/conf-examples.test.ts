import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src-daemon/config/load-config.ts'
import { OPTIONS } from '../../src-daemon/config/options.ts'

const root = join(import.meta.dirname, '../..')

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'conf-'))
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

function load(configFile: string) {
  return loadConfig({ configFile, env: {}, cwd: dir, homeDir: dir, hostname: 'host', etcDir: dir }).config
}

/** The file with the example project instead of one that is not on this machine. */
function withExample(name: string): string {
  const text = readFileSync(join(root, 'conf', name), 'utf8')
  const file = join(dir, name)
  writeFileSync(file, text.replace('/srv/crawlers/newspapers', join(root, 'examples/newspapers')))
  return file
}

describe('conf/', () => {
  it('scrapyd_service.conf starts a master with the example project, without a warning', () => {
    const config = load(join(root, 'conf/scrapyd_service.conf'))
    expect(config.cluster.identity).toBe('master')
    expect(config.projects.map(({ path }) => path)).toEqual([join(root, 'examples/newspapers')])
    expect(config.scrapyd.logsDir).toBe(join(root, '.data/master/logs'))
    expect(config.warnings).toEqual([])
  })

  it.each(['master', 'slave'] as const)('%s.conf loads, without a warning', (identity) => {
    const config = load(withExample(`${identity}.conf`))
    expect(config.cluster.identity).toBe(identity)
    expect(config.cluster.slaveHosts).toHaveLength(identity === 'master' ? 2 : 0)
    expect(config.scrapyd.password).toBe('change me')
    expect(config.warnings).toEqual([])
  })

  it('master.conf shows in its comments what is the default', () => {
    const shown = readFileSync(join(root, 'conf/master.conf'), 'utf8').matchAll(/^# (\w+) = (.+)$/gm)
    const defaults = new Map<string, string>(OPTIONS.map((option) => [option.name, option.default]))
    const wrong = [...shown]
      .map(([, name = '', value]) => ({ name, value, default: defaults.get(name) }))
      .filter((one) => one.default !== undefined && one.default !== '' && one.default !== one.value)
    expect(wrong).toEqual([])
  })
})
