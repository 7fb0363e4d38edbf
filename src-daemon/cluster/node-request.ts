import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { reasonText } from '../api/contract/reasons.ts'
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
  /** On a connection that was kept, if there is one. Only for what may be asked twice, as it is when that one was closed. */
  readonly isRepeatable?: boolean
}

export interface NodeAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Idle connections are given up before the node does it (`Keep-Alive: timeout=30` of our daemons), and with it. */
const KEPT = { http: new Agent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) }

/**
 * Asks a node, on a connection of its own unless it `isRepeatable`: one that was kept may be closed by the node at that very
 * moment, and then nobody knows whether a change was made. Throws NodeCallError.
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
  const options = { method: call.method ?? 'GET', hostname, port, path: call.path, headers }
  const secure = protocol === 'https:'
  let isConnected = false
  const timer = new AbortController()
  const signal = call.signal === undefined ? timer.signal : AbortSignal.any([timer.signal, call.signal])
  const timeout = setTimeout(() => timer.abort(), call.timeoutMs)
  // The node had closed the connection that was kept.
  let isStale = false
  const send = (agent: Agent | false) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)({ ...options, agent, signal }, resolve)
      request.once('error', (error) => {
        isStale = agent !== false && request.reusedSocket && !signal.aborted
        reject(error)
      })
      request.once('socket', (socket) => {
        if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', () => (isConnected = true))
        else isConnected = true
      })
      request.end(form)
    })
  try {
    const answer = await send(call.isRepeatable === true ? KEPT[secure ? 'https' : 'http'] : false).catch((error) => {
      if (isStale) return send(false)
      throw error
    })
    const body = await bodyOf(target, answer, call.mostBytes)
    return { status: answer.statusCode ?? 0, headers: answer.headers, body }
  } catch (error) {
    if (error instanceof NodeCallError) throw error
    if (timer.signal.aborted) {
      const seconds = Math.round(call.timeoutMs / 100) / 10
      const words = reasonText(isConnected ? 'noAnswer' : 'noConnection', { seconds })
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
    if (length > mostBytes) throw new NodeCallError(target, 'too-large', reasonText('tooLarge', { n: mostBytes }), true)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
