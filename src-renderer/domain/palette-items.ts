import { matchText, type PinyinMatch, type TextPart } from './palette-search.ts'
import type { IconName } from '../components/base/icons.ts'
import type { JobStatus } from './job-view.ts'
import type { NodeStatus } from './node-view.ts'

export const PALETTE_GROUPS = ['recent', 'attention', 'spiders', 'projects', 'jobs', 'nodes', 'actions'] as const
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
  attention: 5,
  spiders: 5,
  projects: 3,
  jobs: 3,
  nodes: 4,
  actions: 6,
}
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
        ? (wanted === '') === (group === 'recent' || group === 'attention') || (wanted === '' && group === 'actions')
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
  const plain = (text: string): TextPart[] => [{ text, hit: false }]
  const byTitle = matchText(item.title, query, pinyin)
  if (byTitle !== null) return { item, title: byTitle.parts, detail: plain(item.detail), score: byTitle.score }
  const byDetail = matchText(item.detail, query, pinyin)
  if (byDetail !== null) return { item, title: plain(item.title), detail: byDetail.parts, score: byDetail.score / 10 }
  const byWord = (item.keywords ?? []).some((word) => word.toLowerCase().includes(query.toLowerCase()))
  return byWord ? { item, title: plain(item.title), detail: plain(item.detail), score: 1 } : null
}
