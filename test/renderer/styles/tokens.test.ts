// @vitest-environment node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const css = readFileSync(join(import.meta.dirname, '../../../src-renderer/styles/tokens.css'), 'utf8')

/** The colours of the first block of this selector. */
function tokensOf(selector: string): ReadonlyMap<string, string> {
  const start = css.indexOf(`${selector} {`)
  const block = css.slice(start, css.indexOf('}', start))
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/gi)].map(([, name = '', value = '']) => [name, value]),
  )
}

/** Relative luminance (WCAG 2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

const GROUNDS = ['bg', 'surface', 'raised', 'hover', 'selected']
const STATES = ['pending', 'starting', 'running', 'finished', 'failed', 'cancelled', 'lost', 'warn']
const FILLS = ['fill-run', 'fill-ok', 'fill-bad', 'fill-can', 'fill-lost']

describe.each([
  ['light', ':root'],
  ['dark', 'html.dark'],
])('the colours of the %s theme', (_, selector) => {
  const tokens = tokensOf(selector)
  const colour = (name: string) => tokens.get(name) ?? expect.fail(`no --${name}`)
  const worst = (name: string, grounds: readonly string[]) =>
    Math.min(...grounds.map((ground) => contrast(colour(name), colour(ground))))

  it.each(['text', 'text-2', 'text-3', ...STATES])('--%s can be read on every ground', (name) => {
    const own = STATES.includes(name) ? [`${name}-bg`] : []
    expect(worst(name, [...GROUNDS, ...own])).toBeGreaterThanOrEqual(4.5)
  })

  it('text can be read on the tints of log lines and notes', () => {
    const tints = ['warn-bg', 'failed-bg', 'finished-bg']
    expect(worst('text-2', tints)).toBeGreaterThanOrEqual(6.7)
    expect(worst('text-3', tints)).toBeGreaterThanOrEqual(4.7)
  })

  it('what is written on filled buttons can be read', () => {
    expect(worst('ink-on', ['ink'])).toBeGreaterThanOrEqual(4.5)
    expect(worst('ink-on', ['failed'])).toBeGreaterThanOrEqual(4.5)
  })

  it('shapes are told from their ground', () => {
    for (const name of FILLS) expect(worst(name, ['surface'])).toBeGreaterThanOrEqual(3)
    expect(worst('focus', ['surface'])).toBeGreaterThanOrEqual(3)
  })
})
