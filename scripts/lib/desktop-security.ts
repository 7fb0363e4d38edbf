import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

interface Demand {
  readonly file: string
  readonly says: RegExp
  readonly what: string
}

const security = (says: RegExp, what: string): Demand => ({ file: 'src-main/security.ts', says, what })

/** Settings of every window. */
const PREFERENCES = {
  contextIsolation: true,
  sandbox: true,
  webSecurity: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  allowRunningInsecureContent: false,
  webviewTag: false,
  navigateOnDragDrop: false,
} as const

/** Why each fuse is as it is stands beside it in electron-builder.yml. */
const FUSES = {
  runAsNode: true,
  enableNodeOptionsEnvironmentVariable: false,
  enableNodeCliInspectArguments: false,
  enableEmbeddedAsarIntegrityValidation: true,
  onlyLoadAppFromAsar: true,
  enableCookieEncryption: true,
  loadBrowserProcessSpecificV8Snapshot: false,
  grantFileProtocolExtraPrivileges: false,
} as const

/** What the desktop's sources have to say. Each of them is one line that somebody could change without a test noticing. */
const demands: readonly Demand[] = [
  ...Object.entries(PREFERENCES).map(([name, value]) =>
    security(new RegExp(`^  ${name}: ${value},$`, 'm'), `${name} is ${value ? 'on' : 'off'}`),
  ),
  security(/return \{ action: 'deny' \}/, 'new windows are denied'),
  security(
    /const allowed = externalUrl\(url\)\s+if \(allowed !== null\) shell\.openExternal\(allowed\)/,
    'links are checked',
  ),
  security(/setPermissionRequestHandler\(.*answer\(false\)\)/, 'permissions are denied'),
  security(/setPermissionCheckHandler\(\(\) => false\)/, 'permissions are denied'),
  security(/setDevicePermissionHandler\(\(\) => false\)/, 'devices are denied'),
  security(
    /answer\(\{ cancel: !isOwnUrl\(details\.url\) && !\/\^\(devtools\|data\|blob\):\/\.test\(details\.url\) \}\)/,
    'nothing but our own files is loaded',
  ),
  security(/on\('will-download', \(event\) => event\.preventDefault\(\)\)/, 'downloads are denied'),
  security(/on\('will-attach-webview', \(event\) => event\.preventDefault\(\)\)/, 'webviews are denied'),
  ...['will-navigate', 'will-redirect'].map((event) =>
    security(
      new RegExp(
        String.raw`on\('${event}', \(event\) => \{\s+if \(!isOwnUrl\(event\.url\)\) event\.preventDefault\(\)\s+\}\)`,
      ),
      `${event} is guarded`,
    ),
  ),
  ...(
    [
      [/^registerScheme\(\)$/m, 'the scheme of our pages is registered'],
      [/^ {2}guardContents\(\)$/m, 'every web contents is guarded'],
      [/^ {2}secureSession\(/m, 'the session is secured'],
      [/^ {4}isOwnUrl,$/m, 'calls are answered to our own pages only'],
      [/updateSettings, \{ enabled: false \}/, 'nobody is asked for updates until that is switched on'],
    ] as const
  ).map(([says, what]) => ({ file: 'src-main/main.ts', says, what })),
  {
    file: 'src-main/window.ts',
    says: /webPreferences: \{ \.\.\.WEB_PREFERENCES, preload \}/,
    what: 'windows use WEB_PREFERENCES',
  },
  { file: 'src-main/window.ts', says: /loadURL\(START_URL\)/, what: 'the window shows our own page' },
  {
    file: 'src-main/app-protocol.ts',
    says: /"default-src 'self'; connect-src 'none'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " \+\s+"form-action 'none'; frame-src 'none'; frame-ancestors 'none'"/,
    what: 'the policy lets no page reach the network, run what is not ours, or be framed',
  },
  {
    file: 'src-main/app-protocol.ts',
    says: /'content-security-policy': APP_CSP,/,
    what: 'pages come with the policy',
  },
  {
    file: 'src-main/ipc-main.ts',
    says: /^ {6}checkSender\(event, isOwnUrl\)$/m,
    what: 'the sender of a call is checked',
  },
  {
    file: 'src-main/ipc-main.ts',
    says: /IPC_ARGUMENTS\[call\]\.safeParse\(args\)/,
    what: 'the arguments of a call are checked',
  },
  {
    file: 'src-main/preload.ts',
    says: /exposeInMainWorld\(NAME, bridge\)/,
    what: 'the page gets the bridge of the contract alone',
  },
  ...Object.entries(FUSES).map(([fuse, value]) => ({
    file: 'electron-builder.yml',
    says: new RegExp(`^  ${fuse}: ${value}$`, 'm'),
    what: `the fuse ${fuse} is ${value ? 'on' : 'off'}`,
  })),
  { file: 'electron-builder.yml', says: /^publish: null$/m, what: 'nothing is published unless that is asked for' },
]

/** What the sources must not have anywhere. */
const bans: readonly { readonly finds: RegExp; readonly what: string; readonly but?: string }[] = [
  { finds: /new BrowserWindow\(/, but: 'window.ts', what: 'windows are made in window.ts only' },
  { finds: /ipcMain\.(on|handle)\(/, but: 'ipc-main.ts', what: 'calls are served in ipc-main.ts only' },
  { finds: /shell\.openExternal\(/, but: 'security.ts', what: 'links are opened in security.ts only, after a check' },
  { finds: /exposeInMainWorld\(/, but: 'preload.ts', what: 'the page gets what preload.ts gives it only' },
  {
    finds: /executeJavaScript|insertCSS|enableRemoteModule|nodeIntegration: true|sandbox: false|loadFile\(/,
    what: 'not allowed',
  },
  { finds: /electron-updater'/, but: 'github-updater.ts', what: 'the updater is loaded in github-updater.ts only' },
  { finds: /shell: true/, what: 'no shell between us and a program' },
]

/** What is against the security rules of the desktop app, in the checkout `folder`: one line per find. */
export function findInsecure(folder = root): string[] {
  const sources = join(folder, 'src-main')
  const missing = demands
    .filter(({ file, says }) => !says.test(readFileSync(join(folder, file), 'utf8')))
    .map(({ file, what }) => `${file}: does not say any more that ${what}`)
  const present = readdirSync(sources)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(sources, file), 'utf8')
      return bans
        .filter(({ finds, but }) => file !== but && finds.test(text))
        .map(({ finds, what }) => `src-main/${file}: ${String(finds)}: ${what}`)
    })
  const preload = readFileSync(join(sources, 'preload.ts'), 'utf8')
  const logic = /\b(if|for|while|switch|require|process)\b\s*\(/.exec(preload.replaceAll(/^\s*\/\/.*$/gm, ''))
  return [...missing, ...present, ...(logic === null ? [] : [`src-main/preload.ts: has logic (${logic[0]})`])]
}
