#!/usr/bin/env node
// The door to every npm script: `node scripts/boot.mjs TASK [arguments]`. It runs on a machine that has only Node 20 and
// npm, so it and everything it imports has no dependency and no newer syntax: it installs what package-lock.json names
// when that changed, finds a Node that is new enough, and runs the task with it.
//
// package.json says `exec node …`: npm runs a script in a shell, and passes the signals that it gets to that shell, which
// would end without telling this process.
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findNode, explainMissingNode } from './lib/node-binary.mjs'
import { ensureNodeModules } from './lib/node-modules.mjs'
import { endLike, runInForeground } from './lib/processes.mjs'
import { SetUpError } from './lib/set-up.mjs'
import { runTask } from './lib/task.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** @type {Readonly<Record<string, { script: string, first?: string[], says: string }>>} */
const tasks = {
  start: { script: 'start.ts', says: 'start a master on 127.0.0.1:6800 with examples/newspapers' },
  test: {
    script: 'test.ts',
    first: ['unit', 'renderer', 'main', 'desktop', 'e2e'],
    says: 'run all tests but the soak tests',
  },
  'test:unit': { script: 'test.ts', first: ['unit', 'renderer', 'main'], says: 'run the tests that need no daemon' },
  'test:e2e': { script: 'test.ts', first: ['e2e'], says: 'run the tests with real daemons and real Scrapy' },
  'test:desktop': {
    script: 'test.ts',
    first: ['desktop'],
    says: 'run the desktop app in a browser, with real daemons',
  },
  'test:electron': { script: 'test-electron.ts', says: 'run the desktop app in Electron itself, where its binary is' },
  'test:soak': { script: 'test.ts', first: ['soak'], says: 'repeat the crash tests at length' },
  check: { script: 'check.ts', says: 'format, lint, types, unused code, lock file' },
  format: { script: 'format.ts', says: 'write the format that check asks for' },
  build: { script: 'build.ts', says: 'build the daemon as JavaScript (and the console)' },
  pack: { script: 'pack.ts', says: 'build the packages of the desktop app for this system' },
  'pack:check': { script: 'pack-check.ts', says: 'pack with a stub runtime, offline, and verify the content' },
  screenshots: { script: 'screenshots.ts', says: 'take pictures of every page into docs/screenshots' },
  bench: { script: 'bench.ts', says: 'measure, side by side with stock Scrapyd' },
}

/** @param {string[]} argv */
async function main(argv) {
  const [name = '', ...args] = argv
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
  if (!task) {
    const list = Object.entries(tasks).map(([key, { says }]) => `  ${key.padEnd(10)} ${says}`)
    console.error(['Usage: node scripts/boot.mjs TASK [arguments]', '', ...list].join('\n'))
    process.exitCode = 64
    return
  }
  // Said before minutes are spent on an installation that cannot help.
  const missing = explainMissingNode(root)
  if (missing !== null) throw new SetUpError(missing)
  await ensureNodeModules(root)
  const node = findNode(root)
  if (node === null) throw new SetUpError('The packages are installed, but node_modules holds no Node that runs here.')
  const end = await runInForeground(
    node,
    [join(root, 'scripts/tasks', task.script), ...(task.first ? [task.first.join(',')] : []), ...args],
    {
      // `node` and the tools below mean the ones of this project, also for the children of children.
      env: { ...process.env, PATH: [join(root, 'node_modules/.bin'), dirname(node), process.env.PATH].join(delimiter) },
    },
  )
  endLike(end)
}

await runTask(() => main(process.argv.slice(2)))
