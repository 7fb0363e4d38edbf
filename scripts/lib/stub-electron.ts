import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createPackage } from '@electron/asar'
import { root } from './root.ts'
import { emptyProgram } from './windows-program.ts'

/** Marks the place of the fuses in Electron's binary. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'
const FUSES = 8
const HELPERS = ['', ' (GPU)', ' (Plugin)', ' (Renderer)']

/**
 * A runtime that packs but does not run, for machines that cannot download Electron: its files by name for Linux, Windows and
 * macOS, and the fuses, which are flipped in it as in the real one. The answer is the folder, electron-builder's `electronDist`.
 */
export async function makeStubElectron(folder: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/electron/package.json'), 'utf8')) as {
    version: string
  }
  const dist = join(folder, 'electron')
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(dist, path)), { recursive: true })
    writeFileSync(join(dist, path), content)
    chmodSync(join(dist, path), 0o755)
  }
  const archive = await defaultApp(folder)
  put('version', version)
  put('resources/default_app.asar', archive)
  put('electron', Buffer.concat([Buffer.from('#!/bin/false\n'), fuseWire()]))
  put('electron.exe', Buffer.concat([emptyProgram(version), fuseWire()]))

  const contents = 'Electron.app/Contents'
  put(`${contents}/Info.plist`, plist('Electron', 'com.github.Electron'))
  put(`${contents}/MacOS/Electron`, '#!/bin/false\n')
  put(`${contents}/Resources/default_app.asar`, archive)
  put(`${contents}/Frameworks/Electron Framework.framework/Electron Framework`, fuseWire())
  for (const helper of HELPERS.map((kind) => `Electron Helper${kind}`)) {
    const app = `${contents}/Frameworks/${helper}.app/Contents`
    put(`${app}/Info.plist`, plist(helper, 'com.github.Electron.helper'))
    put(`${app}/MacOS/${helper}`, '#!/bin/false\n')
  }
  return dist
}

/** Electron's own archive, which the app's takes the place of. */
async function defaultApp(folder: string): Promise<Buffer> {
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"main":"main.js"}')
  writeFileSync(join(app, 'main.js'), '')
  const archive = join(folder, 'default_app.asar')
  await createPackage(app, archive)
  return readFileSync(archive)
}

function fuseWire(): Buffer {
  return Buffer.concat([
    Buffer.from(SENTINEL, 'latin1'),
    Buffer.from([1, FUSES]),
    Buffer.from('1'.repeat(FUSES), 'latin1'),
    Buffer.alloc(16),
  ])
}

function plist(name: string, id: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>${name}</string>
<key>CFBundleIdentifier</key><string>${id}</string>
<key>CFBundleName</key><string>${name}</string>
<key>CFBundlePackageType</key><string>APPL</string>
</dict></plist>
`
}
