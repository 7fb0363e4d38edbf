import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ListedSpider, SpiderListing } from '../runner/run.ts'
import type { ResolvedProject } from './project-registry.ts'
import type { Sources } from './source-fingerprint.ts'

/** The spiders of a project as they were found, with the state of the code at that time. */
export interface SpiderList {
  readonly listing: SpiderListing
  /** Milliseconds since 1970. */
  readonly listedAt: number
  /** Of the code that the list was made from; null when it changed meanwhile: good for one answer only. */
  readonly fingerprint: string | null
}

/** Names what a list was made from; the list of another place says nothing. */
export function placeOf({ projectDir, settingsModule, python }: ResolvedProject): string {
  return createHash('sha256')
    .update([projectDir, settingsModule, python ?? ''].join('\0'))
    .digest('base64url')
    .slice(0, 22)
}

/** What to watch while there is no list: `scrapy.cfg` and the package of the settings. */
export function guessedSources({ projectDir, settingsModule }: ResolvedProject): Sources {
  const parts = settingsModule.split('.')
  const folder = join(projectDir, ...parts.slice(0, -1))
  const settings = join(folder, `${parts.at(-1) ?? 'settings'}.py`)
  const isPackaged = parts.length > 1
  return {
    files: [join(projectDir, 'scrapy.cfg'), settings],
    folders: isPackaged ? [folder, join(folder, 'spiders')] : [],
  }
}

/**
 * The only module that has to be imported to run a spider: when the list knows exactly one spider of that name, and the
 * project uses Scrapy's own loader (another one may make spiders as it likes). null: import them all.
 */
export function moduleOf({ spiders, ownLoader }: SpiderListing, spider: string): string | null {
  if (!ownLoader) return null
  const named = spiders.filter(({ name }) => name === spider)
  return named.length === 1 ? (named[0]?.module ?? null) : null
}

/** Every name once, sorted. Of several spiders with one name Scrapy takes the last. */
export function uniqueSpiders({ spiders }: SpiderListing): readonly ListedSpider[] {
  const byName = new Map(spiders.map((spider) => [spider.name, spider]))
  return byName.size === spiders.length ? spiders : [...byName.values()]
}
