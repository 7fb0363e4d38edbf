import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'
import { SetUpError } from './set-up.mjs'

/** The daemon with everything that it needs, as the desktop packages hold it. */
export const stagedDaemon = join(root, 'dist/daemon')

interface LockEntry {
  readonly version?: string
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** What nobody needs at run time: sources of the native module, declarations, maps, documents (licences stay), tools' settings. */
const SUPERFLUOUS =
  /(\.d\.[cm]?ts|\.[cm]?ts|\.map|\.md|\.gypi?)$|\/better-sqlite3\/(deps|src)(\/|$)|\/(test|tests|docs|examples|\.[^/]+)(\/|$)/
/** Packages that are there to compile others. */
const FOR_COMPILERS = ['node-addon-api']

/**
 * Puts the built daemon and the packages that the lock names for it (those and no others) into `dist/daemon`. The console
 * is left out: the app has it in its own archive.
 */
export function stageDaemon(): void {
  const source = join(root, 'src-daemon')
  rmSync(stagedDaemon, { recursive: true, force: true })
  cpSync(join(source, 'bin'), join(stagedDaemon, 'bin'), { recursive: true })
  cpSync(join(source, 'dist'), join(stagedDaemon, 'dist'), {
    recursive: true,
    filter: (path) => !SUPERFLUOUS.test(path) && !path.startsWith(join(source, 'dist/console')),
  })
  const { name, version, license, type, bin, dependencies } = readJson(join(source, 'package.json'))
  writeFileSync(
    join(stagedDaemon, 'package.json'),
    `${JSON.stringify({ name, version, license, type, bin, dependencies }, null, 2)}\n`,
  )
  for (const [place, target] of closure()) {
    const from = join(root, place)
    cpSync(from, join(stagedDaemon, target), {
      recursive: true,
      filter: (path) => {
        const inside = path.slice(from.length)
        return !SUPERFLUOUS.test(`/${target}${inside}`) && !inside.includes('/node_modules')
      },
    })
  }
}

/** Places in node_modules, and where they go: the daemon's dependencies with theirs. */
export function closure(): Map<string, string> {
  const lock = readJson(join(root, 'package-lock.json'))['packages'] as Record<string, LockEntry>
  const found = new Map<string, string>()
  const visit = (place: string) => {
    const { dependencies = {}, optionalDependencies = {} } = lock[place] ?? {}
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const next = resolve(lock, place, name)
      if (next === null) {
        if (Object.hasOwn(optionalDependencies, name)) continue
        throw new SetUpError(`${place} needs ${name}, which the lock does not name.`)
      }
      if (FOR_COMPILERS.includes(name) || found.has(next) || !existsSync(join(root, next))) continue
      const target = next.replace(/^src-daemon\//, '')
      if ([...found.values()].includes(target)) throw new SetUpError(`Two versions of ${name} would go to ${target}.`)
      found.set(next, target)
      visit(next)
    }
  }
  visit('src-daemon')
  return found
}

/** As Node looks for a package: in the folder itself, then in each one above. */
function resolve(lock: Readonly<Record<string, LockEntry>>, from: string, name: string): string | null {
  for (let folder = from; ;) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`
    if (lock[place] !== undefined) return place
    if (folder === '') return null
    const above = folder.lastIndexOf('/node_modules/')
    folder = above > 0 ? folder.slice(0, above) : ''
  }
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}
