import { existsSync } from 'node:fs'
import { hostname, homedir } from 'node:os'
import { join } from 'node:path'
import { app, dialog, Menu, nativeTheme, type BrowserWindow } from 'electron'
import { isOwnUrl } from './app-protocol.ts'
import { clustersFile, Connections } from './connections.ts'
import { LINK_SCHEME, linkOf, parseLink, type DeepLink } from './deep-link.ts'
import { Dialogs } from './dialogs.ts'
import { createHandlers } from './handlers.ts'
import { candidates, findInterpreter } from './interpreters.ts'
import { describeError } from './ipc-error.ts'
import type { IpcMessage } from './ipc-contract.ts'
import { IPC_CHANNEL } from './ipc-contract.ts'
import { serveIpc } from './ipc-main.ts'
import { JsonFile } from './json-file.ts'
import { LocalMaster, localSettings } from './local-master.ts'
import { menuTemplate } from './menu.ts'
import { Native } from './native.ts'
import { OpenSession } from './open-session.ts'
import { Passwords, passwordsFile } from './passwords.ts'
import { Savings } from './savings.ts'
import { guardContents, registerScheme, secureSession } from './security.ts'
import { windowState } from './window-state.ts'
import { openWindow } from './window.ts'
import { githubUpdater } from './github-updater.ts'
import { Updates, updateSettings } from './updates.ts'
import { wordsFor } from './words.ts'

/** As in electron-builder.yml. */
const APP_ID = 'org.scrapyd-service.desktop'
/** macOS tells the link that started the app before the app is ready. */
const links: { early: string | null; follow: ((url: string) => void) | null } = { early: null, follow: null }

