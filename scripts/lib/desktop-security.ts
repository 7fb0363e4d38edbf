import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

interface Demand {
  readonly file: string
  readonly says: RegExp
  readonly what: string
}

/** What the desktop's sources have to say. Each of them is one line that somebody could change without a test noticing. */
const demands: readonly Demand[] = [
  ...(['contextIsolation', 'sandbox', 'webSecurity'] as const).map((name) => ({
    file: 'src-main/security.ts',
    says: new RegExp(`^  ${name}: true,$`, 'm'),
    what: `${name} is on`,
  })),
  ...(['nodeIntegration', 'nodeIntegrationInWorker', 'nodeIntegrationInSubFrames', 'webviewTag'] as const).map(
    (name) => ({
      file: 'src-main/security.ts',
      says: new RegExp(`^  ${name}: false,$`, 'm'),
      what: `${name} is off`,
    }),
  ),
  { file: 'src-main/security.ts', says: /return \{ action: 'deny' \}/, what: 'new windows are denied' },
  {
    file: 'src-main/security.ts',
    says: /setPermissionRequestHandler\(.*answer\(false\)\)/,
    what: 'permissions are denied',
  },
  { file: 'src-main/security.ts', says: /setPermissionCheckHandler\(\(\) => false\)/, what: 'permissions are denied' },
  { file: 'src-main/security.ts', says: /on\('will-navigate'/, what: 'navigation is guarded' },
  {
    file: 'src-main/window.ts',
    says: /webPreferences: \{ \.\.\.WEB_PREFERENCES, preload \}/,
    what: 'windows use WEB_PREFERENCES',
  },
  { file: 'src-main/window.ts', says: /loadURL\(START_URL\)/, what: 'the window shows our own page' },
  {
    file: 'src-main/app-protocol.ts',
    says: /default-src 'self'; connect-src 'none'/,
    what: 'the policy lets no page reach the network',
  },
  { file: 'src-main/ipc-main.ts', says: /checkSender\(event, isOwnUrl\)/, what: 'the sender of a call is checked' },
  {
    file: 'src-main/ipc-main.ts',
    says: /IPC_ARGUMENTS\[call\]\.safeParse\(args\)/,
    what: 'the arguments of a call are checked',
  },
  {
    file: 'src-main/main.ts',
    says: /updateSettings, \{ enabled: false \}/,
    what: 'nobody is asked for updates until that is switched on',
  },
  { file: 'electron-builder.yml', says: /runAsNode: true/, what: 'the fuse runAsNode is named (the daemon needs it)' },
  ...[
    'enableNodeOptionsEnvironmentVariable: false',
    'enableNodeCliInspectArguments: false',
    'enableEmbeddedAsarIntegrityValidation: true',
    'onlyLoadAppFromAsar: true',
    'enableCookieEncryption: true',
    'loadBrowserProcessSpecificV8Snapshot: false',
    'grantFileProtocolExtraPrivileges: false',
  ].map((fuse) => ({ file: 'electron-builder.yml', says: new RegExp(`^  ${fuse}$`, 'm'), what: `the fuse ${fuse}` })),
]

/** What the sources must not have anywhere. */
const bans: readonly { readonly finds: RegExp; readonly what: string; readonly but?: string }[] = [
  { finds: /new BrowserWindow\(/, but: 'window.ts', what: 'windows are made in window.ts only' },
  { finds: /ipcMain\.(on|handle)\(/, but: 'ipc-main.ts', what: 'calls are served in ipc-main.ts only' },
  { finds: /shell\.openExternal\(/, but: 'security.ts', what: 'links are opened in security.ts only, after a check' },
  {
    finds: /executeJavaScript|insertCSS|enableRemoteModule|nodeIntegration: true|sandbox: false|loadFile\(/,
    what: 'not allowed',
  },
  { finds: /electron-updater'/, but: 'github-updater.ts', what: 'the updater is loaded in github-updater.ts only' },
  { finds: /shell: true/, what: 'no shell between us and a program' },
]

/** What is against the security rules of the desktop app: one line per find. */
export function findInsecure(): string[] {
  const folder = join(root, 'src-main')
  const missing = demands
    .filter(({ file, says }) => !says.test(readFileSync(join(root, file), 'utf8')))
    .map(({ file, what }) => `${file}: does not say any more that ${what}`)
  const present = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), 'utf8')
      return bans
        .filter(({ finds, but }) => file !== but && finds.test(text))
        .map(({ finds, what }) => `src-main/${file}: ${String(finds)}: ${what}`)
    })
  const preload = readFileSync(join(folder, 'preload.ts'), 'utf8')
  const logic = /\b(if|for|while|switch|require|process)\b\s*\(/.exec(preload.replaceAll(/^\s*\/\/.*$/gm, ''))
  return [...missing, ...present, ...(logic === null ? [] : [`src-main/preload.ts: has logic (${logic[0]})`])]
}
