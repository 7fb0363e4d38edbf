import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { FileNotFoundError } from '../errors.ts'
import { TEXT_TYPE } from './answer.ts'
import { parseRange } from './byte-range.ts'
import type { ByteRange } from './byte-range.ts'

/** What spiders wrote is text or bytes, never a page of our origin. */
export const FOREIGN_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
}

const GZIP = /\.gz$/i
const BINARY = /\.(tgz|zip|bz2|xz|zst|7z|tar|parquet|pickle|png|jpe?g|gif|webp|pdf)$/i
/** Larger pieces were not faster, and every open download holds two of them. */
const CHUNK_BYTES = 262_144

export interface FileAnswer {
  readonly path: string
  /** Bytes to send, by the file's size now. Without it the `Range` header decides. */
  readonly part?: (size: number) => ByteRange
  readonly headers?: (size: number) => OutgoingHttpHeaders
}

/**
 * Sends a file or a part of it. The size is taken once: what is appended meanwhile is not sent, and a file that shrinks
 * cuts the answer off. Throws FileNotFoundError.
 */
export async function sendFile(request: IncomingMessage, response: ServerResponse, file: FileAnswer): Promise<void> {
  const handle = await openFile(file.path)
  try {
    const { size, mtimeMs } = await regularFile(handle)
    setHeaders(response, FOREIGN_HEADERS)
    setHeaders(response, typeHeaders(file.path))
    response.setHeader('Cache-Control', 'private, no-cache')
    setHeaders(response, file.headers?.(size) ?? {})
    const range = file.part === undefined ? negotiate(request, response, size, mtimeMs) : file.part(size)
    if (range === null) {
      response.end()
      return
    }
    response.setHeader('Content-Length', range.end - range.start)
    if (request.method === 'HEAD' || range.end === range.start) response.end()
    else await pour(handle, range, response)
  } finally {
    await handle.close()
  }
}

/** As Scrapyd does, a packed file is the text in it, packed for the way: clients that read logs unpack it by themselves. */
function typeHeaders(path: string): OutgoingHttpHeaders {
  const type = BINARY.test(path.replace(GZIP, '')) ? 'application/octet-stream' : TEXT_TYPE
  return { 'Content-Type': type, ...(GZIP.test(path) ? { 'Content-Encoding': 'gzip' } : {}) }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A pipe in the folder must not block the open.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  } catch (error) {
    throw new FileNotFoundError('File not found', { cause: error })
  }
}

async function regularFile(handle: FileHandle): Promise<{ size: number; mtimeMs: number }> {
  const stats = await handle.stat()
  if (!stats.isFile()) throw new FileNotFoundError('File not found')
  return stats
}

function setHeaders(response: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
}

/** Conditional and range headers. null: the answer has no body (304, 416). */
function negotiate(
  request: IncomingMessage,
  response: ServerResponse,
  size: number,
  mtimeMs: number,
): ByteRange | null {
  const etag = `"${size.toString(36)}-${Math.round(mtimeMs * 1_000).toString(36)}"`
  const modified = new Date(mtimeMs).toUTCString()
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('ETag', etag)
  response.setHeader('Last-Modified', modified)
  if (isUnchanged(request, etag, mtimeMs)) {
    response.statusCode = 304
    return null
  }
  const condition = request.headers['if-range']
  const isFresh = condition === undefined || condition === etag || condition === modified
  const range = isFresh ? parseRange(request.headers.range, size) : null
  if (range === 'unsatisfiable') {
    response.statusCode = 416
    response.setHeader('Content-Range', `bytes */${size}`)
    response.setHeader('Content-Length', 0)
    return null
  }
  if (range === null) return { start: 0, end: size }
  response.statusCode = 206
  response.setHeader('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`)
  return range
}

function isUnchanged(request: IncomingMessage, etag: string, mtimeMs: number): boolean {
  const tags = request.headers['if-none-match']
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  }
  const since = Date.parse(request.headers['if-modified-since'] ?? '')
  return !Number.isNaN(since) && Math.floor(mtimeMs / 1_000) * 1_000 <= since
}

/** One piece is read while the one before is sent: memory stays at two pieces, which are used in turn. */
async function pour(handle: FileHandle, { start, end }: ByteRange, response: ServerResponse): Promise<void> {
  let isGone = response.destroyed
  response.once('close', () => {
    isGone = true
  })
  const length = Math.min(CHUNK_BYTES, end - start)
  let reading = Buffer.allocUnsafeSlow(length)
  let sending = end - start > length ? Buffer.allocUnsafeSlow(length) : reading
  let sent: Promise<void> = Promise.resolve()
  for (let position = start; position < end && !isGone;) {
    const { bytesRead } = await handle.read(reading, 0, Math.min(length, end - position), position)
    await sent
    if (isGone) return
    if (bytesRead === 0) {
      response.destroy()
      return
    }
    position += bytesRead
    sent = write(response, reading.subarray(0, bytesRead))
    ;[reading, sending] = [sending, reading]
  }
  await sent
  if (!isGone) response.end()
}

/** Resolves when the system has taken the bytes, so that their memory may be used again, or when the client is gone. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done)
      resolve()
    }
    response.once('close', done)
    response.write(bytes, done)
  })
}
