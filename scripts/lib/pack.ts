import { join } from 'node:path'
import { ensureConsole } from './console-build.ts'
import { buildDaemon } from './daemon-build.ts'
import { stageDaemon } from './daemon-package.ts'
import { ensureDesktop } from './desktop-build.ts'
import { root } from './root.ts'
import { SetUpError, step } from './set-up.mjs'

/** Builds everything that the packages hold. Throws SetUpError (the reason has been shown). */
export async function buildForPack(): Promise<void> {
  if (!(await ensureConsole())) throw new SetUpError('The console could not be built; the reason is above.')
  if (!(await ensureDesktop())) throw new SetUpError('The desktop app could not be built; the reason is above.')
  await buildDaemon()
  stageDaemon()
}

/** Runs electron-builder. Throws SetUpError. */
export async function runBuilder(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const builder = join(root, 'node_modules/electron-builder/cli.js')
  const { ok } = await step(root, 'Packing the desktop app', process.execPath, [builder, ...args], {
    cwd: root,
    // Nothing is signed unless the one who packs has a certificate and says so.
    env: { CSC_IDENTITY_AUTO_DISCOVERY: 'false', ...process.env, ...env },
  })
  if (!ok) throw new SetUpError('The packages could not be built; the reason is above.')
}
