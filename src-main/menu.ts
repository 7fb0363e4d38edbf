import type { MenuItemConstructorOptions } from 'electron'
import type { Words } from './words.ts'

export interface MenuActions {
  readonly go: (path: string) => void
  readonly command: (command: 'palette' | 'shortcuts') => void
  readonly showClusters: () => void
  readonly about: () => void
}

/** The application's menu, in the order and with the keys that each system is used to. */
export function menuTemplate(
  platform: NodeJS.Platform,
  words: Words,
  actions: MenuActions,
): MenuItemConstructorOptions[] {
  const isMac = platform === 'darwin'
  const clusters: MenuItemConstructorOptions = {
    label: words.clusters,
    accelerator: 'CmdOrCtrl+Shift+O',
    click: () => actions.showClusters(),
  }
  const about: MenuItemConstructorOptions = { label: words.about, click: () => actions.about() }
  const line: MenuItemConstructorOptions = { type: 'separator' }
  const appMenu: MenuItemConstructorOptions = {
    role: 'appMenu',
    submenu: [
      about,
      line,
      clusters,
      line,
      { role: 'services' },
      line,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      line,
      { role: 'quit' },
    ],
  }
  return [
    ...(isMac ? [appMenu] : []),
    { label: words.file, submenu: isMac ? [{ role: 'close' }] : [clusters, line, { role: 'quit' }] },
    { role: 'editMenu', label: words.edit },
    {
      label: words.view,
      submenu: [
        { role: 'reload' },
        line,
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        line,
        { role: 'togglefullscreen' },
        { role: 'toggleDevTools' },
      ],
    },
    { label: words.go, submenu: goMenu(words, actions) },
    { role: 'windowMenu', label: words.window },
    {
      role: 'help',
      label: words.help,
      submenu: [{ label: words.shortcuts, click: () => actions.command('shortcuts') }, ...(isMac ? [] : [line, about])],
    },
  ]
}

function goMenu(words: Words, actions: MenuActions): MenuItemConstructorOptions[] {
  const places: readonly [label: string, path: string][] = [
    [words.overview, '/'],
    [words.jobs, '/jobs'],
    [words.projects, '/projects'],
    [words.nodes, '/nodes'],
    [words.forwards, '/forwards'],
  ]
  return [
    // The page has this key already, and knows what is open over it: the menu only shows it.
    {
      label: words.palette,
      accelerator: 'CmdOrCtrl+K',
      registerAccelerator: false,
      click: () => actions.command('palette'),
    },
    { type: 'separator' },
    ...places.map(([label, path], index): MenuItemConstructorOptions => ({
      label,
      accelerator: `CmdOrCtrl+${index + 1}`,
      click: () => actions.go(path),
    })),
  ]
}
