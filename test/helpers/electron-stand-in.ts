import { EventEmitter } from 'node:events'
import { request, type RequestOptions } from 'node:http'
import { join } from 'node:path'
import type * as Electron from 'electron'
import { root } from '../../scripts/lib/root.ts'

/**
 * Stands in for the module `electron` where its binary is not (vitest resolves the name to this file). The compiler checks
 * every part against Electron's own declarations; what a system would show is kept here for tests to look at.
 */

/** What the system was asked to show and to do. */
export const shown = {
  notifications: [] as StandInNotification[],
  badge: 0,
  tray: '',
  trayMenu: [] as Electron.MenuItemConstructorOptions[],
  menu: [] as Electron.MenuItemConstructorOptions[],
  external: [] as string[],
  opened: [] as string[],
  revealed: [] as string[],
  progress: [] as number[],
  questions: [] as string[],
  errors: [] as string[],
  requests: [] as string[],
  /** One entry for each secret that was decrypted: how many windows there were by then. */
  decrypted: [] as { windows: number }[],
  about: {} as Electron.AboutPanelOptionsOptions,
  appId: null as string | null,
  /** Links of these are for the app from now on. */
  schemes: [] as string[],
  isMaximized: false,
  hasQuit: false,
  exitCode: null as number | null,
}

/** What the person at the dialogs answers. */
export const answers = {
  openFile: null as string | null,
  saveFile: null as string | null,
  /** Index of the button. */
  message: 0,
}

/** How this computer is. */
export const computer = {
  userData: '',
  locale: 'en-GB',
  encrypts: true,
  /** What Electron chose to keep its key with; `basic_text`: a key that everybody knows. */
  store: 'gnome_libsecret' as ReturnType<Electron.SafeStorage['getSelectedStorageBackend']>,
  /** Somebody has answered no when the store asked whether the app may use it. */
  refuses: false,
  isFirst: true,
  isPackaged: false,
  /** The link that macOS starts the app with: told before the app is ready. */
  earlyLink: null as string | null,
}

type Handler = (event: Electron.IpcMainInvokeEvent, ...args: unknown[]) => unknown
const handlers = new Map<string, Handler>()

/** A page's call, as Electron would bring it to main. */
export async function callMain(
  sender: Pick<StandInContents, 'mainFrame'>,
  channel: string,
  args: unknown[],
  frame = sender.mainFrame,
): Promise<unknown> {
  const handler = handlers.get(channel)
  if (handler === undefined) throw new Error(`no handler for ${channel}`)
  const event = { sender, senderFrame: frame } as unknown as Electron.IpcMainInvokeEvent
  // What Electron does to values that cross the border.
  return structuredClone(await handler(event, ...(structuredClone(args) as unknown[])))
}

export const ipcMain = {
  handle: (channel, listener) => void handlers.set(channel, listener),
} satisfies Pick<Electron.IpcMain, 'handle'>

const appEvents = new EventEmitter()

/** Something happens to the app: `second-instance`, `open-url`, `before-quit`, … */
export function emitApp(event: string, ...args: unknown[]): void {
  appEvents.emit(event, { preventDefault: () => {} }, ...args)
}

export const app = {
  get isPackaged() {
    return computer.isPackaged
  },
  getAppPath: () => root,
  getPath: (name) => join(computer.userData, name === 'userData' ? '' : name),
  getVersion: () => '0.1.0',
  getName: () => 'scrapyd-service-desktop',
  getLocale: () => computer.locale,
  whenReady: () => {
    if (computer.earlyLink !== null) emitApp('open-url', computer.earlyLink)
    return Promise.resolve()
  },
  requestSingleInstanceLock: () => computer.isFirst,
  setAsDefaultProtocolClient: (scheme) => {
    shown.schemes.push(scheme)
    return true
  },
  setAboutPanelOptions: (options) => {
    shown.about = options
  },
  showAboutPanel: () => {},
  setAppUserModelId: (id) => {
    shown.appId = id
  },
  setBadgeCount: (count = 0) => {
    shown.badge = count
    return true
  },
  on: ((event: string, listener: (...args: unknown[]) => void) => {
    appEvents.on(event, listener)
    return app
  }) as unknown as Electron.App['on'],
  quit: () => {
    let isPrevented = false
    appEvents.emit('before-quit', { preventDefault: () => (isPrevented = true) })
    if (!isPrevented) shown.hasQuit = true
  },
  exit: (code = 0) => {
    shown.exitCode = code
    shown.hasQuit = true
  },
} satisfies Pick<
  Electron.App,
  | 'isPackaged'
  | 'getAppPath'
  | 'getPath'
  | 'getVersion'
  | 'getName'
  | 'getLocale'
  | 'whenReady'
  | 'requestSingleInstanceLock'
  | 'setAsDefaultProtocolClient'
  | 'setAboutPanelOptions'
  | 'showAboutPanel'
  | 'setAppUserModelId'
  | 'setBadgeCount'
  | 'on'
  | 'quit'
  | 'exit'
