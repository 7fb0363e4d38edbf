import { describe, expect, it } from 'vitest'
import { MultipartParser } from '../../../src-daemon/api/multipart.ts'

interface Part {
  name: string
  isFile: boolean
  body: string
  isEnded: boolean
}

function parse(text: string, chunkSizes: () => number = () => text.length): Part[] {
  const parts: Part[] = []
  const parser = new MultipartParser('XX', ({ name, isFile }) => {
    const part = { name, isFile, body: '', isEnded: false }
    parts.push(part)
    return {
      write: (bytes) => {
        part.body += bytes.toString('latin1')
      },
      end: () => {
        part.isEnded = true
      },
    }
  })
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length;) {
    const size = Math.max(1, chunkSizes())
    parser.push(bytes.subarray(at, at + size))
    at += size
  }
  parser.end()
  return parts
}

const part = (headers: string, body: string) => `--XX\r\n${headers}\r\n\r\n${body}\r\n`
const field = (name: string, body: string) => part(`Content-Disposition: form-data; name="${name}"`, body)
const END = '--XX--\r\n'

const SEVERAL =
  'preamble\r\n' +
  field('a', '1') +
  field('empty', '') +
  part('content-type: text/plain; charset=utf-8\r\ncontent-disposition: form-data; name=b', '\xc3\xa9\xff') +
  part('Content-Disposition: form-data; name="egg"; filename="a.egg"', 'PK\r\n--X\r\n-XX\r\n\r\n--') +
  END +
  'epilogue'

describe('MultipartParser', () => {
  it('reads parts as bytes, whatever charset they name', () => {
    expect(parse(SEVERAL)).toEqual([
      { name: 'a', isFile: false, body: '1', isEnded: true },
      { name: 'empty', isFile: false, body: '', isEnded: true },
      { name: 'b', isFile: false, body: '\xc3\xa9\xff', isEnded: true },
      { name: 'egg', isFile: true, body: 'PK\r\n--X\r\n-XX\r\n\r\n--', isEnded: true },
    ])
  })

  it('reads the same whatever the chunks are', () => {
    const whole = parse(SEVERAL)
    let seed = 1
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % most
    }
    for (let round = 0; round < 200; round++) expect(parse(SEVERAL, () => random(9))).toEqual(whole)
    expect(parse(SEVERAL, () => 1)).toEqual(whole)
  })

  it.each([
    [String.raw`form-data; name="a\"b"`, 'a"b'],
    ['form-data;name=plain', 'plain'],
    ["form-data; name*=utf-8''%E7%88%AC", Buffer.from('爬').toString('latin1')],
    ['FORM-DATA; Name="x"', 'x'],
  ])('takes the name out of %j', (disposition, name) => {
    expect(parse(part(`Content-Disposition: ${disposition}`, '') + END)[0]?.name).toBe(name)
  })

  it.each([
    ['is empty', ''],
    ['is cut off in a part', field('a', 'x').slice(0, -3)],
    ['is cut off before the last delimiter', field('a', 'x')],
    ['is cut off in headers', '--XX\r\nContent-Disp'],
    ['has a nameless part', part('Content-Disposition: form-data', 'x') + END],
    ['has an empty name', field('', 'x') + END],
    ['has a part without a disposition', part('Content-Type: text/plain', 'x') + END],
    ['has a part that is no form-data', part('Content-Disposition: attachment; name="a"', 'x') + END],
    ['has endless headers', `--XX\r\nA: ${'x'.repeat(20_000)}`],
    ['has rubbish behind a delimiter', '--XXrubbish\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX--'],
    ['has another boundary', SEVERAL.replaceAll('XX', 'YY')],
    ['has a malformed name', part("Content-Disposition: form-data; name*=utf-8''%E7%8", '') + END],
  ])('refuses a body that %s', (_, text) => {
    expect(() => parse(text)).toThrow(/multipart/i)
  })
})
