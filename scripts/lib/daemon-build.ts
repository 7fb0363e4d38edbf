import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { consoleDir } from './console-build.ts'
import { root } from './root.ts'
import { SetUpError, step } from './set-up.mjs'

const daemon = join(root, 'src-daemon')
const dist = join(daemon, 'dist')

/**
 * Builds the daemon as it is published: JavaScript, with the Python files that it runs and the console (when that is
 * built) at the same relative places as in the sources.
 * @throws SetUpError when that fails (the reason has been shown)
 */
export async function buildDaemon(): Promise<void> {
  rmSync(dist, { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(daemon, 'tsconfig.build.json')]
  const { ok } = await step(root, 'Building the daemon', process.execPath, args)
  if (!ok) throw new SetUpError('The daemon could not be built; the reason is above.')
  cpSync(join(daemon, 'python'), join(dist, 'python'), {
    recursive: true,
    filter: (path) => !path.includes('__pycache__'),
  })
  // What the README's chapter on servers adapts and copies.
  cpSync(join(root, 'conf'), join(dist, 'conf'), { recursive: true })
  cpSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))
  if (existsSync(consoleDir)) cpSync(consoleDir, join(dist, 'console'), { recursive: true })
}
