import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { extractFile, getRawHeader, listPackage } from '@electron/asar'
import { createHash } from 'node:crypto'
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { root } from './root.ts'
import { resourcesOf } from './windows-program.ts'

/** One of the systems that are packed for, and where electron-builder leaves it. */
export interface Target {
  readonly flag: 'linux' | 'mac' | 'win'
  readonly arch: 'x64' | 'arm64'
  /** As Node calls the system. */
  readonly platform: NodeJS.Platform
  readonly folder: string
  readonly resources: string
  readonly program: string
}

const linux = { flag: 'linux', platform: 'linux', resources: 'resources', program: 'scrapyd-service-desktop' } as const
const mac = {
  flag: 'mac',
  platform: 'darwin',
  resources: 'Scrapyd Service.app/Contents/Resources',
  program: 'Scrapyd Service.app',
} as const

/** Every system and processor that electron-builder.yml names. */
export const TARGETS: readonly Target[] = [
  { ...linux, arch: 'x64', folder: 'linux-unpacked' },
  { ...linux, arch: 'arm64', folder: 'linux-arm64-unpacked' },
  { ...mac, arch: 'x64', folder: 'mac' },
  { ...mac, arch: 'arm64', folder: 'mac-arm64' },
  {
    flag: 'win',
    arch: 'x64',
    platform: 'win32',
    folder: 'win-unpacked',
    resources: 'resources',
    program: 'Scrapyd Service.exe',
  },
]

/** Says what was looked at, and whether it is right. */
export type Check = (what: string, isRight: boolean) => void

/** Checks one packed app, which lies in `folder`: nothing missing, nothing superfluous, everything set. */
export async function checkPackedApp(folder: string, target: Target, check: Check): Promise<void> {
  const resources = join(folder, target.resources)
  const archive = join(resources, 'app.asar')
  checkArchive(archive, check)
  check('nothing had to be unpacked from the archive', !existsSync(`${archive}.unpacked`))
  checkDaemon(join(resources, 'daemon'), target, check)
  await checkFuses(join(folder, target.program), check)
  checkIntegrity(folder, archive, target, check)
  if (target.flag === 'mac') checkMac(folder, check)
}

const CONTENT =
  /^\/(package\.json|dist|build|dist\/(main|console)|dist\/main\/(main\.js|updater\d*\.js|preload\.cjs)|dist\/console\/(index\.html|assets)|dist\/console\/assets\/[^/]+\.(js|css|svg)|build\/icons|build\/(icons\/(32x32|256x256)|tray(@2x)?)\.png)$/

