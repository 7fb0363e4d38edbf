import { BrowserWindow, nativeTheme, screen } from 'electron'
import { START_URL } from './app-protocol.ts'
import type { JsonFile } from './json-file.ts'
import { WEB_PREFERENCES } from './security.ts'
import { MINIMUM, restoredBounds, type WindowState } from './window-state.ts'

/** A page that died after so long is loaded again. */
const PAGE_LIFE_MS = 10_000

export interface WindowOptions {
  readonly preload: string
  readonly icon: string
  readonly state: JsonFile<WindowState | null>
}

/** Opens the window where it was last; shown when there is something to see, with the page's own background until then. */
export function openWindow({ preload, icon, state }: WindowOptions): BrowserWindow {
  const saved = state.read()
  const window = new BrowserWindow({
    ...restoredBounds(
      saved,
      screen.getAllDisplays().map(({ workArea }) => workArea),
    ),
    minWidth: MINIMUM.width,
    minHeight: MINIMUM.height,
    show: false,
    title: 'Scrapyd Service',
    icon,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0B0E10' : '#F3F5F5',
    webPreferences: { ...WEB_PREFERENCES, preload },
  })
  window.once('ready-to-show', () => {
    if (saved?.maximized === true) window.maximize()
    window.show()
  })
  window.on('close', () => {
    try {
      state.write({ ...window.getNormalBounds(), maximized: window.isMaximized() })
    } catch (error) {
      // A full disk: no reason not to close.
      console.error('the place of the window could not be kept', error)
    }
  })
  let diedAt = -Infinity
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit') return
    console.error(`the page has died: ${reason}`)
    // One that dies at once again would do so for ever.
    if (performance.now() - diedAt > PAGE_LIFE_MS) window.reload()
    diedAt = performance.now()
  })
  void window.loadURL(START_URL)
  return window
}