/** The app: everything is made here, in order, and stopped in `before-quit`. */
function start(): void {
  const root = app.getAppPath()
  const data = app.getPath('userData')
  const icons = join(root, 'build/icons')
  const words = wordsFor(app.getLocale())
  let window: BrowserWindow | null = null

  const tell = (message: IpcMessage) => window?.webContents.send(IPC_CHANNEL, message)
  const shownWindow = (): BrowserWindow => {
    window ??= makeWindow()
    return window
  }
  const show = () => {
    const shown = shownWindow()
    if (shown.isMinimized()) shown.restore()
    shown.show()
    shown.focus()
  }
  const navigate = (path: string) => {
    show()
    open.go(path)
  }

  const report = (what: string) => (error: unknown) => console.error(what, error)

  const passwords = new Passwords(new JsonFile(join(data, 'passwords.json'), passwordsFile, {}))
  const connections = new Connections({
    file: new JsonFile(join(data, 'clusters.json'), clustersFile, { clusters: [], last: null }),
    passwords,
    onChange: (clusters) => tell({ type: 'clusters', clusters }),
  })
  const local = new LocalMaster({
    dataDir: join(data, 'local'),
    program: join(
      app.isPackaged ? join(process.resourcesPath, 'daemon') : join(root, 'src-daemon'),
      'bin/scrapyd-service.mjs',
    ),
    nodeName: hostname().replace(/\..*$/, '') || 'local',
    env: process.env,
    settings: new JsonFile(
      join(data, 'local.json'),
      localSettings,
      localSettings.parse({ background: false, port: null }),
    ),
    passwords,
    findPython: () => findInterpreter(candidates(process.env, homedir())),
    onChange: (state) => {
      tell({ type: 'local', local: state })
      open.followLocal()
    },
  })
  const native = new Native({
    words,
    trayIcon: process.platform === 'darwin' ? join(root, 'build/tray.png') : join(icons, '32x32.png'),
    window: () => window,
    show,
    onOpen: navigate,
  })
  const open = new OpenSession({
    connections,
    local,
    words,
    onSwitch: () => tell({ type: 'reload' }),
    onGo: (path) => tell({ type: 'navigate', path }),
    onNotice: (notice) => native.notify(notice),
    onHealth: (cluster, health) => native.showHealth(cluster, health),
  })
  const dialogs = new Dialogs(shownWindow, words)
  const savings = new Savings({
    // More than 1: something goes on; less than 0: nothing.
    onProgress: (part) => window?.setProgressBar(part === 'over' ? -1 : (part ?? 2)),
    onFailure: (error) => dialogs.failure(describeError(error).message),
  })
  // Only a package that was made for publishing knows where to look.
  const canUpdate = app.isPackaged && existsSync(join(process.resourcesPath, 'app-update.yml'))
  const updates = canUpdate
    ? new Updates({
        settings: new JsonFile(join(data, 'updates.json'), updateSettings, { enabled: false }),
        load: githubUpdater,
        talk: dialogs.updates,
        onProgress: (part) => window?.setProgressBar(part ?? -1),
        quit: () => app.quit(),
      })
    : null

  const followLink = async (link: DeepLink | null): Promise<void> => {
    show()
    if (link === null) return
    const wanted = link.cluster.toLowerCase()
    const id = wanted === 'local' ? 'local' : connections.list().find(({ name }) => name.toLowerCase() === wanted)?.id
    if (id === undefined) return
    // A local master that runs is taken up; a link, which any web page can hold, launches none.
    if (id === 'local') await local.find()
    if (open.cluster?.id === id) return navigate(link.path)
    if (id === 'local' && local.state.state !== 'running') return open.choose(id)
    const result = await open.open(id, null, link.path)
    if (result.kind === 'connected') return
    // What is open goes on.
    if (open.cluster === null) open.choose(id)
    else dialogs.linkFailed(link.cluster, 'reason' in result ? result.reason : words.linkPassword)
  }
  const follow = (link: DeepLink | null) =>
    void followLink(link).catch((error: unknown) => {
      console.error('a link could not be followed', error)
      dialogs.linkFailed(link?.cluster ?? '', describeError(error).message)
    })

  function makeWindow(): BrowserWindow {
    const made = openWindow({
      preload: join(root, 'dist/main/preload.cjs'),
      icon: join(icons, '256x256.png'),
      state: new JsonFile(join(data, 'window.json'), windowState.nullable(), null),
    })
    made.on('focus', () => native.seen())
    made.on('closed', () => {
      window = null
      open.pageIsGone()
    })
    open.pageLoads()
    made.webContents.on('did-navigate', () => open.pageLoads())
    return made
  }

  function showMenu(): void {
    const template = menuTemplate(
      process.platform,
      words,
      {
        go: navigate,
        command: (command) => tell({ type: 'command', command }),
        showClusters: () => open.close('chosen'),
        about: () => app.showAboutPanel(),
        lookForUpdates: (isOn) => {
          if (updates !== null) updates.isOn = isOn
          showMenu()
        },
        checkNow: () => void updates?.check({ byHand: true }),
      },
      updates,
    )
    Menu.setApplicationMenu(Menu.buildFromTemplate(template))
  }

  secureSession(join(root, 'dist/console'))
  serveIpc({
    handlers: createHandlers({ connections, passwords, local, open, dialogs, savings }),
    isOwnUrl,
    onError: (message, cause) => console.error(message, cause),
  })
  shownWindow()
  // After the window: to decrypt a password the system's store may have to ask a person.
  open.resume()

  // From here on the page loads by itself: what the window does not need comes after it.
  setImmediate(() => {
    // In a checkout it would be Electron itself, which knows no app.
    if (app.isPackaged) app.setAsDefaultProtocolClient(LINK_SCHEME)
    // Windows shows notifications only of an app that it knows by the id of its shortcut.
    if (process.platform === 'win32') app.setAppUserModelId(APP_ID)
    const runtime = `Electron ${process.versions['electron'] ?? '–'}, Node ${process.versions.node}`
    app.setAboutPanelOptions({
      applicationName: 'Scrapyd Service',
      // Only macOS has a place for a second version.
      ...(process.platform === 'darwin'
        ? { applicationVersion: app.getVersion(), version: runtime }
        : { applicationVersion: `${app.getVersion()} (${runtime})` }),
      copyright: 'Scrapyd Service developers, MIT',
    })
    showMenu()
    native.start()
    void updates?.check({ byHand: false })
    if (connections.last !== 'local') local.find().catch(report('the local master could not be found'))
    const link = links.early === null ? linkOf(process.argv) : parseLink(links.early)
    if (link !== null) follow(link)
  })

  app.on('second-instance', (_event, argv) => follow(linkOf(argv)))
  links.follow = (url) => follow(parseLink(url))
  app.on('activate', show)
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit()
  })

  let isDone = false
  let isQuitting = false
  const quit = async () => {
    const running = local.state.background ? 0 : await local.running()
    const choice = running === 0 ? 'stop' : await dialogs.quitting(running)
    // The last window may be closed already: whoever stays wants to see the app.
    if (choice === 'stay') {
      updates?.withdraw()
      return show()
    }
    if (choice === 'keep') local.setBackground(true)
    open.end()
    native.stop()
    await savings.stopAll()
    await local.quit()
    isDone = true
    if (updates?.install() !== true) app.quit()
  }
  app.on('before-quit', (event) => {
    if (isDone) return
    // Asked again once the local master has ended: Electron does not wait for promises.
    event.preventDefault()
    if (isQuitting) return
    isQuitting = true
    quit()
      .catch(report('the app could not quit'))
      .finally(() => (isQuitting = false))
  })
}

registerScheme()
if (app.requestSingleInstanceLock()) {
  app.on('open-url', (event, url) => {
    event.preventDefault()
    if (links.follow === null) links.early = url
    else links.follow(url)
  })
  guardContents()
  nativeTheme.themeSource = 'system'
  app
    .whenReady()
    .then(start)
    .catch((error: unknown) => {
      // There may be no window yet, and no terminal to read.
      dialog.showErrorBox(wordsFor(app.getLocale()).startFailed, describeError(error).message)
      app.exit(1)
    })
} else {
  app.quit()
}
