import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildForPack } from '../lib/pack.ts'
import { inPath } from '../lib/packages.ts'
import { endLike, runInForeground } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'
import { ensureScrapy } from '../lib/scrapy.ts'
import { SetUpError } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

/** Electron's program, if it was downloaded: its package leaves the name of it in `path.txt`. */
function findElectron(): string | null {
  const folder = join(root, 'node_modules/electron')
  const note = join(folder, 'path.txt')
  const program = existsSync(note) ? join(folder, 'dist', readFileSync(note, 'utf8').trim()) : null
  return program !== null && existsSync(program) ? program : null
}

/** Throws SetUpError unless the program starts. It is asked as Node, which needs neither a screen nor a sandbox. */
function checkElectron(program: string): void {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' }
  const asked = spawnSync(program, ['-p', 'process.versions.electron'], { env, encoding: 'utf8' })
  if (asked.status === 0 && /^\d+\./.test(asked.stdout)) return
  const reason = asked.error?.message ?? (asked.stderr.trim() || `exit status ${asked.status ?? asked.signal ?? '?'}`)
  throw new SetUpError(`${program} is there, but is no Electron that starts here:\n${reason}`)
}

/** A screen that nobody sees, where there is none. Throws SetUpError. */
function screen(): readonly string[] {
  const hasScreen = process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined
  if (process.platform !== 'linux' || hasScreen) return []
  const xvfb = inPath('xvfb-run')
  if (xvfb === null) throw new SetUpError('Electron needs a screen, and there is none: install xvfb.')
  return [xvfb, '--auto-servernum', '--server-args=-screen 0 1600x1000x24']
}

await runTask(async () => {
  if (process.platform === 'win32') throw new SetUpError('These tests need daemons, which run on Linux and macOS.')
  const electron = process.env['ELECTRON_PATH'] ?? findElectron()
  if (electron === null) {
    throw new SetUpError(
      'Electron itself is not here: `npx install-electron` downloads it, or set ELECTRON_PATH to its program.\n' +
        'Without it `npm run test:desktop` runs the same scenarios in a browser.',
    )
  }
  checkElectron(electron)
  const view = screen()
  const { python } = await ensureScrapy()
  await buildForPack()
  const env = { ...process.env, ELECTRON_PATH: electron, SCRAPYD_SERVICE_TEST_PYTHON: python }
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const [program, ...args] = [...view, process.execPath, vitest, 'run', '--project', 'electron'] as const
  endLike(await runInForeground(program ?? '', [...args, ...process.argv.slice(2)], { cwd: root, env }))
})
