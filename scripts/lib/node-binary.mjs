import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the daemon needs (type stripping, and better-sqlite3 crashes without a message on older ones). */
const needed = { major: 22, minor: 18 }

/** @param {string} version such as `24.1.0` */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > needed.major || (major === needed.major && minor >= needed.minor)
}

/** The package that brings a Node for this platform from the npm registry, without an install script. */
function packageName() {
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
}

/**
 * The Node that runs the tasks: this one if it is new enough, else the one in node_modules, else null.
 * @param {string} root
 * @returns {string | null}
 */
export function findNode(root) {
  if (isNewEnough(process.versions.node)) return process.execPath
  const binary = join(root, 'node_modules', packageName(), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return existsSync(binary) ? binary : null
}

/**
 * null, or what to do on a machine whose Node is too old and for which no package brings a newer one (macOS).
 * @param {string} root
 * @returns {string | null}
 */
export function explainMissingNode(root) {
  if (isNewEnough(process.versions.node)) return null
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (Object.hasOwn(optionalDependencies, packageName())) return null
  return [
    `Scrapyd Service needs Node 24 (at least ${needed.major}.${needed.minor}); this is Node ${process.versions.node}.`,
    'Install it, for example with one of',
    '  brew install node@24 && export PATH="$(brew --prefix node@24)/bin:$PATH"',
    '  nvm install 24',
    '  the installer from https://nodejs.org/en/download',
    'and run the command again.',
  ].join('\n')
}
