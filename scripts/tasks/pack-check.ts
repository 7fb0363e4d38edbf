import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listPackage } from '@electron/asar'
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { buildForPack, runBuilder } from '../lib/pack.ts'
import { runSpiderWith } from '../lib/packed-daemon.ts'
import { ensureScrapy } from '../lib/scrapy.ts'
import { makeStubElectron } from '../lib/stub-electron.ts'
import { runTask } from '../lib/task.mjs'

const problems: string[] = []
function check(what: string, right: boolean): void {
  console.log(`${right ? 'passed' : 'FAILED'}  ${what}`)
  if (!right) problems.push(what)
}

/** Nothing missing, nothing superfluous. */
function checkArchive(archive: string): void {
  const files = listPackage(archive, { isPack: false }).map((file) => file.replaceAll('\\', '/'))
  const wanted = [
    '/package.json',
    '/dist/main/main.js',
    '/dist/main/preload.cjs',
    '/dist/console/index.html',
    '/build/tray.png',
  ]
  for (const file of wanted) check(`the archive holds ${file}`, files.includes(file))
  const known =
    /^\/(package\.json|dist|build|dist\/(main|console)|dist\/main\/(main\.js|preload\.cjs)|dist\/console\/(index\.html|assets)|dist\/console\/assets\/[^/]+\.(js|css|svg)|build\/icons|build\/(icons\/(32x32|256x256)|tray(@2x)?)\.png)$/
  const superfluous = files.filter((file) => !known.test(file))
  check(
    `the archive holds nothing else${superfluous.length > 0 ? `: ${superfluous.join(', ')}` : ''}`,
    superfluous.length === 0,
  )
}

function checkDaemon(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const file of [
    'bin/scrapyd-service.mjs',
    'dist/index.js',
    'dist/python/scrapyd_service/__main__.py',
    'package.json',
  ]) {
    check(`the daemon has ${file}`, files.includes(file))
  }
  const natives = files.filter((file) => file.endsWith('.node'))
  const own = `node_modules/better-sqlite3/prebuilds/${process.platform}-${process.arch}.node`
  check(`it has the native module of this system only (${natives.join(', ')})`, natives.join() === own)
  const superfluous = files.filter((file) =>
    /\.(ts|map|pyc)$|__pycache__|\/(electron|vue|vite|typescript|node-linux-[^/]+)(\/|$)|dist\/console/.test(
      `/${file}`,
    ),
  )
  check(
    `it has no sources and no tools${superfluous.length > 0 ? `: ${superfluous.slice(0, 5).join(', ')}` : ''}`,
    superfluous.length === 0,
  )
}

async function checkFuses(program: string): Promise<void> {
  const wire = await getCurrentFuseWire(program)
  const wanted: readonly [FuseV1Options, boolean][] = [
    [FuseV1Options.RunAsNode, true],
    [FuseV1Options.EnableCookieEncryption, true],
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable, false],
    [FuseV1Options.EnableNodeCliInspectArguments, false],
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation, true],
    [FuseV1Options.OnlyLoadAppFromAsar, true],
    [FuseV1Options.GrantFileProtocolExtraPrivileges, false],
  ]
  for (const [fuse, on] of wanted) {
    check(
      `the fuse ${FuseV1Options[fuse]} is ${on ? 'on' : 'off'}`,
      Number(wire[fuse]) === (on ? '1' : '0').charCodeAt(0),
    )
  }
}

await runTask(async () => {
  const { python } = await ensureScrapy()
  await buildForPack()
  const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-pack-'))
  try {
    await makeStubElectron(folder)
    const target = process.platform === 'darwin' ? '--mac' : '--linux'
    const places = [`-c.electronDist=${join(folder, 'electron')}`, `-c.directories.output=${join(folder, 'out')}`]
    await runBuilder([target, 'dir', `--${process.arch}`, '--publish=never', ...places])
    const [unpacked = ''] = readdirSync(join(folder, 'out')).filter((name) => name.includes('unpacked'))
    const app = join(folder, 'out', unpacked)
    const resources = join(app, 'resources')
    checkArchive(join(resources, 'app.asar'))
    check('nothing had to be unpacked from the archive', !existsSync(join(resources, 'app.asar.unpacked')))
    checkDaemon(join(resources, 'daemon'))
    const program = readdirSync(app).find((name) => name.startsWith('scrapyd-service')) ?? ''
    await checkFuses(join(app, program))
    const job = await runSpiderWith(
      [process.execPath, join(resources, 'daemon/bin/scrapyd-service.mjs')],
      join(folder, 'data'),
      python,
    )
    check(
      `the packed daemon runs a spider (${JSON.stringify(job['outcome'] ?? job['currstate'])})`,
      job['currstate'] === 'finished',
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(problems.length === 0 ? '\nThe packages are as they have to be.' : `\n${problems.length} problems.`)
  if (problems.length > 0) process.exitCode = 1
})
