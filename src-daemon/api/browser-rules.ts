import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIPv6 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { HttpError } from './http-error.ts'
import { wantsPage } from './page-request.ts'
import { headerText } from './visit.ts'

export interface BrowserRulesOptions {
  /** The address that is listened on. */
  readonly bindAddress: string
  readonly allowedHosts: readonly string[]
  /** Origins (`https://host:port`) whose pages may use this daemon; `*` is any. */
  readonly allowedOrigins: readonly string[]
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1']
const READING = new Set(['GET', 'HEAD', 'OPTIONS'])
const CORS_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const CORS_HEADERS = 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Range, X-Requested-With'
const CORS_EXPOSED = 'Content-Range, ETag, X-Log-Size'

/**
 * What protects a daemon from the pages that its user looks at: the Host check against DNS rebinding, the refusal of
 * changes asked for by another site, and CORS for the origins that are allowed. Programs are not touched.
 */
export class BrowserRules {
  readonly #options: BrowserRulesOptions
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>

  constructor(options: BrowserRulesOptions) {
    this.#options = options
    this.#hosts = new Set(
      [...LOOPBACK, hostname(), options.bindAddress, ...options.allowedHosts].map((host) => hostName(host)),
    )
    this.#origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')))
  }

  /** Throws HttpError 421 (unknown Host) or 403 (a change asked for by another site). */
  check(request: IncomingMessage): void {
    if (!isBrowser(request)) return
    const host = request.headers.host
    if (host !== undefined && !this.#isKnownHost(hostName(host))) {
      throw new HttpError(
        421,
        'unknown-host',
        `This daemon is not known as ${JSON.stringify(host)}; names it is reached by are listed in allowed_hosts`,
      )
    }
    if (READING.has(request.method ?? '') || this.#isSameSite(request)) return
    throw new HttpError(403, 'cross-site', 'A page of another site may not change anything here (see allowed_origins)')
  }

  /** Adds CORS headers for an allowed origin. True when that was a preflight, whose answer is then complete. */
  allowOrigin(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#origins.size === 0) return false
    response.setHeader('Vary', 'Origin')
    const origin = headerText(request, 'origin')
    if (origin === '' || !this.#isAllowedOrigin(origin)) return false
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Expose-Headers', CORS_EXPOSED)
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false
    response.setHeader('Access-Control-Allow-Methods', CORS_METHODS)
    response.setHeader('Access-Control-Allow-Headers', CORS_HEADERS)
    response.setHeader('Access-Control-Max-Age', '600')
    response.writeHead(204).end()
    return true
  }

  #isSameSite(request: IncomingMessage): boolean {
    const origin = headerText(request, 'origin')
    if (origin !== '' && this.#isAllowedOrigin(origin)) return true
    const site = headerText(request, 'sec-fetch-site')
    // The browser has compared by itself, also where a proxy has changed the Host.
    if (site !== '') return site === 'same-origin' || site === 'none'
    if (origin === '') return true
    const authority = origin.toLowerCase().replace(/^https?:\/\//, '')
    return [headerText(request, 'host'), headerText(request, 'x-forwarded-host')].some(
      (host) => host !== '' && host.toLowerCase() === authority,
    )
  }

  #isAllowedOrigin(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin.toLowerCase())
  }

  #isKnownHost(name: string): boolean {
    if (this.#hosts.has(name) || name.endsWith('.localhost')) return true
    // Interfaces come and go (VPN, DHCP), so they are asked when a name is not known otherwise.
    return (
      isWildcard(this.#options.bindAddress) &&
      Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => hostName(address) === name))
    )
  }
}

const isWildcard = (address: string) => address === '0.0.0.0' || address === '::' || address === ''

/** What browsers send and neither curl nor Python's clients do. */
function isBrowser({ headers }: IncomingMessage): boolean {
  // Node's fetch (a master, the desktop app) looks like one, but says its mode without its site. No browser does that,
  // and no page can make it.
  if (headers['sec-fetch-mode'] !== undefined && headers['sec-fetch-site'] === undefined)
    return headers.origin !== undefined
  return (
    headers.origin !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    headers['accept-language'] !== undefined ||
    headers.referer !== undefined ||
    headers['user-agent']?.startsWith('Mozilla/') === true ||
    wantsPage(headers)
  )
}

/** `Example.org:6800` → `example.org`; `[::1]:6800` and `::1` → `::1`. */
function hostName(host: string): string {
  const lower = host.trim().toLowerCase()
  if (isIPv6(lower)) return lower.replace(/%.*$/, '')
  const bracketed = /^\[([^\]]*)\]/.exec(lower)?.[1]
  return bracketed ?? lower.replace(/:\d*$/, '').replace(/\.$/, '')
}
