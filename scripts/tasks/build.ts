import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { consoleDir, ensureConsole } from '../lib/console-build.ts'
import { root } from '../lib/root.ts'
import { SetUpError, step } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

const daemon = join(root, 'src-daemon')
const dist = join(daemon, 'dist')

// The published daemon: JavaScript beside the Python files that it runs, at the same relative places as the sources.
await runTask(async () => {
  rmSync(dist, { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { ok } = await step(root, 'Building the daemon', process.execPath, [
    tsc,
    '-p',
    join(daemon, 'tsconfig.build.json'),
  ])
  if (!ok) throw new SetUpError('The daemon could not be built; the reason is above.')
  cpSync(join(daemon, 'python'), join(dist, 'python'), {
    recursive: true,
    filter: (path) => !path.includes('__pycache__'),
  })
  if (!(await ensureConsole())) throw new SetUpError('The console could not be built; the reason is above.')
  if (existsSync(consoleDir)) cpSync(consoleDir, join(dist, 'console'), { recursive: true })
})
