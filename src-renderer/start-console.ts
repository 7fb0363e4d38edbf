import { createPinia } from 'pinia'
import { createApp, watch, type App } from 'vue'
import AppShell from './components/shell/AppShell.vue'
import { provideTransport } from './composables/use-transport.ts'
import { i18n, showLanguage } from './i18n.ts'
import { createConsoleRouter } from './router.ts'
import { useLiveStore } from './stores/live.ts'
import { usePreferencesStore } from './stores/preferences.ts'
import { showTheme } from './styles/theme.ts'
import type { Transport } from './transport/transport.ts'

/** Starts the console on a transport: the browser's, or the desktop's. `provide` gives the app more to work with. */
export function startConsole(transport: Transport, container: string, provide: (app: App) => void = () => {}): App {
  const app = createApp(AppShell)
  provideTransport(app, transport)
  provide(app)
  app.use(createPinia())
  const preferences = usePreferencesStore()
  watch(() => preferences.isDark, showTheme, { immediate: true })
  watch(
    () => preferences.language,
    (language) => void showLanguage(language),
  )
  app.use(i18n)
  app.use(createConsoleRouter())
  useLiveStore().start()
  // Chinese words are a file of their own: nothing is shown in the wrong language first.
  void showLanguage(preferences.language).finally(() => app.mount(container))
  return app
}
