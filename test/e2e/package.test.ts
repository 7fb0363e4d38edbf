import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { buildDaemon } from '../../scripts/lib/daemon-build.ts'
import { runSpiderWith, startPacked, type PackedDaemon } from '../../scripts/lib/packed-daemon.ts'
import { root } from '../../scripts/lib/root.ts'
import { testPython } from '../helpers/setup-python.ts'

const run = promisify(execFile)

let folder: string
let prefix: string
let tarball: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-package-'))
  prefix = join(folder, 'prefix')
  await ensureConsole()
  await buildDaemon()
  const { stdout } = await run('npm', ['pack', '-w', 'src-daemon', '--pack-destination', folder, '--json'], {
    cwd: root,
  })
  tarball = join(folder, (JSON.parse(stdout) as [{ filename: string }])[0].filename)
  await install(tarball)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** As on a server: nothing is compiled, no script of a package runs. */
async function install(file: string): Promise<void> {
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', '--global', '--prefix', prefix, ...quiet, file], { cwd: folder })
}

/** The same package as its next version. */
async function nextVersion(): Promise<string> {
  await run('tar', ['xzf', tarball, '-C', folder])
  const file = join(folder, 'package/package.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: '9.0.0' }))
  const next = join(folder, 'next.tgz')
  await run('tar', ['czf', next, '-C', folder, 'package'])
  return next
}

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
  it('is upgraded under a spider that runs, which the new version takes over', async () => {
    const program = [process.execPath, join(prefix, 'bin/scrapyd-service')]
    const data = join(folder, 'upgraded')
    const job = { project: 'newspapers', job: 'upgraded' }
    const states = (daemon: PackedDaemon) => async () =>
      (await daemon.ask(`/status.json?job=${job.job}`))['currstate'] as string
    let daemon = await startPacked(program, data, testPython())
    try {
      await daemon.ask('/schedule.json', { project: job.project, spider: 'night_ticker', jobid: job.job })
      await daemon.until('it runs', async () => (await states(daemon)()) === 'running')
      await install(await nextVersion())
      // Only the daemon is ended, as the unit does it.
      await daemon.stop()
      daemon = await startPacked(program, data, testPython())
      const { stdout } = await run(program[0] ?? '', [...program.slice(1), '--version'])
      expect(stdout.trim()).toBe('9.0.0')
      expect(await states(daemon)()).toBe('running')
      await daemon.ask('/cancel.json', job)
      await daemon.until('it has ended', async () => (await states(daemon)()) === 'finished')
      const [log] = readdirSync(join(data, 'logs/newspapers/night_ticker'))
      expect(readFileSync(join(data, 'logs/newspapers/night_ticker', log ?? ''), 'utf8')).toContain('Spider closed')
    } finally {
      await daemon.stop()
    }
  }, 180_000)
})
