import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerLimits } from './limits.ts'
import { expectsContinue, hasBody } from './request-body.ts'

export const JSON_TYPE = 'application/json'
export const TEXT_TYPE = 'text/plain; charset=utf-8'
export const HTML_TYPE = 'text/html; charset=utf-8'

type LingerLimits = Pick<ServerLimits, 'lingerMs' | 'lingerBytes'>

/** Sends a whole answer. `HEAD` gets the same headers and no body. */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  limits: LingerLimits,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Buffer,
): void {
  if (response.headersSent || response.destroyed) {
    // Too late to say anything: a cut-off answer is the only sign left.
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
  if (status !== 204 && status !== 304) response.setHeader('Content-Length', Buffer.byteLength(body))
  if (!hasBody(request) || request.readableEnded) {
    // Text goes out with the headers in one write; bytes would need two.
    response.writeHead(status).end(request.method === 'HEAD' ? undefined : body)
    return
  }
  response.setHeader('Connection', 'close')
  response.writeHead(status)
  if (expectsContinue(request)) response.end(body)
  else endAfterBody(request, response, limits, body)
}

/**
 * A connection that is closed with unread bytes is reset, and the client may lose the answer. So the rest of the body is
 * read and dropped first, up to a limit.
 */
function endAfterBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: LingerLimits,
  body: string | Buffer,
): void {
  response.write(body)
  let left = limits.lingerBytes
  const finish = () => {
    clearTimeout(timer)
    request.off('data', onData)
    if (!response.destroyed) response.end()
  }
  const onData = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) finish()
  }
  const timer = setTimeout(finish, limits.lingerMs)
  request.on('data', onData).once('end', finish).once('close', finish)
  request.on('error', finish)
  request.resume()
}
