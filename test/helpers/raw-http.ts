import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const RECENT = 262_144
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/

/** A connection on which a test sends whatever bytes it likes. */
export class RawConnection {
  readonly socket: Socket
  readonly #chunks: string[] = []
  #recent = ''
  #isClosed = false
  readonly #waiting = new Set<() => void>()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      this.#chunks.push(text)
      this.#recent = (this.#recent + text).slice(-RECENT)
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawConnection(socket)))
      socket.once('error', reject)
    })
  }

  /** Everything received so far. */
  get text(): string {
    return this.#chunks.join('')
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  send(data: string | Buffer): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    return this
  }

  /** Resolves to all text when `isTrue` says so of the last 256 KiB; rejects when the connection ends before. */
  async until(isTrue: (recent: string) => boolean): Promise<string> {
    while (!isTrue(this.#recent)) {
      if (this.#isClosed) throw new Error(`the connection was closed after ${JSON.stringify(this.text.slice(0, 300))}`)
      await this.#change()
    }
    return this.text
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<string> {
    while (!this.#isClosed) await this.#change()
    return this.text
  }

  /** The first answer, as soon as it is whole, or the connection is closed. */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#isClosed || this.#seemsWhole() ? parseAnswer(this.text, this.#isClosed) : null
      if (answer !== null) return answer
      if (this.#isClosed) throw new Error(`no answer, but ${JSON.stringify(this.text.slice(0, 300))}`)
      await this.#change()
    }
  }

  close(): void {
    this.socket.destroy()
  }

  /** Long answers are not put together for every piece of them. */
  #seemsWhole(): boolean {
    const length = /content-length: (\d+)/i.exec(this.#chunks[0] ?? '')?.[1]
    return length === undefined || this.socket.bytesRead >= Number(length)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        resolve()
      }
      this.#waiting.add(done)
    })
  }

  #wake(): void {
    for (const done of this.#waiting) done()
  }
}

function parseAnswer(text: string, isClosed: boolean): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(STATUS_LINE.exec(first)?.[1] ?? 0)
  if (status === 100) return parseAnswer(text.slice(end + 4), isClosed)
  const headers = Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':')
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]
    }),
  )
  const body = text.slice(end + 4)
  const length = headers['content-length']
  const isChunked = headers['transfer-encoding'] === 'chunked'
  const isWhole =
    isClosed ||
    status === 204 ||
    status === 304 ||
    (length !== undefined && body.length >= Number(length)) ||
    (isChunked && body.endsWith('0\r\n\r\n'))
  return isWhole ? { status, headers, body } : null
}

/** Sends bytes on a connection of their own and gives the first answer. */
export async function sendRaw(port: number, data: string | Buffer): Promise<RawAnswer> {
  const connection = await RawConnection.open(port)
  try {
    return await connection.send(data).answer()
  } finally {
    connection.close()
  }
}
