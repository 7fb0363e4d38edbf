import { once } from 'node:events'
import { createServer, get, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'

/** A server of one test, with what it has seen. */
export interface TestServer {
  readonly url: string
  readonly port: number
  readonly requests: IncomingMessage[]
  readonly sockets: Set<Socket>
  stop(): Promise<void>
}

/** Serves on a free port of this machine until the test is over. */
export async function serve(listener: RequestListener, port = 0): Promise<TestServer> {
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    requests.push(request)
    listener(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  onTestFinished(stop)
  const address = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, requests, sockets, stop }
}

/** A node at that address. */
export function targetAt(url: string, more: Partial<NodeTarget> = {}): NodeTarget {
  return { id: 'n1', name: 'reed', url, username: null, password: null, kind: 'slave', maxProc: 2, ...more }
}

export interface Fetched {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Asks with exactly these headers, the path as it is written; rejects when the answer is cut off. */
export async function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Fetched> {
  const response = await open(url, path, { method, headers })
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(pieces).toString() }
}

/** The begin of an answer, its body still to be read. */
export function open(
  url: string,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    get({ hostname, port, path, method, headers, agent: false }, resolve).on('error', reject)
  })
}
