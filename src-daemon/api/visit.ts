import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { InvalidParameterError } from '../errors.ts'
import type { Requester } from './contract/scrapyd-api.ts'

/** What the server knows of a request beside its method, path and body. Made once, at the edge. */
export interface Visit {
  /** Path without the query, as sent. */
  readonly path: string
  /** Of a reverse proxy: `''` or `/a/b`. Goes before every link. */
  readonly prefix: string
  /** `http://host:port` as the client sees this daemon; `''` when it sent no Host. */
  readonly origin: string
  readonly isSecure: boolean
}

/** The name under which another daemon or the desktop app asks; `master:<node name>`, percent-encoded. */
export const VIA_HEADER = 'x-scrapyd-service-via'

const PREFIX = /^(\/[A-Za-z0-9._-]+)*$/
const HOST = /^[A-Za-z0-9._~-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/

/** Reads the headers that a reverse proxy adds. What does not look right is taken as absent. */
export function visitOf(request: IncomingMessage, prefixHeader: string): Visit {
  const target = request.url ?? '/'
  const at = target.indexOf('?')
  const prefix = headerText(request, prefixHeader)
  const forwardedProto = headerText(request, 'x-forwarded-proto')
  const isSecure = forwardedProto === 'https' || (forwardedProto === '' && isEncrypted(request.socket))
  const forwardedHost = headerText(request, 'x-forwarded-host')
  const host = HOST.test(forwardedHost) ? forwardedHost : (request.headers.host ?? '')
  return {
    path: at === -1 ? target : target.slice(0, at),
    prefix: PREFIX.test(prefix) ? prefix : '',
    origin: HOST.test(host) ? `${isSecure ? 'https' : 'http'}://${host}` : '',
    isSecure,
  }
}

/** The text of a header; `''` when it is absent. */
export function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

function isEncrypted(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true
}

const VIA = /^(master:.{1,200}|desktop)$/su
const LONGEST_KEY = 200

/** Who asks, for the ledger. `name` is null without authentication. Throws InvalidParameterError. */
export function requesterOf(request: IncomingMessage, name: string | null, family: 'webservice' | 'api'): Requester {
  const key = headerText(request, 'idempotency-key')
  if (key.length > LONGEST_KEY) {
    // To take it for none could run a job twice.
    throw new InvalidParameterError('Idempotency-Key', `Idempotency-Key is invalid: over ${LONGEST_KEY} characters`)
  }
  return {
    name,
    via: viaOf(request, family),
    address: request.socket.remoteAddress ?? null,
    idempotencyKey: key === '' ? null : key,
  }
}

function viaOf(request: IncomingMessage, family: 'webservice' | 'api'): string {
  const said = headerText(request, VIA_HEADER)
  if (said !== '') {
    try {
      const via = decodeURIComponent(said)
      if (VIA.test(via)) return via
    } catch {
      // Not ours: the request counts as any other one.
    }
  }
  return headerText(request, 'sec-fetch-site') === '' && headerText(request, 'origin') === '' ? family : 'console'
}
