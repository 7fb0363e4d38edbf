import { app, protocol, session, shell, type WebPreferences } from 'electron'
import { APP_SCHEME, externalUrl, isOwnUrl, serveAsset } from './app-protocol.ts'

/** What every window of the app is made with. `scripts/lib/desktop-security.ts` checks that it stays so. */
export const WEB_PREFERENCES = {
  contextIsolation: true,
  sandbox: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  webviewTag: false,
  navigateOnDragDrop: false,
  spellcheck: false,
} as const satisfies WebPreferences

/** Has to be said before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: false, codeCache: true } },
  ])
}

/** Serves our own pages from `folder`, and denies pages everything else; for every web contents that there ever is. */
export function secureSession(folder: string): void {
  const { defaultSession } = session
  defaultSession.protocol.handle(APP_SCHEME, (request) => serveAsset(folder, request))
  defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  defaultSession.setPermissionCheckHandler(() => false)
  defaultSession.setDevicePermissionHandler(() => false)
  // Nothing but our own files is loaded, whatever a page contains.
  defaultSession.webRequest.onBeforeRequest((details, answer) => {
    answer({ cancel: !isOwnUrl(details.url) && !/^(devtools|data|blob):/.test(details.url) })
  })
  defaultSession.on('will-download', (event) => event.preventDefault())
}

/** Guards of every web contents, also of those that nobody thought of. */
export function guardContents(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => {
      if (!isOwnUrl(event.url)) event.preventDefault()
    })
    contents.on('will-redirect', (event) => {
      if (!isOwnUrl(event.url)) event.preventDefault()
    })
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(({ url }) => {
      const allowed = externalUrl(url)
      if (allowed !== null) shell.openExternal(allowed).catch((error: unknown) => console.error('no browser', error))
      return { action: 'deny' }
    })
  })
}
