import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from './lock.mjs'
import { canInstallPackages, installPackages } from './packages.ts'
import { askPython, basePythons } from './python.ts'
import { root } from './root.ts'
import { cacheDir, step } from './set-up.mjs'

/** A virtual environment and what pip installs into it. */
export interface Venv {
  /** For the user: `Scrapy`. */
  readonly what: string
  readonly dir: string
  /** pip's requirements. */
  readonly packages: readonly string[]
}

function pythonOf(venv: Venv): string {
  return join(venv.dir, 'bin/python')
}

function stampOf(venv: Venv): { file: string; wanted: string } {
  const hash = createHash('sha256').update(venv.packages.join('\n')).digest('hex')
  return { file: join(venv.dir, '.complete'), wanted: `${hash}\n` }
}

function isComplete(venv: Venv): boolean {
  const { file, wanted } = stampOf(venv)
  if (!existsSync(file) || readFileSync(file, 'utf8') !== wanted) return false
  // The interpreter that it was made from may be gone.
  return askPython(pythonOf(venv), 'print(1)') === '1'
}

/** Python's own way to fill an environment with pip, or that of the base's pip where Debian left `ensurepip` out. */
async function create(venv: Venv, base: string): Promise<readonly string[] | null> {
  const hasEnsurepip = askPython(base, 'import venv; from ensurepip import version; print(1)') === '1'
  if (hasEnsurepip) {
    const { ok } = await step(root, `Creating ${venv.dir}`, base, ['-m', 'venv', '--clear', venv.dir])
    if (ok) return [pythonOf(venv), '-m', 'pip']
  }
  // `pip --python` exists since 22.3.
  if (askPython(base, 'import pip.__main__; print(1)') !== '1') return null
  const { ok } = await step(root, `Creating ${venv.dir}`, base, ['-m', 'venv', '--clear', '--without-pip', venv.dir])
  return ok ? [base, '-m', 'pip', '--python', pythonOf(venv)] : null
}

async function createWithAnyBase(venv: Venv): Promise<readonly string[] | null> {
  const bases = basePythons.filter((python) => askPython(python, 'print(1)') === '1')
  for (const base of bases) {
    const pip = await create(venv, base)
    if (pip !== null) return pip
  }
  if (!canInstallPackages()) return null
  // No Python, or one without pip: Debian's.
  const ok = await installPackages('Installing Python', ['python3', 'python3-venv', 'python3-pip'])
  return ok ? create(venv, '/usr/bin/python3') : null
}

/**
 * Creates the environment, once; a stamp in it says that it is complete. Returns its interpreter, or null when that
 * failed (the reason has been shown).
 */
export async function ensureVenv(venv: Venv): Promise<string | null> {
  if (isComplete(venv)) return pythonOf(venv)
  return withLock(join(cacheDir(root), 'python.lock'), async () => {
    if (isComplete(venv)) return pythonOf(venv)
    const pip = await createWithAnyBase(venv)
    if (pip === null) return null
    const [command = '', ...first] = pip
    const args = [
      ...first,
      'install',
      '--disable-pip-version-check',
      '--no-input',
      '--progress-bar=off',
      ...venv.packages,
    ]
    const { ok } = await step(root, `Installing ${venv.what}`, command, args)
    if (!ok) {
      rmSync(venv.dir, { recursive: true, force: true })
      return null
    }
    const { file, wanted } = stampOf(venv)
    writeFileSync(file, wanted)
    return pythonOf(venv)
  })
}
