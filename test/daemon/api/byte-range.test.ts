import { describe, expect, it } from 'vitest'
import { clampRange, parseRange } from '../../../src-daemon/api/byte-range.ts'

describe('parseRange', () => {
  it.each([
    [undefined, 10, null],
    ['bytes=0-4', 10, { start: 0, end: 5 }],
    ['bytes=5-', 10, { start: 5, end: 10 }],
    ['bytes=5-99', 10, { start: 5, end: 10 }],
    ['bytes=-3', 10, { start: 7, end: 10 }],
    ['bytes=-99', 10, { start: 0, end: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=4-2', 10, null],
    ['bytes=0-1,3-4', 10, null],
    ['bytes=-', 10, null],
    ['lines=0-1', 10, null],
    ['bytes=a-b', 10, null],
    ['bytes=0-9999999999999999999999', 10, { start: 0, end: 10 }],
    ['bytes=9999999999999999999999-', 10, 'unsatisfiable'],
  ])('reads %j of %i bytes', (header, size, range) => {
    expect(parseRange(header, size)).toEqual(range)
  })
})

describe('clampRange', () => {
  it.each([
    [0, 4, 10, { start: 0, end: 4 }],
    [8, 4, 10, { start: 8, end: 10 }],
    [99, 4, 10, { start: 10, end: 10 }],
    [-3, 100, 10, { start: 7, end: 10 }],
    [-99, 2, 10, { start: 0, end: 2 }],
  ])('puts %i, %i into %i bytes', (offset, limit, size, range) => {
    expect(clampRange(offset, limit, size)).toEqual(range)
  })
})
