import { once } from 'node:events'
import { createServer } from 'node:net'

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return true
  } catch {
    return false // taken (EADDRINUSE), or not ours to take
  } finally {
    server.close()
  }
}

/** `wanted` or the next free port within a hundred; 0 (any) when there is none. */
export async function freePort(host: string, wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + 100; port += 1) {
    if (await isFree(host, port)) return port
  }
  return 0
}
