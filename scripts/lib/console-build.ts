import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'
import { SetUpError, step } from './set-up.mjs'

/** What the console is made from; what it becomes lies under src-daemon/dist, where the daemon serves it from. */
const config = join(root, 'src-renderer/vite.config.ts')
const output = join(root, 'src-daemon/dist/console/index.html')
const sources = ['src-renderer', 'src-daemon/api/contract', 'src-main/ipc-contract.ts', 'package-lock.json']

function newest(path: string): number {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (!entry) return 0
  if (!entry.isDirectory()) return entry.mtimeMs
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
  return Math.max(entry.mtimeMs, ...files.map((file) => statSync(join(path, file)).mtimeMs))
}

/** Whether the console has to be built (again): a source is newer than what was built last. */
export function isConsoleStale(): boolean {
  if (!existsSync(config)) return false
  if (!existsSync(output)) return true
  const built = statSync(output).mtimeMs
  return sources.some((source) => newest(join(root, source)) > built)
}

/**
 * Builds the console.
 * @throws SetUpError when that fails (the reason has been shown)
 */
export async function buildConsole(): Promise<void> {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const { ok } = await step(root, 'Building the console', process.execPath, [vite, 'build', '--config', config], {
    cwd: root,
  })
  if (!ok) throw new SetUpError('The console could not be built; the reason is above.')
}
