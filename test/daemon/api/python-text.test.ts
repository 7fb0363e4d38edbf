import { describe, expect, it } from 'vitest'
import { bytesRepr, decodeUtf8, parseFinite } from '../../../src-daemon/api/python-text.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')

describe('decodeUtf8', () => {
  it.each(['', 'abc', '爬虫', 'ñ', '\u{1f577}', '\ufeffx'])('decodes %j', (text) => {
    expect(decodeUtf8(Buffer.from(text))).toBe(text)
  })

  // The right column is what CPython 3.11 says.
  it.each([
    ['\xc3\x28', 'byte 0xc3 in position 0: invalid continuation byte'],
    ['\xc3', 'byte 0xc3 in position 0: unexpected end of data'],
    ['\xff', 'byte 0xff in position 0: invalid start byte'],
    ['a\x80', 'byte 0x80 in position 1: invalid start byte'],
    ['\xe2\x82', 'bytes in position 0-1: unexpected end of data'],
    ['\xe2(\xa1', 'byte 0xe2 in position 0: invalid continuation byte'],
    ['\xe2\x82(', 'bytes in position 0-1: invalid continuation byte'],
    ['\xed\xa0\x80', 'byte 0xed in position 0: invalid continuation byte'],
    ['\xf0\x9f\x98', 'bytes in position 0-2: unexpected end of data'],
    ['\xf0(\x8c\xbc', 'byte 0xf0 in position 0: invalid continuation byte'],
    ['\xf0\x90(\xbc', 'bytes in position 0-1: invalid continuation byte'],
    ['\xf0\x90\x8c(', 'bytes in position 0-2: invalid continuation byte'],
    ['\xf5\x80', 'byte 0xf5 in position 0: invalid start byte'],
    ['\xc0\xaf', 'byte 0xc0 in position 0: invalid start byte'],
    ['\xe0\x80\x80', 'byte 0xe0 in position 0: invalid continuation byte'],
    ['ok\xe4\xb8', 'bytes in position 2-3: unexpected end of data'],
    ['\xf4\x90\x80\x80', 'byte 0xf4 in position 0: invalid continuation byte'],
    ['\xe0\x80', 'byte 0xe0 in position 0: invalid continuation byte'],
    ['\xf0\x80', 'byte 0xf0 in position 0: invalid continuation byte'],
  ])('fails for %j as Python does', (text, message) => {
    expect(() => decodeUtf8(bytes(text))).toThrow(`'utf-8' codec can't decode ${message}`)
  })
})

describe('bytesRepr', () => {
  it.each([
    ['x', `b'x'`],
    [`it's`, `b"it's"`],
    [`'"`, String.raw`b'\'"'`],
    ['a\n\t\r\\\x00\xff', String.raw`b'a\n\t\r\\\x00\xff'`],
  ])('writes %j as Python does', (text, repr) => {
    expect(bytesRepr(bytes(text))).toBe(repr)
  })

  it('cuts long values', () => {
    expect(bytesRepr(Buffer.alloc(200_000, 'x')).length).toBeLessThan(120)
  })
})

describe('parseFinite', () => {
  it.each([
    ['5', 5],
    [' -1.5e3\n', -1_500],
    ['1_000', 1_000],
    ['.5', 0.5],
    ['5.', 5],
    ['+0', 0],
    ['1E-2', 0.01],
  ])('reads %j', (text, value) => {
    expect(parseFinite(bytes(text))).toBe(value)
  })

  it.each(['x', '', ' ', '1__0', '_1', '0x10', '1 2', '1e', '\xff', '9'.repeat(2_000), '1,5'])('refuses %j', (text) => {
    expect(() => parseFinite(bytes(text))).toThrow('could not convert string to float: b')
  })

  it.each(['nan', '-inf', 'Infinity', '1e999', '+NaN'])('refuses %j, which is no finite number', (text) => {
    expect(() => parseFinite(bytes(text))).toThrow('must be finite')
  })
})
