import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { withLock } from './lock.mjs'
import { cacheDir, SetUpError, step } from './set-up.mjs'

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** @param {string} root */
function manifests(root) {
  /** @type {string[]} */
  const workspaces = readJson(join(root, 'package.json')).workspaces ?? []
  return ['', ...workspaces].map((folder) => ({ folder, file: join(root, folder, 'package.json') }))
}

/** Changes whenever an installation may have to change. @param {string} root */
function wantedStamp(root) {
  const hash = createHash('sha256')
  for (const file of [join(root, 'package-lock.json'), ...manifests(root).map((one) => one.file)]) {
    hash.update(readFileSync(file)).update('\0')
  }
  return `${process.platform}-${process.arch} ${hash.digest('hex')}\n`
}

/**
 * Whether what lies in node_modules is what the lock names (after `npm install PACKAGE`, or when only a script in
 * package.json changed): then nothing has to be installed again.
 * @param {string} root
 */
export function isInstalled(root) {
  const hidden = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(hidden)) return false
  const lock = readJson(join(root, 'package-lock.json')).packages
  const installed = readJson(hidden).packages
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
  const inStep = manifests(root).every(({ folder, file }) => {
    const manifest = readJson(file)
    return kinds.every((kind) => isDeepStrictEqual(manifest[kind] ?? {}, lock[folder]?.[kind] ?? {}))
  })
  return (
    inStep &&
    Object.entries(lock).every(([path, entry]) => {
      if (!path.includes('node_modules/')) return true
      if (entry.link) return existsSync(join(root, path))
      const found = installed[path]
      if (!found) return entry.optional === true && !isMadeForThisPlatform(entry)
      return found.version === entry.version && found.integrity === entry.integrity && existsSync(join(root, path))
    })
  )
}

/**
 * Whether an optional package must be there: its binaries are for this platform. (What comes without a platform of its
 * own belongs to another one's package, which was left out.)
 * @param {{ os?: string | string[], cpu?: string | string[], libc?: string | string[] }} entry
 */
function isMadeForThisPlatform({ os, cpu, libc }) {
  if (os === undefined && cpu === undefined) return false
  return allows(os, process.platform) && allows(cpu, process.arch) && (libc === undefined || allows(libc, libcFamily()))
}

/**
 * npm's lists: the values that are allowed, or (with `!`) those that are not.
 * @param {string | string[] | undefined} given
 * @param {string} value
 */
function allows(given, value) {
  if (given === undefined) return true
  const list = [given].flat()
  return list.some((one) => one.startsWith('!')) ? !list.includes(`!${value}`) : list.includes(value)
}

function libcFamily() {
  const report = /** @type {any} */ (process.report.getReport())
  return report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

/** npm as it was called, else the one in PATH. */
function npm() {
  const script = process.env.npm_execpath
  return script !== undefined && /^npm-cli\.c?js$/.test(basename(script))
    ? { command: process.execPath, first: [script] }
    : { command: 'npm', first: [] }
}

/**
 * Installs the packages that package-lock.json names, when they are not there already. Two at once wait for each other.
 * @param {string} root
 * @throws {SetUpError} when npm fails
 */
export async function ensureNodeModules(root) {
  const stamp = join(root, 'node_modules/.boot-stamp')
  const wanted = wantedStamp(root)
  const isStamped = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
  if (isStamped()) return
  await withLock(join(cacheDir(root), 'node-modules.lock'), async () => {
    if (isStamped()) return
    if (!isInstalled(root)) {
      const { command, first } = npm()
      // `--include`: NODE_ENV=production or `omit` in somebody's npmrc would leave the tools out.
      const args = [
        ...first,
        'ci',
        '--ignore-scripts',
        '--include=dev',
        '--include=optional',
        '--no-audit',
        '--no-fund',
        // Node 20 is too old for many of the tools, which are never run with it: a hundred lines that hide what matters.
        '--loglevel=error',
      ]
      const { ok } = await step(root, 'Installing node modules', command, args, { cwd: root })
      if (!ok) {
        throw new SetUpError(
          `The node modules could not be installed; npm's own words are above and in ${join(cacheDir(root), 'set-up.log')}.`,
        )
      }
    }
    mkdirSync(dirname(stamp), { recursive: true })
    writeFileSync(stamp, wanted)
  })
}
