import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { root } from './root.ts'
import { step } from './set-up.mjs'

/** The absolute path of a program in PATH, or null. */
export function inPath(program: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, program)
    if (folder !== '' && existsSync(file)) return file
  }
  return null
}

/** Whether Debian packages can be installed without asking: root, with apt-get. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && inPath('apt-get') !== null
}

/** Installs Debian packages (the lists are refreshed first: a fresh container has none). */
export async function installPackages(what: string, packages: readonly string[]): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const update = await step(root, `${what}: refreshing the package lists`, 'apt-get', ['update'], { env })
  if (!update.ok) console.error(`${what}: the package lists are not up to date; trying with those that are there`)
  // Somebody else's apt may be at work.
  const patience = ['-o', 'DPkg::Lock::Timeout=300']
  const args = [...patience, 'install', '--yes', '--no-install-recommends', ...packages]
  const { ok } = await step(root, what, 'apt-get', args, { env })
  return ok
}
