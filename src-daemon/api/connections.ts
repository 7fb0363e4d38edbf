import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ServerLimits } from './limits.ts'
import { ReplayedSocket, withEscapedTarget } from './replayed-socket.ts'
import type { ParserError } from './replayed-socket.ts'

const NEARLY_FULL = 0.9
const CHECK_MS = 1_000
/** A body that nobody reads any more may still arrive for so long. Bodies that are read have a limit of their own. */
const WHOLE_REQUEST_MS = 900_000

/** What Node's server is made with. */
export function serverOptions(limits: ServerLimits) {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: WHOLE_REQUEST_MS,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(CHECK_MS, limits.headersMs),
    noDelay: true,
  }
}

/** Keeps a server's connections within bounds: their number, those that do not read, those that send no HTTP. */
export function guardConnections(server: Server, limits: ServerLimits): void {
  const open = new WeakMap<Socket, Set<ServerResponse>>()
  let count = 0
  server.maxConnections = limits.connections

  server.on('connection', (socket) => {
    count += 1
    socket.once('close', () => {
      count -= 1
    })
    // Those that only wait for a next request give way to new ones.
    if (count > limits.connections * NEARLY_FULL) server.closeIdleConnections()
  })

  server.on('request', track)
  server.on('checkContinue', track)
  function track(_request: IncomingMessage, response: ServerResponse) {
    const { socket } = response
    if (socket === null) return
    // Or each of many such requests would have a layer of its own around the connection.
    if (socket instanceof ReplayedSocket) response.shouldKeepAlive = false
    const responses = open.get(socket) ?? new Set()
    open.set(socket, responses.add(response))
    response.once('close', () => {
      responses.delete(response)
      // While the server stops: a client that keeps its connection (and may send on it) would hold it open.
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
    // A late error (the client went while something was written) has nobody else to hear it, and would end the process.
    response.on('error', () => undefined)
  }

  // A socket on which nothing moved. While an answer is being made that is as it should be.
  server.setTimeout(limits.unreadMs, (socket) => {
    const isWaited = (open.get(socket)?.size ?? 0) > 0
    if (!isWaited || socket.writableLength > 0) socket.destroy()
    else socket.setTimeout(limits.unreadMs)
  })

  const refused = new WeakSet<Socket>()
  server.on('clientError', (error: ParserError, duplex) => {
    const socket = duplex as Socket
    if (refused.has(socket)) return
    refused.add(socket)
    const pending = [...(open.get(socket) ?? [])]
    const escaped = pending.length === 0 ? withEscapedTarget(error) : null
    if (escaped !== null) {
      server.emit('connection', new ReplayedSocket(socket, escaped))
      return
    }
    const whole = pending.filter(({ req }) => req.complete)
    if (!socket.writable || error.code === 'ECONNRESET' || pending.some(isHalfAnswered)) socket.destroy()
    else void refuseAfter(whole, socket, error.code)
  })

  /** Requests that came before are answered before, or this would be taken for the answer to the first of them. */
  async function refuseAfter(pending: readonly ServerResponse[], socket: Socket, code: string | undefined) {
    await Promise.all(pending.map((response) => new Promise((resolve) => response.once('close', resolve))))
    refuse(socket, code)
  }

  function refuse(socket: Socket, code: string | undefined): void {
    if (!socket.writable) return
    const [status, message] = refusalOf(code)
    const body = `${JSON.stringify({ status: 'error', message })}\n`
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      // What the client sends on is read and dropped for a moment, or a reset could overtake the answer.
      () => setTimeout(() => socket.destroy(), limits.lingerMs).unref(),
    )
    socket.resume()
  }
}

/** An answer is on its way to a request whose rest turned out to be no HTTP. */
function isHalfAnswered({ headersSent, req }: ServerResponse): boolean {
  return headersSent && !req.complete
}

function refusalOf(code: string | undefined): readonly [status: string, message: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['431 Request Header Fields Too Large', 'The request line and headers are too long']
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['413 Content Too Large', 'The chunk extensions are too long']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['408 Request Timeout', 'The request did not arrive in time']
    default:
      return ['400 Bad Request', 'This is not HTTP']
  }
}
