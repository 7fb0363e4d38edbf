import type { Agent, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import httpProxy from 'http-proxy'
import { ForwardAgent } from './forward-agent.ts'
import { requestHeaders } from './forward-headers.ts'
import { type Passage, Transfer, type TransferLimits } from './forward-transfer.ts'
import { authorityOf, authorizationFor } from './node-target.ts'

export interface ForwardProxyOptions extends Partial<TransferLimits> {
  /** Connections to one node; more transfers wait for one. */
  readonly connections?: number
}

/**
 * The one door to http-proxy: passes a request on to a node, with the node's credentials and nothing of the client's, and
 * the answer back, in pieces as they come.
 */
export class ForwardProxy {
  readonly #limits: TransferLimits
  readonly #agents: Readonly<Record<'http:' | 'https:', Agent>>
  readonly #proxy = httpProxy.createProxyServer({ toProxy: true, selfHandleResponse: true })
  readonly #transfers = new Set<Transfer>()

  constructor({ answerMs = 15_000, silenceMs = 30_000, connections = 16 }: ForwardProxyOptions = {}) {
    this.#limits = { answerMs, silenceMs }
    // Twisted closes an idle connection after a minute.
    const agent = { keepAlive: true, maxSockets: connections, maxFreeSockets: 2, timeout: 30_000 }
    this.#agents = { 'http:': new ForwardAgent(agent), 'https:': new HttpsAgent(agent) }
    this.#proxy.on('proxyReq', (upstream, request) => transferOf(request).connected(upstream))
    this.#proxy.on('proxyRes', (answer, request) => transferOf(request).answered(answer))
  }

  /**
   * Passes one request. `done` hears when the transfer is over, however it ended. Returns the way to cut it off; null, and
   * `done` hears nothing, when the client is gone already.
   */
  pass(passage: Passage, request: IncomingMessage, response: ServerResponse, done: () => void): (() => void) | null {
    if (response.destroyed) return null
    const transfer: Transfer = new Transfer(passage, response, this.#limits, {
      again: () => this.#send(transfer, request),
      done: () => {
        this.#transfers.delete(transfer)
        done()
      },
    })
    this.#transfers.add(transfer)
    this.#send(transfer, request)
    return () => transfer.cut()
  }

  stop(): void {
    for (const transfer of this.#transfers) transfer.cut()
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  #send(transfer: Transfer, client: IncomingMessage): void {
    const { target } = transfer.passage
    const authority = authorityOf(target)
    const request = new NodeRequest(transfer, client)
    const warns = process.noDeprecation
    // http-proxy calls util._extend, of which Node warns; nothing else runs meanwhile.
    process.noDeprecation = true
    try {
      this.#proxy.web(
        request as unknown as IncomingMessage,
        transfer.response,
        { target: authority, agent: this.#agents[authority.protocol] },
        (error) => {
          // A kept connection that the node closed at this very moment.
          if (transfer.mayRepeat(error)) this.#send(transfer, client)
          else transfer.failed(error)
        },
      )
    } finally {
      process.noDeprecation = warns ?? false
    }
  }
}

/**
 * The request as http-proxy gets it: ours, not the client's. (Headers cannot be taken away later: a request that waits for a
 * connection has written them down already.)
 */
class NodeRequest extends Readable {
  readonly transfer: Transfer
  readonly method: string
  readonly url: string
  readonly headers: OutgoingHttpHeaders
  readonly httpVersion = '1.1'
  readonly socket: IncomingMessage['socket']

  constructor(transfer: Transfer, client: IncomingMessage) {
    super({ read: () => this.push(null) })
    const { target, path, headers } = transfer.passage
    this.transfer = transfer
    this.method = client.method === 'HEAD' ? 'HEAD' : 'GET'
    this.url = path
    this.headers = {
      host: authorityOf(target).host,
      'user-agent': 'scrapyd-service',
      accept: '*/*',
      ...(transfer.wantsWhole ? {} : (headers ?? requestHeaders(client.headers))),
      ...authorizationFor(target),
    }
    this.socket = client.socket
  }
}

function transferOf(request: IncomingMessage): Transfer {
  return (request as unknown as NodeRequest).transfer
}
