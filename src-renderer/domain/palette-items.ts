import { markText, matchText, type PinyinMatch, type TextPart } from './palette-search.ts'
import type { IconName } from '../components/base/icons.ts'
import type { JobStatus } from './job-view.ts'
import type { NodeStatus } from './node-view.ts'

export const PALETTE_GROUPS = [
  'recent',
  'running',
  'attention',
  'spiders',
  'projects',
  'jobs',
  'nodes',
  'actions',
] as const
export type PaletteGroup = (typeof PALETTE_GROUPS)[number]

/** Something that the palette can go to or do. */
export interface PaletteItem {
  readonly id: string
  readonly group: PaletteGroup
  readonly glyph: { readonly state: JobStatus | NodeStatus | 'warn' } | { readonly icon: IconName }
  readonly title: string
  readonly detail: string
  /** Other words by which it is found (second words of the glossary); never shown. */
  readonly keywords?: readonly string[]
  readonly shortcut?: string
  /** What ↵ does, in words. */
  readonly openLabel?: string
  readonly open: () => unknown
  /** What ⌘↵ does. */
  readonly run?: () => unknown
}

export interface PaletteRow {
  readonly item: PaletteItem
  readonly title: readonly TextPart[]
  readonly detail: readonly TextPart[]
  readonly score: number
}

const MOST: Record<PaletteGroup, number> = {
  recent: 5,
  running: 3,
  attention: 5,
  spiders: 5,
  projects: 3,
  jobs: 3,
  nodes: 4,
  actions: 6,
}
/** Shown while nothing is typed, and only then. */
const UNASKED: ReadonlySet<PaletteGroup> = new Set(['recent', 'running', 'attention'])
/** When the palette is narrowed to one group. */
const MOST_NARROWED = 60

/** The items that answer a query, best first within their group, groups in their fixed order. */
export function findItems(
  items: readonly PaletteItem[],
  query: string,
  options: { readonly only: PaletteGroup | null; readonly pinyin: PinyinMatch | null },
): PaletteRow[] {
  const wanted = query.trim()
  const rows = items
    .filter(({ group }) =>
      options.only === null
        ? (wanted === '') === UNASKED.has(group) || (wanted === '' && group === 'actions')
        : group === options.only,
    )
    .flatMap((item) => rowOf(item, wanted, options.pinyin) ?? [])
  return PALETTE_GROUPS.flatMap((group) =>
    rows
      .filter(({ item }) => item.group === group)
      .toSorted((a, b) => b.score - a.score)
      .slice(0, options.only === null ? MOST[group] : MOST_NARROWED),
  )
}

function rowOf(item: PaletteItem, query: string, pinyin: PinyinMatch | null): PaletteRow | null {
  const words = query.split(/\s+/)
  // As it was typed, or its words in any order, each somewhere ("pull news").
  return rowFor(item, [query], pinyin) ?? (words.length > 1 ? rowFor(item, words, pinyin) : null)
}

function rowFor(item: PaletteItem, words: readonly string[], pinyin: PinyinMatch | null): PaletteRow | null {
  const title: number[] = []
  const detail: number[] = []
  let score = 0
  for (const word of words) {
    const byTitle = matchText(item.title, word, pinyin)
    const byDetail = byTitle === null ? matchText(item.detail, word, pinyin) : null
    const isKeyword = (item.keywords ?? []).some((each) => each.toLowerCase().includes(word.toLowerCase()))
    if (byTitle === null && byDetail === null && !isKeyword) return null
    title.push(...(byTitle?.hits ?? []))
    detail.push(...(byDetail?.hits ?? []))
    score += byTitle?.score ?? (byDetail === null ? 1 : byDetail.score / 10)
  }
  return {
    item,
    title: markText(item.title, title),
    detail: markText(item.detail, detail),
    score: score / words.length,
  }
}
