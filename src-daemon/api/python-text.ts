import { isUtf8 } from 'node:buffer'

/**
 * Scrapyd answers with the words of Python's own errors, and clients show them: these functions decode and convert as
 * Python does, and fail with the same words.
 */
export class PythonValueError extends Error {
  override readonly name = 'PythonValueError'
}

/** `bytes.decode()`. Throws PythonValueError (`'utf-8' codec can't decode byte 0xc3 in position 0: …`). */
export function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  const { start, end, reason } = firstFault(bytes)
  const where =
    end - start === 1
      ? `byte 0x${(bytes[start] ?? 0).toString(16).padStart(2, '0')} in position ${start}`
      : `bytes in position ${start}-${end - 1}`
  throw new PythonValueError(`'utf-8' codec can't decode ${where}: ${reason}`)
}

interface Fault {
  readonly start: number
  readonly end: number
  readonly reason: 'invalid start byte' | 'invalid continuation byte' | 'unexpected end of data'
}

function firstFault(bytes: Buffer): Fault {
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0
    if (lead < 0x80) {
      at += 1
      continue
    }
    const length = sequenceLength(lead)
    if (length === 0) return { start: at, end: at + 1, reason: 'invalid start byte' }
    for (let offset = 1; offset < length; offset++) {
      const byte = bytes[at + offset]
      if (byte === undefined) return { start: at, end: bytes.length, reason: 'unexpected end of data' }
      if (!continues(lead, offset, byte)) return { start: at, end: at + offset, reason: 'invalid continuation byte' }
    }
    at += length
  }
  return { start: 0, end: 1, reason: 'invalid start byte' }
}

function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2
  if (lead >= 0xe0 && lead <= 0xef) return 3
  if (lead >= 0xf0 && lead <= 0xf4) return 4
  return 0
}

/** Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
function continues(lead: number, offset: number, byte: number): boolean {
  if ((byte & 0xc0) !== 0x80) return false
  if (offset !== 1) return true
  if (lead === 0xe0) return byte >= 0xa0
  if (lead === 0xed) return byte < 0xa0
  if (lead === 0xf0) return byte >= 0x90
  if (lead === 0xf4) return byte < 0x90
  return true
}

const SHOWN_BYTES = 100
const ESCAPES: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 92: '\\\\' }

/** `repr(bytes)`, cut after 100 bytes. */
export function bytesRepr(bytes: Buffer): string {
  const quote = bytes.includes("'") && !bytes.includes('"') ? '"' : "'"
  let text = ''
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    const char = String.fromCharCode(byte)
    if (ESCAPES[byte] !== undefined) text += ESCAPES[byte]
    else if (char === quote) text += `\\${quote}`
    else if (byte < 0x20 || byte > 0x7e) text += `\\x${byte.toString(16).padStart(2, '0')}`
    else text += char
  }
  return `b${quote}${text}${bytes.length > SHOWN_BYTES ? '…' : ''}${quote}`
}

const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i
const LONGEST_FLOAT = 1_000

/** `float(bytes)`, which must be finite here. Throws PythonValueError (`could not convert string to float: b'x'`). */
export function parseFinite(bytes: Buffer): number {
  const text = bytes.toString('latin1').replace(/^[\t-\r ]+|[\t-\r ]+$/g, '')
  if (NOT_FINITE.test(text)) throw new PythonValueError(`must be finite, not ${bytesRepr(bytes)}`)
  if (text.length > LONGEST_FLOAT || !FLOAT.test(text)) {
    throw new PythonValueError(`could not convert string to float: ${bytesRepr(bytes)}`)
  }
  const value = Number(text.replaceAll('_', ''))
  if (!Number.isFinite(value)) throw new PythonValueError(`must be finite, not ${bytesRepr(bytes)}`)
  return value
}
