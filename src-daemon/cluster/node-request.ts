import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { failureOf, NodeCallError } from './node-failure.ts'
import { authorityOf, authorizationFor, type NodeTarget } from './node-target.ts'

/** A request to another node, answered in one piece. */
export interface NodeRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  /** Path and query. */
  readonly path: string
  /** Of a POST. */
  readonly form?: URLSearchParams
  readonly headers?: OutgoingHttpHeaders
  /** For everything, from the connection to the answer's last byte. */
  readonly timeoutMs: number
  /** A longer answer is refused. */
  readonly mostBytes: number
  readonly signal?: AbortSignal
}

export interface NodeAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * Asks a node, on a connection of its own: one that was kept may be closed by the node at that very moment, and then nobody
 * knows whether a change was made. Throws NodeCallError.
 */
export async function requestNode(target: NodeTarget, call: NodeRequest): Promise<NodeAnswer> {
  const { protocol, hostname, port, host } = authorityOf(target)
  const form = call.form?.toString()
  const headers = {
    host,
    'user-agent': 'scrapyd-service',
    accept: '*/*',
    ...(form === undefined
      ? {}
      : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(form) }),
    ...call.headers,
    ...authorizationFor(target),
  }
  const options = { method: call.method ?? 'GET', hostname, port, path: call.path, headers, agent: false as const }
  const secure = protocol === 'https:'
  let isConnected = false
  const timer = new AbortController()
  const signal = call.signal === undefined ? timer.signal : AbortSignal.any([timer.signal, call.signal])
  const timeout = setTimeout(() => timer.abort(), call.timeoutMs)
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)({ ...options, signal }, resolve)
      request.once('error', reject)
      request.once('socket', (socket) => {
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          isConnected = true
        })
      })
      request.end(form)
    })
    const body = await bodyOf(target, answer, call.mostBytes)
    return { status: answer.statusCode ?? 0, headers: answer.headers, body }
  } catch (error) {
    if (error instanceof NodeCallError) throw error
    if (timer.signal.aborted) {
      const words = `no ${isConnected ? 'answer' : 'connection'} within ${Math.round(call.timeoutMs / 100) / 10} s`
      throw new NodeCallError(target, 'timeout', words, isConnected, error)
    }
    const { kind, words } = failureOf(error)
    throw new NodeCallError(target, kind, words, isConnected, error)
  } finally {
    clearTimeout(timeout)
  }
}

async function bodyOf(target: NodeTarget, answer: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length
    // Leaving the loop closes the connection.
    if (length > mostBytes)
      throw new NodeCallError(target, 'too-large', `its answer is larger than ${mostBytes} bytes`, true)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
