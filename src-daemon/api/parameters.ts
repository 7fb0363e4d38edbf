import { malformed } from './http-error.ts'

/** A parameter as it came: bytes, because whether they are UTF-8 is checked where a value is used. */
export interface Parameter {
  /** A character per byte (Latin-1): what is not ASCII has to be decoded before it means anything. */
  readonly name: string
  readonly value: Buffer
  /** Set for an upload that was read and dropped: whether it ended like a ZIP archive. */
  readonly zip?: boolean
}

/** The parameters of a request in their order. */
export class Parameters {
  readonly list: readonly Parameter[]

  constructor(list: readonly Parameter[]) {
    this.list = list
  }

  first(name: string): Parameter | undefined {
    return this.list.find((parameter) => parameter.name === name)
  }

  all(name: string): readonly Parameter[] {
    return this.list.filter((parameter) => parameter.name === name)
  }

  /** Adds what `others` has under names that are not here. A body's values win over the query's, as with Scrapyd. */
  withFallback(others: Parameters): Parameters {
    if (others.list.length === 0) return this
    const known = new Set(this.list.map(({ name }) => name))
    return new Parameters([...this.list, ...others.list.filter(({ name }) => !known.has(name))])
  }
}

const AMPERSAND = 0x26
const EQUALS = 0x3d
const PLUS = 0x2b
const PERCENT = 0x25
const SPACE = 0x20

/**
 * Reads `a=1&b=2`. As in Scrapyd a part without `=` is no parameter, an empty value is one, and `%` before anything but
 * two hexadecimal digits stands for itself.
 */
export function parseUrlEncoded(bytes: Buffer, most: number): Parameters {
  const list: Parameter[] = []
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(AMPERSAND, from)
    const to = found === -1 ? bytes.length : found
    const equals = bytes.subarray(from, to).indexOf(EQUALS)
    if (equals !== -1) {
      if (list.length === most) throw malformed(`More than ${most} parameters`)
      list.push({
        name: decodePercent(bytes.subarray(from, from + equals)).toString('latin1'),
        value: decodePercent(bytes.subarray(from + equals + 1, to)),
      })
    }
    from = to + 1
  }
  return new Parameters(list)
}

/** Undoes `+` and `%xx`. */
function decodePercent(bytes: Buffer): Buffer {
  if (!bytes.includes(PERCENT) && !bytes.includes(PLUS)) return bytes
  const decoded = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    const high = byte === PERCENT ? hexDigit(bytes[at + 1]) : -1
    const low = high === -1 ? -1 : hexDigit(bytes[at + 2])
    if (low !== -1) {
      decoded[length++] = high * 16 + low
      at += 2
    } else {
      decoded[length++] = byte === PLUS ? SPACE : byte
    }
  }
  return decoded.subarray(0, length)
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The query of a raw request target (`/status.json?job=1`). */
export function parseQuery(target: string, most: number): Parameters {
  const at = target.indexOf('?')
  return at === -1 ? new Parameters([]) : parseUrlEncoded(Buffer.from(target.slice(at + 1), 'latin1'), most)
}
