import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { ClientRequestArgs, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Readable } from 'node:stream'
import tls, { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { CertificateRule } from './ipc-contract.ts'

/** The certificate is valid TLS, but not the one that was pinned. */
export class PinnedCertificateError extends Error {
  readonly code = 'PINNED_CERTIFICATE'

  constructor(found: string) {
    super(`the certificate is not the pinned one: its fingerprint is ${found}`)
  }
}

/** Connections of one cluster by https, each judged by the certificate rule before anything is sent over it. */
export function secureAgent(rule: CertificateRule): HttpsAgent {
  return new JudgingAgent(rule)
}

/** `fetch` for one cluster: https goes over the connections of `agent`. */
export function secureFetch(agent: HttpsAgent): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    return url.protocol === 'https:' ? fetchHttps(url, init, agent) : fetch(input, init)
  }
}

/** What a TLS connection is opened with under a rule. */
export function tlsOptions(rule: CertificateRule): ConnectionOptions {
  if (rule.kind === 'pinned') return { rejectUnauthorized: false }
  return { ca: rule.kind === 'ca' ? [...systemCertificates(), rule.pem] : systemCertificates() }
}

/** What Node trusts by itself, and what the system's administrator trusts. */
function systemCertificates(): string[] {
  return [...new Set((['bundled', 'system', 'extra'] as const).flatMap((kind) => tls.getCACertificates(kind)))]
}

/** null: the connection is with whom the rule wants. */
export function judge(rule: CertificateRule, socket: TLSSocket): Error | null {
  if (rule.kind !== 'pinned') return null // judged by TLS itself
  const { fingerprint256 } = socket.getPeerCertificate()
  return fingerprint256 === rule.fingerprint ? null : new PinnedCertificateError(fingerprint256 ?? 'unknown')
}

/** Hands a socket out only after its certificate was judged: no header, and no password, goes to a stranger. */
class JudgingAgent extends HttpsAgent {
  readonly #rule: CertificateRule

  constructor(rule: CertificateRule) {
    super({ keepAlive: true, maxCachedSessions: 0 })
    this.#rule = rule
  }

  override createConnection(
    options: ClientRequestArgs,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const host = options.host ?? 'localhost'
    const socket = connect({
      ...tlsOptions(this.#rule),
      host,
      port: Number(options.port ?? 443),
      // A server name must not be an address (RFC 6066).
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    })
    const fail = (error: Error) => done?.(error, socket)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      const problem = judge(this.#rule, socket)
      socket.off('error', fail)
      if (problem === null) done?.(null, socket)
      else {
        socket.destroy()
        fail(problem)
      }
    })
    return undefined
  }
}

function fetchHttps(url: URL, init: RequestInit, agent: HttpsAgent): Promise<Response> {
  const { method = 'GET', headers, body, signal } = init
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      url,
      {
        method,
        agent,
        headers: Object.fromEntries(new Headers(headers ?? {})),
        ...(signal === null || signal === undefined ? {} : { signal }),
      },
      (answer) => resolve(responseOf(answer)),
    )
    // As fetch has it: whoever ends a call gets the reason that it gave.
    request.once('error', (error) => reject(signal?.aborted === true ? (signal.reason as Error) : error))
    if (body === null || body === undefined) request.end()
    else {
      const form = body instanceof URLSearchParams
      if (form) request.setHeader('content-type', 'application/x-www-form-urlencoded;charset=UTF-8')
      request.end(form ? body.toString() : (body as string))
    }
  })
}

function responseOf(answer: IncomingMessage): Response {
  const { statusCode: status = 500, statusMessage: statusText = '', headers } = answer
  const hasBody = status !== 204 && status !== 304
  if (!hasBody) answer.resume()
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one): [string, string] => [name, one]),
  )
  const body = hasBody ? (Readable.toWeb(answer) as ReadableStream<Uint8Array>) : null
  return new Response(body, { status, statusText, headers: fields })
}
