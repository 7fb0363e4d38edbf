import { malformed } from './http-error.ts'

/** Takes the bytes of one part as they come. */
export interface PartSink {
  write(bytes: Buffer): void
  end(): void
}

export interface PartHeader {
  /** A character per byte (Latin-1), as sent. */
  readonly name: string
  readonly isFile: boolean
}

const CRLF = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')
const DASH = 0x2d
const LONGEST_HEADERS = 16_384

/**
 * A `multipart/form-data` body, read as it arrives. The libraries for this decode a part by the charset that it names and
 * replace bad bytes on the way; here names and values stay bytes, and whatever is cut off, nameless or no form part is
 * refused (400) instead of skipped.
 */
export class MultipartParser {
  readonly #delimiter: Buffer
  readonly #open: (header: PartHeader) => PartSink
  #state: 'preamble' | 'delimiter' | 'headers' | 'part' | 'epilogue' = 'preamble'
  #rest: Buffer
  #sink: PartSink | null = null

  constructor(boundary: string, open: (header: PartHeader) => PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#open = open
    // The first delimiter needs no line break before it.
    this.#rest = CRLF
  }

  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const rest = this.#step(data)
      if (rest === null) break
      data = rest
    }
    this.#rest = this.#kept(data)
  }

  /** The body has ended. */
  end(): void {
    if (this.#state !== 'epilogue') throw malformed('The multipart body is cut off')
  }

  #kept(data: Buffer): Buffer {
    if (this.#state === 'epilogue') return data.subarray(data.length)
    if (this.#state !== 'part' && this.#state !== 'preamble') return data
    // What may be the begin of a delimiter waits for the next chunk.
    const safe = Math.max(0, data.length - this.#delimiter.length + 1)
    if (this.#state === 'part' && safe > 0) this.#sink?.write(data.subarray(0, safe))
    return data.subarray(safe)
  }

  /** Does one thing; null when there is nothing more to do with these bytes. */
  #step(data: Buffer): Buffer | null {
    switch (this.#state) {
      case 'preamble':
      case 'part': {
        const at = data.indexOf(this.#delimiter)
        if (at === -1) return null
        if (this.#state === 'part') {
          if (at > 0) this.#sink?.write(data.subarray(0, at))
          this.#sink?.end()
        }
        this.#state = 'delimiter'
        return data.subarray(at + this.#delimiter.length)
      }
      case 'delimiter':
        return this.#afterDelimiter(data)
      case 'headers': {
        const at = data.indexOf(HEADERS_END)
        if (at > LONGEST_HEADERS || (at === -1 && data.length > LONGEST_HEADERS)) {
          throw malformed('The headers of a multipart part are too long')
        }
        if (at === -1) return null
        this.#sink = this.#open(parsePartHeaders(data.subarray(0, at).toString('latin1')))
        this.#state = 'part'
        return data.subarray(at + HEADERS_END.length)
      }
      case 'epilogue':
        return null
    }
  }

  #afterDelimiter(data: Buffer): Buffer | null {
    if (data.length < 2) return null
    if (data[0] === DASH && data[1] === DASH) {
      this.#state = 'epilogue'
      return null
    }
    const at = data.indexOf(CRLF)
    const padding = data.subarray(0, at === -1 ? data.length : at)
    if (padding.some((byte) => byte !== 0x20 && byte !== 0x09) || padding.length > 1_000) {
      throw malformed('A multipart delimiter is followed by something else')
    }
    if (at === -1) return null
    this.#state = 'headers'
    return data.subarray(at + CRLF.length)
  }
}

const DISPOSITION_PARAMETER = /;\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g

function parsePartHeaders(text: string): PartHeader {
  const line = text.split('\r\n').find((header) => /^content-disposition\s*:/i.test(header))
  const value = line?.slice(line.indexOf(':') + 1).trim() ?? ''
  if (!/^form-data\s*(;|$)/i.test(value)) throw malformed('A multipart part is not form-data')
  const found = new Map<string, string>()
  for (const [, key = '', quoted, plain = ''] of value.matchAll(DISPOSITION_PARAMETER)) {
    found.set(key.toLowerCase(), quoted === undefined ? plain : quoted.replaceAll(/\\(["\\])/g, '$1'))
  }
  const name = partName(found)
  if (name.length === 0) throw malformed('A multipart part has no name')
  return { name, isFile: found.has('filename') || found.has('filename*') }
}

/** `name="…"`, or `name*=utf-8''…` (older urllib3, for names outside ASCII). */
function partName(parameters: ReadonlyMap<string, string>): string {
  const extended = parameters.get('name*')?.match(/^utf-8'[^']*'(.*)$/i)?.[1]
  if (extended === undefined) return parameters.get('name') ?? ''
  try {
    return Buffer.from(decodeURIComponent(extended)).toString('latin1')
  } catch {
    throw malformed('The name of a multipart part is malformed')
  }
}
