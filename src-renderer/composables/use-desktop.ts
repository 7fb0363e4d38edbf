import { inject, type App, type InjectionKey } from 'vue'
import type { Desktop } from '../transport/desktop-bridge.ts'

const KEY: InjectionKey<Desktop> = Symbol('desktop')

/** Tells the app that it runs in the desktop's window. */
export function provideDesktop(app: App, desktop: Desktop): void {
  app.provide(KEY, desktop)
}

/** The desktop app around the console; null in a browser. */
export function useDesktop(): Desktop | null {
  return inject(KEY, null)
}

/** The same where there is no doubt. */
export function useOwnDesktop(): Desktop {
  const desktop = inject(KEY)
  if (desktop === undefined) throw new Error('this screen belongs to the desktop app')
  return desktop
}
