import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { BRIDGE_NAME, DesktopBridge, IPC_CHANNEL } from './ipc-contract.ts'

// No logic here: main checks every call. The names are those of ipc-contract.ts (only its types, so that this stays one small
// file without its schemas); the compiler compares them.
const CHANNEL: typeof IPC_CHANNEL = 'scrapyd-service'
const NAME: typeof BRIDGE_NAME = 'scrapydServiceDesktop'

const bridge: DesktopBridge = {
  invoke: (call, args) => ipcRenderer.invoke(CHANNEL, call, args) as Promise<unknown>,
  listen: (listener) => {
    ipcRenderer.on(CHANNEL, (_event, message) => listener(message as Parameters<typeof listener>[0]))
  },
  pathOf: (file) => webUtils.getPathForFile(file as Parameters<typeof webUtils.getPathForFile>[0]),
}
contextBridge.exposeInMainWorld(NAME, bridge)