>

interface Frame {
  url: string
}

export class StandInContents extends EventEmitter {
  static #last = 0
  readonly id = ++StandInContents.#last
  readonly mainFrame: Frame = { url: '' }
  /** What main says to the page goes here. */
  onSend: (message: unknown) => void = () => {}
  openHandler: ((details: { url: string }) => { action: string }) | null = null

  send(_channel: string, message: unknown): void {
    this.onSend(structuredClone(message))
  }

  isDestroyed(): boolean {
    return false
  }

  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.openHandler = handler
  }
}

/** Called with every window that main opens. */
export const windows = { list: [] as BrowserWindow[], onOpen: (_window: BrowserWindow) => {} }

export class BrowserWindow
  extends EventEmitter
  implements
    Pick<
      Electron.BrowserWindow,
      | 'close'
      | 'show'
      | 'focus'
      | 'restore'
      | 'maximize'
      | 'isMinimized'
      | 'isMaximized'
      | 'isFocused'
      | 'isDestroyed'
      | 'getNormalBounds'
      | 'setProgressBar'
      | 'flashFrame'
      | 'reload'
      | 'loadURL'
    >
{
  readonly webContents = new StandInContents()
  readonly options: Electron.BrowserWindowConstructorOptions
  hasFocus = true
  flashes = false
  reloads = 0

  constructor(options: Electron.BrowserWindowConstructorOptions = {}) {
    super()
    this.options = options
    windows.list.push(this)
    appEvents.emit('web-contents-created', {}, this.webContents)
  }

  /** As a person closes it. */
  close(): void {
    this.emit('close')
    windows.list = windows.list.filter((window) => window !== this)
    this.emit('closed')
  }

  show(): void {}
  restore(): void {}

  focus(): void {
    this.hasFocus = true
    this.emit('focus')
  }

  maximize(): void {
    shown.isMaximized = true
  }

  isMinimized(): boolean {
    return false
  }

  isMaximized(): boolean {
    return shown.isMaximized
  }

  isFocused(): boolean {
    return this.hasFocus
  }

  isDestroyed(): boolean {
    return false
  }

  getNormalBounds(): Electron.Rectangle {
    return { x: 10, y: 20, width: 1200, height: 800 }
  }

  flashFrame(flag: boolean): void {
    this.flashes = flag
  }

  reload(): void {
    this.reloads += 1
  }

  setProgressBar(progress: number): void {
    shown.progress.push(progress)
  }

  loadURL(url: string): Promise<void> {
    this.webContents.mainFrame.url = url
    windows.onOpen(this)
    this.emit('ready-to-show')
    return Promise.resolve()
  }
}

export class StandInNotification extends EventEmitter implements Pick<Electron.Notification, 'show'> {
  readonly title: string
  readonly body: string

  constructor({ title = '', body = '' }: Electron.NotificationConstructorOptions = {}) {
    super()
    this.title = title
    this.body = body
  }

  static isSupported(): boolean {
    return true
  }

  show(): void {
    shown.notifications.push(this)
  }
}
export { StandInNotification as Notification }

export class Tray extends EventEmitter implements Pick<Electron.Tray, 'setToolTip' | 'setContextMenu' | 'destroy'> {
  setToolTip(text: string): void {
    shown.tray = text
  }

  setContextMenu(menu: unknown): void {
    shown.trayMenu = menu as Electron.MenuItemConstructorOptions[]
  }

  destroy(): void {
    shown.tray = ''
  }
}

export const Menu = {
  // A menu is its template here.
  buildFromTemplate: (template) => template as unknown as Electron.Menu,
  setApplicationMenu: (menu) => {
    shown.menu = menu as unknown as Electron.MenuItemConstructorOptions[]
  },
} satisfies Pick<typeof Electron.Menu, 'buildFromTemplate' | 'setApplicationMenu'>

