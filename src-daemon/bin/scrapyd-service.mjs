#!/usr/bin/env -S node --max-semi-space-size=8
// Only what every Node understands up to here: better-sqlite3 ends an old one with a segmentation fault and no message.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `scrapyd-service needs Node 24 (at least 22.18); this is Node ${process.versions.node} (${process.execPath}).\n` +
      'In a checkout, node_modules/.bin holds one: put that folder first in PATH.',
  )
  process.exitCode = 1
} else {
  // Not a named import: an old Node has none, and would stop before it could be told.
  createRequire(import.meta.url)('node:module').enableCompileCache?.()
  // A checkout runs its sources; the published package has none of them, only what was built.
  const sources = new URL('../index.ts', import.meta.url)
  const { main } = await import(existsSync(sources) ? sources.href : new URL('../dist/index.js', import.meta.url).href)
  await main(process.argv.slice(2))
}
