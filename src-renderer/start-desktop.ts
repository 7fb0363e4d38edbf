import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import type { DesktopState, OpenCluster } from '../src-main/ipc-contract.ts'
import { provideDesktop } from './composables/use-desktop.ts'
import { useSavings } from './composables/use-savings.ts'
import { i18n, showLanguage } from './i18n.ts'
import ClustersScreen from './pages/desktop/ClustersScreen.vue'
import { startConsole } from './start-console.ts'
import { useDesktopClustersStore } from './stores/desktop-clusters.ts'
import { usePreferencesStore } from './stores/preferences.ts'
import { useSessionStore } from './stores/session.ts'
import { showTheme } from './styles/theme.ts'
import type { Desktop } from './transport/desktop-bridge.ts'
import { IpcTransport } from './transport/ipc-transport.ts'

const MENU_KEYS = { palette: { key: 'k', ctrlKey: true }, shortcuts: { key: '?' } } as const

/** Starts what the window shows: the console of the open cluster, else the clusters. */
export async function startDesktop(desktop: Desktop, container: string): Promise<void> {
  // Nothing of one cluster is left in the page of the next.
  desktop.onMessage((message) => {
    if (message.type === 'reload') location.reload()
  })
  const state = await desktop.invoke('desktop.state')
  if (state.open === null) startClusters(desktop, state, container)
  else startCluster(desktop, state.open, state.path, container)
}

function startCluster(desktop: Desktop, open: OpenCluster, path: string | null, container: string): void {
  if (path !== null) location.hash = path
  const app = startConsole(new IpcTransport(desktop, open), container, (made) => provideDesktop(made, desktop))
  const { $router } = app.config.globalProperties
  desktop.onMessage((message) => {
    // The router drops a change of the address that comes before it has resolved the first one.
    if (message.type === 'navigate') void $router.isReady().then(() => (location.hash = message.path))
    else if (message.type === 'command')
      document.dispatchEvent(new KeyboardEvent('keydown', MENU_KEYS[message.command]))
  })
  app.runWithContext(() => {
    useSavings(desktop)
    const session = useSessionStore()
    // There is no signing in here: the password is asked for where the cluster is kept.
    watch(
      () => session.isSignedOut,
      (isOut) => {
        if (isOut) void desktop.invoke('clusters.close', 'unauthorized')
      },
    )
  })
}

function startClusters(desktop: Desktop, state: DesktopState, container: string): void {
  const app = createApp(ClustersScreen)
  provideDesktop(app, desktop)
  app.use(createPinia())
  app.use(i18n)
  app.runWithContext(() => {
    const preferences = usePreferencesStore()
    watch(() => preferences.isDark, showTheme, { immediate: true })
    useDesktopClustersStore().start(state)
    void showLanguage(preferences.language).finally(() => app.mount(container))
  })
}
