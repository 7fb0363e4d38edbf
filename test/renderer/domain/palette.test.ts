// @vitest-environment node
import { match as pinyin } from 'pinyin-pro'
import { describe, expect, it } from 'vitest'
import { findItems, type PaletteItem } from '../../../src-renderer/domain/palette-items.ts'
import { markText, matchText } from '../../../src-renderer/domain/palette-search.ts'

const marked = (text: string, query: string) => {
  const match = matchText(text, query, pinyin)
  return match === null
    ? null
    : markText(text, match.hits)
        .map(({ text: part, hit }) => (hit ? `[${part}]` : part))
        .join('')
}

describe('matchText', () => {
  it.each([
    ['sina_finance', 'fin', 'sina_[fin]ance'],
    ['xinhua_finance', 'xf', '[x]inhua_[f]inance'],
    ['ClosedSpider', 'cs', '[C]losed[S]pider'],
    ['财联社电报', 'cls', '[财联社]电报'],
    ['6f2c1a9e 财联社电报', 'cls', '6f2c1a9e [财联社]电报'],
    ['人民日报', 'renmin', '[人民]日报'],
    ['人民日报', '日报', '人民[日报]'],
    ['bbc_world', 'fin', null],
    ['anything', '', 'anything'],
  ])('%s for "%s": %s', (text, query, expected) => {
    expect(marked(text, query)).toBe(expected)
  })

  it('likes a whole text best, then its begin, then a word in it', () => {
    const scores = ['fin', 'finance', 'sina_fin', 'refinery'].map((text) => matchText(text, 'fin')?.score ?? 0)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    expect(new Set(scores).size).toBe(4)
  })
})

const item = (group: PaletteItem['group'], title: string, more: Partial<PaletteItem> = {}): PaletteItem => ({
  id: `${group} ${title}`,
  group,
  glyph: { icon: 'run' },
  title,
  detail: '',
  open: () => {},
  ...more,
})
const ITEMS = [
  item('recent', 'looked at'),
  item('running', 'running now'),
  item('attention', 'crawl-03 is offline'),
  item('actions', 'Run spiders', { keywords: ['schedule'] }),
  item('jobs', '91bb20c4 xinhua', { detail: 'finance_cn' }),
  ...Array.from({ length: 20 }, (_, index) => item('spiders', `spider_fin_${index}`)),
  item('spiders', 'finance'),
]
const titles = (query: string, only: PaletteItem['group'] | null = null) =>
  findItems(ITEMS, query, { only, pinyin: null }).map((row) => row.item.title)

describe('findItems', () => {
  it('shows what was looked at, what runs, what needs attention and actions while nothing is typed', () => {
    expect(titles('')).toEqual(['looked at', 'running now', 'crawl-03 is offline', 'Run spiders'])
  })

  it('finds words in any order, each somewhere', () => {
    expect(titles('fin 91bb')).toEqual(['91bb20c4 xinhua'])
    expect(titles('schedule run')).toEqual(['Run spiders'])
    expect(titles('run nothing')).toEqual([])
    const [row] = findItems(ITEMS, 'spiders run', { only: null, pinyin: null })
    expect(row?.title).toEqual([
      { text: 'Run', hit: true },
      { text: ' ', hit: false },
      { text: 'spiders', hit: true },
    ])
  })

  it('shows the best of each group, in the order of the groups', () => {
    const found = titles('fin')
    expect(found[0]).toBe('finance')
    expect(found.length).toBeLessThan(10)
    expect(found.at(-1)).toBe('91bb20c4 xinhua')
  })

  it('shows many of the one group it is narrowed to', () => {
    expect(titles('fin', 'spiders')).toHaveLength(21)
    expect(titles('', 'jobs')).toEqual(['91bb20c4 xinhua'])
  })

  it('finds by words that are not shown', () => {
    expect(titles('schedule')).toEqual(['Run spiders'])
  })
})
