import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type AnswerHead, responseHeaders } from './forward-headers.ts'
import { mapRedirect } from './forward-path.ts'
import type { PassedHead, Refusal } from './forward-transfer.ts'
import { callName, type NodeTarget } from './node-target.ts'

/** What a client is told of a node's answer: its files as they are, of everything else only what happened. */
export function passedHead(
  target: NodeTarget,
  path: string,
  isFolder: boolean,
  { status, headers }: AnswerHead,
): PassedHead | Refusal | 'whole' {
  if (status === 200 || status === 206 || status === 304) {
    return { status, headers: responseHeaders(headers, isFolder) }
  }
  if (status >= 300 && status < 400 && headers.location !== undefined) {
    const location = mapRedirect(headers.location, target.url, path)
    if (location !== null) return refusal(302, 'Found', { Location: location })
    return refusal(502, `${callName(target)} leads to another place`)
  }
  // Twisted, at `bytes=-N` where N is more than the file has.
  if (status === 500 && headers['content-range']?.startsWith('bytes -') === true) return 'whole'
  if (status === 404 || status === 410) return refusal(404, 'File not found')
  if (status === 416) return refusal(416, 'No such range', { 'Content-Range': headers['content-range'] })
  // Passed on, a browser would ask its user for a password, and send it to us.
  if (status === 401 || status === 403) {
    return refusal(502, `${callName(target)} refuses the user name and password that the master has for it`)
  }
  return refusal(502, `${callName(target)} answered ${status}`)
}

function refusal(status: number, message: string, headers: OutgoingHttpHeaders = {}): Refusal {
  return { refused: true, status, message, headers }
}

/** Answers with a line of text. */
export function sendText(
  response: ServerResponse,
  status: number,
  message: string,
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, `${message}\n`, { 'Content-Type': 'text/plain; charset=utf-8', ...headers })
}

/** Answers as `/api` tells an error (RFC 9457). */
export function sendProblem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers: OutgoingHttpHeaders,
): void {
  const code = status === 404 ? 'file-not-found' : 'node-unreachable'
  const problem = { type: 'about:blank', title: detail, status, detail, code }
  send(response, status, `${JSON.stringify(problem)}\n`, { 'Content-Type': 'application/problem+json', ...headers })
}

function send(response: ServerResponse, status: number, body: string, headers: OutgoingHttpHeaders): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
