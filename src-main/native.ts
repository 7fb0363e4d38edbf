import { app, Menu, nativeImage, Notification, Tray, type BrowserWindow } from 'electron'
import { figures, type ClusterHealth } from './cluster-health.ts'
import type { OpenCluster } from './ipc-contract.ts'
import { roleItem } from './menu.ts'
import type { Notice } from './notices.ts'
import type { Words } from './words.ts'

export interface NativeOptions {
  readonly words: Words
  readonly trayIcon: string
  readonly window: () => BrowserWindow | null
  readonly show: () => void
  /** A notification was clicked. */
  readonly onOpen: (path: string) => void
}

/** Tray, badge and notifications: what the system shows of the app outside of its window. */
export class Native {
  readonly #options: NativeOptions
  #tray: Tray | null = null
  #unseen = 0
  #cluster: OpenCluster | null = null
  #health: ClusterHealth | null = null
  /** A notification that nobody holds may be collected before it is clicked. */
  readonly #open = new Set<Notification>()

  constructor(options: NativeOptions) {
    this.#options = options
  }

  start(): void {
    const icon = nativeImage.createFromPath(this.#options.trayIcon)
    if (process.platform === 'darwin') icon.setTemplateImage(true)
    this.#tray = new Tray(icon)
    this.#tray.on('click', () => this.#options.show())
    this.#showTray()
  }

  /** The tray's state; called with every piece of the event stream, so only a change is shown. */
  showHealth(cluster: OpenCluster | null, health: ClusterHealth): void {
    const before = this.#summary().join('\n')
    this.#cluster = cluster
    this.#health = health
    if (before !== this.#summary().join('\n')) this.#showTray()
  }

  notify(notice: Notice): void {
    const window = this.#options.window()
    if (window?.isFocused() !== true) {
      app.setBadgeCount((this.#unseen += 1))
      // Windows counts nothing on an icon; there the app's button flashes until it is looked at.
      if (process.platform === 'win32') window?.flashFrame(true)
    }
    if (!Notification.isSupported()) return
    const notification = new Notification({ title: notice.title, body: notice.body })
    this.#open.add(notification)
    notification.on('click', () => {
      this.#open.delete(notification)
      this.#options.onOpen(notice.path)
    })
    notification.on('close', () => this.#open.delete(notification))
    notification.show()
  }

  /** The window is in front: what the badge counted has been seen. */
  seen(): void {
    this.#unseen = 0
    app.setBadgeCount(0)
  }

  stop(): void {
    this.#tray?.destroy()
    this.#tray = null
  }

  #summary(): string[] {
    const { words } = this.#options
    if (this.#cluster === null) return [words.noCluster]
    if (this.#health === null || this.#health.nodes.size === 0) return [this.#cluster.name, words.unreachable]
    const { online, offline, running } = figures(this.#health)
    return [
      this.#cluster.name,
      words.running(running),
      words.online(online),
      ...(offline === 0 ? [] : [words.offline(offline)]),
    ]
  }

  #showTray(): void {
    const lines = this.#summary()
    this.#tray?.setToolTip(lines.join('\n'))
    this.#tray?.setContextMenu(
      Menu.buildFromTemplate([
        ...lines.map((label) => ({ label, enabled: false })),
        { type: 'separator' },
        { label: this.#options.words.show, click: () => this.#options.show() },
        roleItem('quit', this.#options.words),
      ]),
    )
  }
}
