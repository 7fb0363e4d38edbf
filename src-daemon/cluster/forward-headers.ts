import type { IncomingHttpHeaders } from 'node:http'

type PlainHeaders = Record<string, string | string[]>

/** Begin of a node's answer. */
export interface AnswerHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** What makes sense for a file; no credentials, cookies or anything else of the client goes to a node. */
const ASKED = ['range', 'if-range', 'if-none-match', 'if-modified-since'] as const

/** What says which bytes these are; nothing else of a node's headers reaches the client. */
const ANSWERED = [
  'content-length',
  'content-range',
  'content-encoding',
  'accept-ranges',
  'etag',
  'last-modified',
  'x-log-size',
] as const

/** What another node sends is text or bytes, never a page of our origin. */
const FOREIGN: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** A folder's page: no script, no form; with the origin kept, or its links would be followed without the session. */
const FOLDER: Readonly<Record<string, string>> = {
  ...FOREIGN,
  'Content-Security-Policy':
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

/** The headers of the client's request that go on to the node. */
export function requestHeaders(headers: IncomingHttpHeaders): PlainHeaders {
  const passed: PlainHeaders = {}
  for (const name of ASKED) if (headers[name] !== undefined) passed[name] = headers[name]
  return passed
}

/** The headers that the client gets. Only a folder may be a page. */
export function responseHeaders(headers: IncomingHttpHeaders, isFolder: boolean): PlainHeaders {
  const given: PlainHeaders = isFolder ? { ...FOLDER } : { ...FOREIGN }
  for (const name of ANSWERED) if (headers[name] !== undefined) given[name] = headers[name]
  const disposition = String(headers['content-disposition'] ?? '')
  if (/^attachment\b/i.test(disposition)) given['content-disposition'] = disposition
  const type = String(headers['content-type'] ?? 'text/plain')
  given['content-type'] = isFolder && isPage(type) ? 'text/html; charset=utf-8' : plainType(type)
  given['cache-control'] = isFolder ? 'no-store' : 'private, no-cache'
  return given
}

const isPage = (type: string) => /^text\/html\b/i.test(type)

/** Whatever a browser could run or draw as a page is text. */
function plainType(type: string): string {
  const isText =
    /^(text\/|application\/(json|x-?json|jsonl|x-?ndjson|xml|xhtml|javascript|ecmascript)|image\/svg|.*\+(xml|json))/i
  return isText.test(type) ? 'text/plain; charset=utf-8' : 'application/octet-stream'
}
