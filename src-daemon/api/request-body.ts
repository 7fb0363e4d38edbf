import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError, malformed, tooLarge } from './http-error.ts'
import type { ServerLimits } from './limits.ts'

const BYTES_PER_EXTRA_SECOND = 65_536

/** Whether the request announces a body at all. */
export function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  return encoding !== undefined || (length !== undefined && length !== '0')
}

/** Hands the body to `take`, piece by piece. Refuses one that is too long (413), dripped (408), encoded (415) or cut off. */
export function consumeBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: Pick<ServerLimits, 'bodyMs'>,
  most: number,
  take: (chunk: Buffer) => void,
): Promise<void> {
  if (!hasBody(request)) return Promise.resolve()
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return Promise.reject(new HttpError(415, 'unsupported-encoding', `Content-Encoding ${encoding} is not supported`))
  }
  const coding = request.headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return Promise.reject(new HttpError(501, 'unsupported-encoding', `Transfer-Encoding ${coding} is not supported`))
  }
  // A length that is too long is refused before a byte of it is read.
  if (Number(request.headers['content-length'] ?? 0) > most) return Promise.reject(tooLarge(most))
  if (expectsContinue(request)) response.writeContinue()

  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let received = 0
    let timer = setTimeout(checkTime, limits.bodyMs)

    function checkTime() {
      const allowed = limits.bodyMs + (received / BYTES_PER_EXTRA_SECOND) * 1_000
      const left = begun + allowed - performance.now()
      if (left > 0) timer = setTimeout(checkTime, left)
      else settle(new HttpError(408, 'body-timeout', 'The request body did not arrive in time'))
    }
    function onData(chunk: Buffer) {
      received += chunk.length
      if (received > most) return settle(tooLarge(most))
      try {
        take(chunk)
      } catch (error) {
        settle(error)
      }
    }
    const onEnd = () => settle(null)
    const onBroken = () => settle(malformed('The request body is cut off'))

    function settle(error: unknown) {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken)
      // A late error of the socket has nobody else to hear it.
      request.on('error', () => undefined)
      if (error === null) resolve()
      else {
        request.pause()
        reject(error)
      }
    }
    request.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken)
  })
}

/** The whole body. */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: Pick<ServerLimits, 'bodyMs'>,
  most: number,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  await consumeBody(request, response, limits, most, (chunk) => chunks.push(chunk))
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

/** The client waits for `100 Continue` before it sends the body. */
export function expectsContinue(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue'
}

/** `application/json; charset=utf-8` → `application/json`, and its parameters. */
export function parseContentType(header: string | undefined): {
  type: string
  parameters: ReadonlyMap<string, string>
} {
  const [type = '', ...rest] = (header ?? '').split(';')
  const parameters = new Map<string, string>()
  for (const part of rest) {
    const at = part.indexOf('=')
    if (at === -1) continue
    const value = part.slice(at + 1).trim()
    parameters.set(part.slice(0, at).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'))
  }
  return { type: type.trim().toLowerCase(), parameters }
}
