import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError, malformed, tooLarge } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import { MultipartParser } from './multipart.ts'
import type { PartHeader, PartSink } from './multipart.ts'
import { Parameters, parseUrlEncoded } from './parameters.ts'
import type { Parameter } from './parameters.ts'
import { consumeBody, hasBody, parseContentType, readBody } from './request-body.ts'
import { ZipProbe } from './zip-probe.ts'

const BOUNDARY = /^[\x20-\x7e]{1,200}$/

const URL_ENCODED = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data'

/** Whether `readForm` would find a body that it cannot read. */
export function hasOtherBody(request: IncomingMessage): boolean {
  const { type } = parseContentType(request.headers['content-type'])
  return hasBody(request) && type !== URL_ENCODED && type !== MULTIPART
}

/**
 * The parameters in a form body, in their order. `uploads` names those whose bytes are read to their end and dropped; of
 * them only is known whether they are ZIP archives.
 */
export async function readForm(
  request: IncomingMessage,
  response: ServerResponse,
  limits: ServerLimits,
  uploads: ReadonlySet<string>,
): Promise<Parameters> {
  if (!hasBody(request)) return new Parameters([])
  const { type, parameters } = parseContentType(request.headers['content-type'])
  if (type === URL_ENCODED) {
    return parseUrlEncoded(await readBody(request, response, limits, limits.formBytes), limits.parameters)
  }
  if (type === MULTIPART) {
    const boundary = parameters.get('boundary') ?? ''
    if (!BOUNDARY.test(boundary)) throw malformed('The multipart boundary is missing or malformed')
    return readMultipart(request, response, limits, uploads, boundary)
  }
  // A body that would be ignored could turn "pull this project" into "pull all projects".
  throw new HttpError(415, 'unsupported-media-type', `Parameters are sent as ${URL_ENCODED} or ${MULTIPART}`)
}

async function readMultipart(
  request: IncomingMessage,
  response: ServerResponse,
  limits: ServerLimits,
  uploads: ReadonlySet<string>,
  boundary: string,
): Promise<Parameters> {
  const list: Parameter[] = []
  let kept = 0

  function open({ name, isFile }: PartHeader): PartSink {
    if (list.length === limits.parameters) throw malformed(`More than ${limits.parameters} parameters`)
    if (isFile && uploads.has(name)) {
      const probe = new ZipProbe()
      return {
        write: (bytes) => probe.write(bytes),
        end: () => list.push({ name, value: Buffer.alloc(0), zip: probe.isZip() }),
      }
    }
    const pieces: Buffer[] = []
    return {
      write(bytes) {
        kept += bytes.length
        if (kept > limits.formBytes) throw tooLarge(limits.formBytes)
        pieces.push(bytes)
      },
      end: () => list.push({ name, value: Buffer.concat(pieces) }),
    }
  }

  const parser = new MultipartParser(boundary, open)
  const most = uploads.size > 0 ? limits.uploadBytes : limits.formBytes
  await consumeBody(request, response, limits, most, (chunk) => parser.push(chunk))
  parser.end()
  return new Parameters(list)
}
