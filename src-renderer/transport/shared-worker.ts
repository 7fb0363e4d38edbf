import { TabServer } from './tab-server.ts'

// The entry of the SharedWorker. Its global scope is not in the DOM types that the pages use.
const tabs = new TabServer()
addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (port !== undefined) tabs.connect(port)
})
