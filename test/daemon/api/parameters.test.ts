import { describe, expect, it } from 'vitest'
import { parseQuery, parseUrlEncoded } from '../../../src-daemon/api/parameters.ts'

const read = (text: string) =>
  parseUrlEncoded(Buffer.from(text, 'latin1'), 10).list.map(({ name, value }) => [name, value.toString('latin1')])

describe('parseUrlEncoded', () => {
  it.each([
    ['', []],
    [
      'a=1&b=2&a=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    ],
    ['a=', [['a', '']]],
    ['a', []],
    ['&&a=1&', [['a', '1']]],
    ['a=b=c', [['a', 'b=c']]],
    ['a+b=c+d%20e', [['a b', 'c d e']]],
    ['a=%zz%4', [['a', '%zz%4']]],
    ['a=%4a%4A', [['a', 'JJ']]],
    ['%61=%00%ff', [['a', '\x00\xff']]],
    [
      'a[b]=1&a.c=2',
      [
        ['a[b]', '1'],
        ['a.c', '2'],
      ],
    ],
    ['a=1;b=2', [['a', '1;b=2']]],
    ['__proto__=1', [['__proto__', '1']]],
  ])('reads %j', (text, pairs) => {
    expect(read(text)).toEqual(pairs)
  })

  it('refuses too many parameters', () => {
    expect(() => read('a=1&'.repeat(11))).toThrow('More than 10 parameters')
  })
})

describe('Parameters', () => {
  it('gives the first of a name, and all of them', () => {
    const parameters = parseQuery('/x?a=1&b=2&a=3', 10)
    expect(parameters.first('a')?.value.toString()).toBe('1')
    expect(parameters.all('a').map(({ value }) => value.toString())).toEqual(['1', '3'])
    expect(parameters.first('c')).toBeUndefined()
  })

  it('takes from others only what it has not', () => {
    const joined = parseQuery('/x?a=1', 10).withFallback(parseQuery('/x?a=2&b=3', 10))
    expect(joined.list.map(({ name, value }) => `${name}=${value.toString()}`)).toEqual(['a=1', 'b=3'])
  })
})
