import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildForPack } from '../lib/pack.ts'
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

await runTask(async () => {
  const electron = process.env['ELECTRON_PATH'] ?? findElectron()
  if (electron === null || spawnSync(electron, ['--version']).status !== 0) {
    throw new SetUpError(
      'Electron itself is not here: `npx install-electron` downloads it, or set ELECTRON_PATH to its program.\n' +
        'Without it `npm run test:desktop` runs the same scenarios in a browser.',
    )
  }
  const { python } = await ensureScrapy()
  await buildForPack()
  const env = { ...process.env, ELECTRON_PATH: electron, SCRAPYD_SERVICE_TEST_PYTHON: python }
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  endLike(
    await runInForeground(process.execPath, [vitest, 'run', '--project', 'electron', ...process.argv.slice(2)], {
      cwd: root,
      env,
    }),
  )
})
