import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from './lock.mjs'
import { root } from './root.ts'
import { cacheDir, step } from './set-up.mjs'

const config = join(root, 'src-renderer/vite.config.ts')
/** What the console is made from. */
const sources = [
  'src-renderer',
  'scripts/lib/packed-copies.ts',
  'src-daemon/api/contract',
  'src-main/ipc-contract.ts',
  'package-lock.json',
]
/** Where the console is built to (its vite.config.ts says so), and where the daemon of a checkout finds it. */
export const consoleDir = join(root, 'dist/console')
/** Written last: a build that was cut off is none. */
const stamp = join(consoleDir, '.complete')

/** Time (ms) of the last change at or below a path; 0 where there is nothing. */
export function newest(path: string): number {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (!entry) return 0
  if (!entry.isDirectory()) return entry.mtimeMs
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
  const times = files.map((file) => statSync(join(path, file), { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return Math.max(entry.mtimeMs, ...times)
}

function isStale(): boolean {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs
  return built === undefined || sources.some((source) => newest(join(root, source)) > built)
}

/** Builds the console if a source is newer than what was built last. False when that failed (the reason has been shown). */
export async function ensureConsole(): Promise<boolean> {
  if (!existsSync(config) || !isStale()) return true
  return withLock(join(cacheDir(root), 'console.lock'), async () => {
    if (!isStale()) return true
    const vite = join(root, 'node_modules/vite/bin/vite.js')
    const args = [vite, 'build', '--config', config, '--logLevel', 'warn']
    const { ok } = await step(root, 'Building the console', process.execPath, args, { cwd: root })
    if (ok) writeFileSync(stamp, '')
    return ok
  })
}
