import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError, malformed, ValidationError } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import { decodeUtf8, PythonValueError } from './python-text.ts'
import { hasBody, parseContentType, readBody } from './request-body.ts'

/** The JSON in a request; `{}` when there is no body. Refuses other types (415), what does not parse (400) and NUL (422). */
export async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  limits: Pick<ServerLimits, 'bodyMs'>,
  most: number,
): Promise<unknown> {
  if (!hasBody(request)) return {}
  const { type, parameters } = parseContentType(request.headers['content-type'])
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new HttpError(415, 'unsupported-media-type', 'The body of this request is application/json')
  }
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8'
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new HttpError(415, 'unsupported-media-type', 'JSON is sent as UTF-8')
  }
  return parseJson(await readBody(request, response, limits, most))
}

function parseJson(bytes: Buffer): unknown {
  let text: string
  let value: unknown
  try {
    text = decodeUtf8(bytes).replace(/^\ufeff/, '')
    if (text.trim() === '') return {}
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof PythonValueError) throw malformed('The body is not UTF-8')
    throw malformed(`The body is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : ''}`)
  }
  // No name, path or argument of anything may hold one: files and processes cannot take them.
  if (text.includes(String.raw`\u0000`)) refuseNul(value, [])
  return value
}

function refuseNul(value: unknown, path: readonly string[]): void {
  if (typeof value === 'string' && value.includes('\0')) {
    throw new ValidationError([{ field: path.join('.'), message: 'NUL characters are not allowed' }])
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    refuseNul(key, [...path, key.replaceAll('\0', '')])
    refuseNul(inner, [...path, key])
  }
}
