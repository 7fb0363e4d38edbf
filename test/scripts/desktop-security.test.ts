import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findInsecure } from '../../scripts/lib/desktop-security.ts'
import { root } from '../../scripts/lib/root.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-security-'))
  for (const name of ['src-main', 'electron-builder.yml'])
    cpSync(join(root, name), join(folder, name), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const flip = (value: string) => (value === 'true' ? 'false' : 'true')
/** Every setting of a section, the other way round. */
function flips(file: string, section: RegExp, line: RegExp): [file: string, from: string, to: string][] {
  const text = section.exec(readFileSync(join(root, file), 'utf8'))?.[0] ?? ''
  return [...text.matchAll(line)].map(([from, name = '', value = '']) => [file, from, `  ${name}: ${flip(value)}`])
}

const security = 'src-main/security.ts'
const fuses = flips('electron-builder.yml', /^electronFuses:[^]*?\n\n/m, /^ {2}(\w+): (true|false)/gm)
const preferences = flips(security, /WEB_PREFERENCES = \{[^]*?\}/, /^ {2}(\w+): (true|false)/gm).filter(
  // No matter of security.
  ([, from]) => !from.includes('spellcheck'),
)

describe('the check of the desktop app', () => {
  it('finds nothing in what there is, and looks at every setting', () => {
    expect(findInsecure(folder)).toEqual([])
    expect([fuses.length, preferences.length]).toEqual([8, 9])
  })

  it.each([
    ...fuses,
    ...preferences,
    ['electron-builder.yml', '  runAsNode: true', '  # runAsNode: true'],
    ['electron-builder.yml', 'publish: null', 'publish: github'],
    [security, '_permission, answer) => answer(false)', '_permission, answer) => answer(true)'],
    [security, 'setPermissionCheckHandler(() => false)', 'setPermissionCheckHandler(() => true)'],
    [security, 'setDevicePermissionHandler(() => false)', 'setDevicePermissionHandler(() => true)'],
    [security, 'cancel: !isOwnUrl(details.url)', 'cancel: false'],
    [security, "  defaultSession.on('will-download', (event) => event.preventDefault())", ''],
    [security, "contents.on('will-navigate', (event) => {\n      if (!isOwnUrl(event.url))", '{{if (true)'],
    [security, "contents.on('will-redirect', (event) => {\n      if (!isOwnUrl(event.url))", '{{if (true)'],
    [security, "contents.on('will-attach-webview', (event) => event.preventDefault())", ''],
    [security, "action: 'deny'", "action: 'allow'"],
    [security, 'const allowed = externalUrl(url)', 'const allowed = url'],
    ['src-main/main.ts', '\nregisterScheme()', '\n'],
    ['src-main/main.ts', '  guardContents()', ''],
    ['src-main/main.ts', "  secureSession(join(root, 'dist/console'))", ''],
    ['src-main/main.ts', '    isOwnUrl,', '    isOwnUrl: () => true,'],
    ['src-main/main.ts', 'enabled: false', 'enabled: true'],
    ['src-main/window.ts', '...WEB_PREFERENCES, preload', '...WEB_PREFERENCES, preload, contextIsolation: false'],
    ['src-main/window.ts', 'loadURL(START_URL)', "loadURL('https://scrapy.org/')"],
    ['src-main/menu.ts', 'import type { Role', 'new BrowserWindow()\nimport type { Role'],
    ['src-main/app-protocol.ts', "connect-src 'none'", 'connect-src *'],
    ['src-main/app-protocol.ts', "default-src 'self'", "default-src 'self' 'unsafe-eval'"],
    ['src-main/app-protocol.ts', "object-src 'none'", "object-src 'self'"],
    ['src-main/app-protocol.ts', "      'content-security-policy': APP_CSP,", ''],
    ['src-main/ipc-main.ts', '      checkSender(event, isOwnUrl)', ''],
    ['src-main/ipc-main.ts', 'safeParse(args)', 'safeParse([])'],
    ['src-main/preload.ts', 'exposeInMainWorld(NAME, bridge)', 'exposeInMainWorld(NAME, ipcRenderer)'],
    ['src-main/preload.ts', 'contextBridge.expose', 'if (location.hash) contextBridge.expose'],
    ['src-main/dialogs.ts', 'import { basename }', "shell.openExternal('file:///')\nimport { basename }"],
  ])('fails when %s says not %j, but %j', (file, from, to) => {
    const path = join(folder, file)
    const before = readFileSync(path, 'utf8')
    expect(before).toContain(from)
    writeFileSync(
      path,
      before.replace(from, () => to),
    )
    expect(findInsecure(folder)).not.toEqual([])
    writeFileSync(path, before)
  })
})
