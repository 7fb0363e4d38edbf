import { describe, expect, it } from 'vitest'
import { interpolate } from '../../../src-daemon/config/interpolation.ts'

const options = new Map([
  ['root', '/data'],
  ['logs', '%(root)s/logs'],
  ['loop', '%(loop)s'],
])
const run = (text: string) => interpolate(text, (name) => options.get(name))

describe('interpolate', () => {
  it.each([
    ['plain', 'plain'],
    ['100%%', '100%'],
    ['%%(root)s', '%(root)s'],
    ['%(root)s/x', '/data/x'],
    ['%(ROOT)s', '/data'],
    ['%(logs)s-%(root)s', '/data/logs-/data'],
  ])('reads %j as %j', (text, expected) => expect(run(text)).toEqual({ text: expected }))

  it.each([
    ['50%', "'%' must be followed by"],
    ['%(root)', "'%' must be followed by"],
    ['%(nothing)s', 'names an option that is not in this section'],
    ['%(loop)s', 'refers to itself'],
  ])('refuses %j', (text, problem) => expect(run(text)).toEqual({ problem: expect.stringContaining(problem) }))
})
