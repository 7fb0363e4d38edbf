import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newest } from './console-build.ts'
import { withLock } from './lock.mjs'
import { root } from './root.ts'
import { cacheDir, step } from './set-up.mjs'

const sources = [
  'src-main',
  'src-daemon/api/contract',
  'src-daemon/api/client',
  'src-daemon/errors.ts',
  'package-lock.json',
]
/** Main process and preload, as the packages hold them. */
export const mainDir = join(root, 'dist/main')
const stamp = join(mainDir, '.complete')

function isStale(): boolean {
  const built = existsSync(stamp) ? newest(stamp) : 0
  return sources.some((source) => newest(join(root, source)) > built)
}

/** Builds main and preload if a source is newer. False when that failed (the reason has been shown). */
export async function ensureDesktop(): Promise<boolean> {
  if (!existsSync(join(root, 'src-main/main.ts')) || !isStale()) return true
  return withLock(join(cacheDir(root), 'desktop.lock'), async () => {
    if (!isStale()) return true
    rmSync(mainDir, { recursive: true, force: true })
    const vite = join(root, 'node_modules/vite/bin/vite.js')
    for (const part of ['main', 'preload']) {
      const args = [vite, 'build', '--config', join(root, `src-main/vite.${part}.config.ts`), '--logLevel', 'warn']
      const { ok } = await step(root, `Building the desktop's ${part}`, process.execPath, args, { cwd: root })
      if (!ok) return false
    }
    writeFileSync(stamp, '')
    return true
  })
}
