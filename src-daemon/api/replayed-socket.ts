import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** What Node's parser says of bytes that it refuses. */
export interface ParserError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

const REQUEST_LINE = /^[A-Z]+ [^ \r\n]*[\u0080-\u00ff]/
const LINE_FEED = 0x0a

/**
 * The request that was refused for bytes outside ASCII in its target, with those bytes escaped; null when it was refused for
 * something else. curl sends an address as it was typed, and Scrapyd takes it: `curl HOST/logs/news/新闻/1.log`.
 */
export function withEscapedTarget({ code, rawPacket, bytesParsed = 0 }: ParserError): Buffer | null {
  if (code !== 'HPE_INVALID_URL' || rawPacket === undefined) return null
  const request = rawPacket.subarray(bytesParsed === 0 ? 0 : rawPacket.lastIndexOf(LINE_FEED, bytesParsed - 1) + 1)
  const end = request.indexOf(LINE_FEED)
  const line = request.subarray(0, end === -1 ? request.length : end).toString('latin1')
  // One whose line began in an earlier packet cannot be put together any more.
  if (!REQUEST_LINE.test(line)) return null
  const escaped = line.replaceAll(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
  return Buffer.concat([Buffer.from(escaped, 'latin1'), request.subarray(line.length)])
}

/**
 * A connection whose parser has given up, to be given to the server once more: first come the bytes that it is to read
 * instead of the refused ones, then what the client goes on to send.
 */
export class ReplayedSocket extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket, first: Buffer) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    // The old parser hears no more; it goes when the socket closes.
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('timeout')
    this.push(first)
    socket.on('data', (chunk) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('timeout', () => this.emit('timeout'))
    socket.on('close', () => this.destroy())
    socket.on('error', () => this.destroy())
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  /** The server's limits for what stands still hold here, too. */
  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms)
    return this
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
