import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPackage } from '@electron/asar'
import { root } from './root.ts'

/** Marks the place of the fuses in Electron's binary. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'
const FUSES = 8

/**
 * A runtime that packs but does not run, for machines that cannot download Electron: its files by name, and the fuses, which
 * are flipped in it as in the real one.
 */
export async function makeStubElectron(folder: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/electron/package.json'), 'utf8')) as {
    version: string
  }
  const app = join(folder, 'app')
  mkdirSync(join(folder, 'electron/resources'), { recursive: true })
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"main":"main.js"}')
  writeFileSync(join(app, 'main.js'), '')
  await createPackage(app, join(folder, 'electron/resources/default_app.asar'))
  writeFileSync(join(folder, 'electron/version'), version)
  const wire = Buffer.concat([
    Buffer.from(SENTINEL, 'latin1'),
    Buffer.from([1, FUSES]),
    Buffer.from('1'.repeat(FUSES), 'latin1'),
  ])
  writeFileSync(
    join(folder, 'electron/electron'),
    Buffer.concat([Buffer.from('#!/bin/false\n'), wire, Buffer.alloc(16)]),
  )
  chmodSync(join(folder, 'electron/electron'), 0o755)
}