function checkArchive(archive: string, check: Check): void {
  const files = listPackage(archive, { isPack: false }).map((file) => file.replaceAll('\\', '/'))
  const wanted = [
    '/package.json',
    '/dist/main/main.js',
    '/dist/main/preload.cjs',
    '/dist/console/index.html',
    '/build/tray.png',
    '/build/icons/32x32.png',
    '/build/icons/256x256.png',
  ]
  for (const file of wanted) check(`the archive holds ${file}`, files.includes(file))
  // Its pieces are loaded when they are wanted: one that is missing would be noticed by nobody before that.
  const pages = filesIn(join(root, 'dist/console')).filter((file) => !/^\.complete$|\.(br|gz)$/.test(file))
  check(
    ...none(
      'the archive holds the whole console',
      pages.filter((file) => !files.includes(`/dist/console/${file}`)),
    ),
  )
  // The bundler numbers its pieces as it likes; what counts is that each one that main asks for is there.
  const main = extractFile(archive, 'dist/main/main.js').toString('utf8')
  const pieces = [...main.matchAll(/import\("\.\/([^"]+)"\)/g)].map(([, name]) => `/dist/main/${name}`)
  check(
    `the archive holds what main loads later (${pieces.join(', ')})`,
    pieces.length > 0 && pieces.every((piece) => files.includes(piece)),
  )
  check(
    ...none(
      'the archive holds nothing else',
      files.filter((file) => !CONTENT.test(file)),
    ),
  )
}

const NOT_FOR_USE =
  /\.(ts|map|pyc|cpp|hpp|c|h|gypi?)$|__pycache__|\/\.[^/]+$|\/(electron|vue|vite|typescript|node-addon-api|node-(linux|win|darwin)-[^/]+)(\/|$)|dist\/console/

function checkDaemon(folder: string, { platform, arch }: Target, check: Check): void {
  const files = filesIn(folder)
  for (const file of [
    'bin/scrapyd-service.mjs',
    'dist/index.js',
    'dist/python/scrapyd_service/__main__.py',
    'node_modules/express/package.json',
    'node_modules/better-sqlite3/lib/database.js',
    'package.json',
  ]) {
    check(`the daemon has ${file}`, files.includes(file))
  }
  const staged = filesIn(join(root, 'dist/daemon')).filter((file) => !file.endsWith('.node'))
  check(
    ...none(
      'nothing of it is missing',
      staged.filter((file) => !files.includes(file)),
    ),
  )
  check(
    ...none(
      'and nothing came to it',
      files.filter((file) => !file.endsWith('.node') && !staged.includes(file)),
    ),
  )
  const natives = files.filter((file) => file.endsWith('.node'))
  const own = `node_modules/better-sqlite3/prebuilds/${platform}-${arch}.node`
  check(`it has the native module of this system only (${natives.join(', ')})`, natives.join() === own)
  check('which is a program of this system', isFor(platform, readFileSync(join(folder, own))))
  check(
    ...none(
      'it has no sources and no tools',
      files.filter((file) => NOT_FOR_USE.test(`/${file}`)),
    ),
  )
}

/** By its first bytes: ELF, Mach-O (64 bits), PE. */
function isFor(platform: NodeJS.Platform, library: Buffer): boolean {
  const start = { linux: '7f454c46', darwin: 'cffaedfe', win32: '4d5a' }[platform as 'linux' | 'darwin' | 'win32']
  return library.subarray(0, 4).toString('hex').startsWith(start)
}

async function checkFuses(program: string, check: Check): Promise<void> {
  const wire = await getCurrentFuseWire(program)
  const wanted: readonly [FuseV1Options, boolean][] = [
    [FuseV1Options.RunAsNode, true],
    [FuseV1Options.EnableCookieEncryption, true],
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable, false],
    [FuseV1Options.EnableNodeCliInspectArguments, false],
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation, true],
    [FuseV1Options.OnlyLoadAppFromAsar, true],
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot, false],
    [FuseV1Options.GrantFileProtocolExtraPrivileges, false],
  ]
  for (const [fuse, on] of wanted) {
    const isRight = Number(wire[fuse]) === (on ? '1' : '0').charCodeAt(0)
    check(`the fuse ${FuseV1Options[fuse]} is ${on ? 'on' : 'off'}`, isRight)
  }
}

/** The sum of the archive's header is where Electron looks for it; it looks on Windows and macOS only. */
function checkIntegrity(folder: string, archive: string, { flag, program }: Target, check: Check): void {
  if (flag === 'linux') return
  const sum = createHash('sha256').update(getRawHeader(archive).headerString).digest('hex')
  const place =
    flag === 'mac'
      ? readFileSync(join(folder, program, 'Contents/Info.plist'), 'utf8')
      : (resourcesOf(readFileSync(join(folder, program))).find(({ type }) => type === 'INTEGRITY')?.text ?? '')
  check('the program holds the sum of its archive', place.includes(sum))
}

function checkMac(folder: string, check: Check): void {
  const contents = join(folder, 'Scrapyd Service.app/Contents')
  const plist = readFileSync(join(contents, 'Info.plist'), 'utf8')
  check('the system knows its links', /<key>CFBundleURLSchemes<\/key>\s*<array>\s*<string>scrapyd-service</.test(plist))
  check('it has our name and icon', plist.includes('org.scrapyd-service.desktop') && plist.includes('icon.icns'))
  const helpers = readdirSync(join(contents, 'Frameworks')).filter((name) => name.endsWith('.app'))
  check(
    `its helpers are called after it (${helpers.join(', ')})`,
    helpers.length === 4 && helpers.every((name) => name.startsWith('Scrapyd Service Helper')),
  )
}

/** Every file in a folder, by its path there. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
}

function none(what: string, found: readonly string[]): [what: string, isRight: boolean] {
  return [found.length === 0 ? what : `${what}: ${found.slice(0, 8).join(', ')}`, found.length === 0]
}
