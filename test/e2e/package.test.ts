import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { buildDaemon } from '../../scripts/lib/daemon-build.ts'
import { runSpiderWith } from '../../scripts/lib/packed-daemon.ts'
import { root } from '../../scripts/lib/root.ts'
import { testPython } from '../helpers/setup-python.ts'

const run = promisify(execFile)

let folder: string
let prefix: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-package-'))
  prefix = join(folder, 'prefix')
  await ensureConsole()
  await buildDaemon()
  const { stdout } = await run('npm', ['pack', '-w', 'src-daemon', '--pack-destination', folder, '--json'], {
    cwd: root,
  })
  const tarball = join(folder, (JSON.parse(stdout) as [{ filename: string }])[0].filename)
  // As on a server: nothing is compiled, no script of a package runs.
  const offline = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', '--global', '--prefix', prefix, ...offline, tarball], { cwd: folder })
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the package scrapyd-service', () => {
  it('installs the program with its Python files and the console, without Electron, Vue or a compiler', () => {
    const packages = join(prefix, 'lib/node_modules')
    const installed = join(packages, 'scrapyd-service')
    expect(readdirSync(packages)).toEqual(['scrapyd-service'])
    const conf = ['master.conf', 'slave.conf', 'scrapyd-service.service'].map((name) => `dist/conf/${name}`)
    const needed = [
      'dist/python/scrapyd_service/__main__.py',
      'dist/console/index.html',
      'dist/index.js',
      'dist/LICENSE',
      ...conf,
    ]
    for (const file of needed) {
      expect(existsSync(join(installed, file)), file).toBe(true)
    }
    const dependencies = readdirSync(join(installed, 'node_modules'))
    for (const name of ['electron', 'vue', 'element-plus', 'typescript', 'vite', 'node-gyp']) {
      expect(dependencies).not.toContain(name)
    }
    const sources = readdirSync(installed, { encoding: 'utf8' })
    expect(sources.toSorted()).toEqual(['bin', 'dist', 'node_modules', 'package.json'])
  })

  it('says its version, and runs a job', async () => {
    const program = join(prefix, 'bin/scrapyd-service')
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }
    const { stdout } = await run(program, ['--version'], { env })
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/)
    const job = await runSpiderWith([process.execPath, program], join(folder, 'data'), testPython())
    expect(job).toMatchObject({ currstate: 'finished' })
  }, 120_000)
})