export const nativeImage = {
  createFromPath: () => ({ setTemplateImage: () => {} }) as unknown as Electron.NativeImage,
} satisfies Pick<typeof Electron.nativeImage, 'createFromPath'>

export const nativeTheme = { themeSource: 'system', shouldUseDarkColors: false } satisfies Partial<Electron.NativeTheme>

export const screen = {
  getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] as unknown as Electron.Display[],
} satisfies Pick<Electron.Screen, 'getAllDisplays'>

export const protocol = {
  registerSchemesAsPrivileged: () => {},
} satisfies Pick<Electron.Protocol, 'registerSchemesAsPrivileged'>

/** What the session was told to allow; asked by the tests of security. */
export const rules = {
  permissionRequest: null as Parameters<Electron.Session['setPermissionRequestHandler']>[0],
  permissionCheck: null as Parameters<Electron.Session['setPermissionCheckHandler']>[0],
  request: null as ((details: { url: string }, answer: (response: { cancel?: boolean }) => void) => void) | null,
  serve: null as ((request: Request) => Response | Promise<Response>) | null,
}

export const session = {
  fromPartition: () => ({}) as Electron.Session,
  defaultSession: {
    protocol: {
      handle: (_scheme: string, serve: (request: Request) => Response | Promise<Response>) => {
        rules.serve = serve
      },
    },
    setPermissionRequestHandler: (handler) => {
      rules.permissionRequest = handler
    },
    setPermissionCheckHandler: (handler) => {
      rules.permissionCheck = handler
    },
    setDevicePermissionHandler: () => {},
    webRequest: {
      onBeforeRequest: (handler: typeof rules.request) => {
        rules.request = handler
      },
    } as unknown as Electron.WebRequest,
    on: (() => session.defaultSession) as unknown as Electron.Session['on'],
  } satisfies Pick<
    Electron.Session,
    'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'setDevicePermissionHandler' | 'webRequest' | 'on'
  > & { protocol: unknown },
}

/** Electron's own HTTP is much like Node's; what it asks for is kept. */
export const net = {
  request: (options) => {
    const { hostname = '', port, path, method, headers } = options as Electron.ClientRequestConstructorOptions
    shown.requests.push(`${hostname}:${port}${path}`)
    return request({ hostname, port, path, method, headers } as RequestOptions) as unknown as Electron.ClientRequest
  },
} satisfies Pick<Electron.Net, 'request'>

const KEY = 7
const turned = (bytes: Buffer) => Buffer.from(bytes.map((byte) => byte ^ KEY))

export const safeStorage = {
  isEncryptionAvailable: () => computer.encrypts,
  getSelectedStorageBackend: () => computer.store,
  encryptString: (text) => {
    if (computer.refuses) throw new Error('Error while encrypting the text')
    return turned(Buffer.from(text))
  },
  decryptString: (bytes) => {
    shown.decrypted.push({ windows: windows.list.length })
    return turned(bytes).toString()
  },
} satisfies Pick<
  Electron.SafeStorage,
  'isEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptString' | 'decryptString'
>

export const shell = {
  openExternal: (url) => {
    shown.external.push(url)
    return Promise.resolve()
  },
  openPath: (path) => {
    shown.opened.push(path)
    return Promise.resolve('')
  },
  showItemInFolder: (path) => void shown.revealed.push(path),
} satisfies Pick<Electron.Shell, 'openExternal' | 'openPath' | 'showItemInFolder'>

export const dialog = {
  showOpenDialog: () => {
    const path = answers.openFile
    return Promise.resolve({ canceled: path === null, filePaths: path === null ? [] : [path] })
  },
  showSaveDialog: () => Promise.resolve({ canceled: answers.saveFile === null, filePath: answers.saveFile ?? '' }),
  showMessageBox: (...args: readonly unknown[]) => {
    shown.questions.push((args.at(-1) as Electron.MessageBoxOptions).message)
    return Promise.resolve({ response: answers.message, checkboxChecked: false })
  },
  showErrorBox: (title, content) => void shown.errors.push(`${title}: ${content}`),
} satisfies Pick<Electron.Dialog, 'showOpenDialog' | 'showSaveDialog' | 'showMessageBox' | 'showErrorBox'>
