import { inject, type App, type InjectionKey } from 'vue'
import type { Transport } from '../transport/transport.ts'

const KEY: InjectionKey<Transport> = Symbol('transport')

/** Gives the app its transport (browser: fetch; desktop: IPC). */
export function provideTransport(app: App, transport: Transport): void {
  app.provide(KEY, transport)
}

/** The way to the daemon; works in components and in stores. */
export function useTransport(): Transport {
  const transport = inject(KEY)
  if (transport === undefined) throw new Error('the app was created without a transport')
  return transport
}
