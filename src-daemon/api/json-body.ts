import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError, malformed, ValidationError } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import { decodeUtf8, PythonValueError } from './python-text.ts'
import { hasBody, parseContentType, readBody } from './request-body.ts'

const LONGEST_FIELD = 200

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
  if (text.includes(String.raw`\u0000`)) refuseNul(value)
  return value
}

function refuseNul(root: unknown): void {
  // A list instead of recursion: how deep a body is, is up to the client.
  const open: [field: string, value: unknown][] = [['', root]]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const [field, value] = entry
    if (typeof value === 'string' && value.includes('\0')) {
      throw new ValidationError([{ field, message: 'NUL characters are not allowed' }])
    }
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      const name = (field === '' ? key : `${field}.${key}`).slice(0, LONGEST_FIELD)
      open.push([name.replaceAll('\0', ''), key], [name, inner])
    }
  }
}
