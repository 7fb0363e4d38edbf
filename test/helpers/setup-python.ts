import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findScrapyPython } from '../../scripts/lib/python.ts'
import { root } from '../../scripts/lib/root.ts'

/**
 * The interpreter that has Scrapy, as `npm test` found or made it. A bare `vitest` looks for one itself, and installs
 * nothing.
 */
export function testPython(): string {
  const python = process.env['SCRAPYD_SERVICE_TEST_PYTHON'] ?? findScrapyPython()?.python
  if (python === undefined)
    throw new Error('No Python here has Scrapy: run the tests by `npm test`, which installs it.')
  return python
}

/** The interpreter of the environment with stock Scrapyd 1.6 and the clients that our API is tested with. */
export function peersPython(): string {
  const python = process.env['SCRAPYD_SERVICE_PEERS_PYTHON'] ?? join(root, '.cache/peers/bin/python')
  if (!existsSync(python)) {
    throw new Error('Scrapyd and its clients are not installed: run the tests by `npm run test:e2e`, which does that.')
  }
  return python
}
