import type { MenuItemConstructorOptions } from 'electron'
import type { Role, Words } from './words.ts'

export interface MenuActions {
  readonly go: (path: string) => void
  readonly command: (command: 'palette' | 'shortcuts') => void
  readonly showClusters: () => void
  readonly about: () => void
  readonly lookForUpdates: (isOn: boolean) => void
  readonly checkNow: () => void
}

/** Whether updates are looked for; null: this package knows of no place where there could be any. */
export type UpdateState = { readonly isOn: boolean } | null

/** The application's menu, in the order and with the keys that each system is used to. */
export function menuTemplate(
  platform: NodeJS.Platform,
  words: Words,
  actions: MenuActions,
  updates: UpdateState,
): MenuItemConstructorOptions[] {
  const isMac = platform === 'darwin'
  const of = (role: Role) => roleItem(role, words)
  const clusters: MenuItemConstructorOptions = {
    label: words.clusters,
    accelerator: 'CmdOrCtrl+Shift+O',
    click: () => actions.showClusters(),
  }
  const about: MenuItemConstructorOptions = { label: words.about, click: () => actions.about() }
  const line: MenuItemConstructorOptions = { type: 'separator' }
  const updating: MenuItemConstructorOptions[] =
    updates === null
      ? []
      : [
          {
            type: 'checkbox',
            label: words.lookForUpdates,
            checked: updates.isOn,
            click: () => actions.lookForUpdates(!updates.isOn),
          },
          { label: words.checkNow, enabled: updates.isOn, click: () => actions.checkNow() },
        ]
  const appMenu: MenuItemConstructorOptions = {
    role: 'appMenu',
    label: 'Scrapyd Service',
    submenu: [
      about,
      ...updating,
      line,
      clusters,
      line,
      of('services'),
      line,
      of('hide'),
      of('hideOthers'),
      of('unhide'),
      line,
      of('quit'),
    ],
  }
  return [
    ...(isMac ? [appMenu] : []),
    { label: words.file, submenu: isMac ? [of('close')] : [clusters, line, of('quit')] },
    {
      role: 'editMenu',
      label: words.edit,
      submenu: [
        of('undo'),
        of('redo'),
        line,
        of('cut'),
        of('copy'),
        of('paste'),
        ...(isMac ? [of('pasteAndMatchStyle')] : []),
        of('delete'),
        line,
        of('selectAll'),
      ],
    },
    {
      label: words.view,
      submenu: [
        of('reload'),
        line,
        of('resetZoom'),
        of('zoomIn'),
        of('zoomOut'),
        line,
        of('togglefullscreen'),
        of('toggleDevTools'),
      ],
    },
    { label: words.go, submenu: goMenu(words, actions) },
    {
      role: 'windowMenu',
      label: words.window,
      submenu: [of('minimize'), ...(isMac ? [of('zoom'), line, of('front')] : [of('close')])],
    },
    {
      role: 'help',
      label: words.help,
      submenu: [
        { label: words.shortcuts, click: () => actions.command('shortcuts') },
        ...(isMac ? [] : [line, ...updating, about]),
      ],
    },
  ]
}

/** An entry whose work the system does, with our word for it. */
export function roleItem(role: Role, { roles }: Pick<Words, 'roles'>): MenuItemConstructorOptions {
  return { role, label: roles[role] }
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
