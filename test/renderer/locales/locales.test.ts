// @vitest-environment node
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parse, type SFCTemplateBlock } from 'vue/compiler-sfc'
import { describe, expect, it } from 'vitest'
import { en } from '../../../src-renderer/locales/en.ts'
import { zhCN } from '../../../src-renderer/locales/zh-CN.ts'

const SOURCES = join(import.meta.dirname, '../../../src-renderer')

type Tree = { readonly [key: string]: string | Tree }

function leaves(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[path + key, value] as [string, string]] : leaves(value, `${path}${key}.`),
  )
}

const english = new Map(leaves(en as unknown as Tree))
const chinese = new Map(leaves(zhCN as unknown as Tree))
const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(vue|ts)$/.test(file) && !file.startsWith('locales'))
  .map((file) => ({ file, text: readFileSync(join(SOURCES, file), 'utf8') }))

const placeholders = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].toSorted()

describe('the locale files', () => {
  it('have the same keys', () => {
    expect([...chinese.keys()]).toEqual([...english.keys()])
  })

  it('use no placeholder in Chinese that English does not give', () => {
    for (const [key, text] of chinese) {
      const known = placeholders(english.get(key) ?? '')
      expect({ key, unknown: placeholders(text).filter((name) => !known.includes(name)) }).toEqual({ key, unknown: [] })
    }
  })

  it('have a word for every key that the console asks for', () => {
    const asked = files.flatMap(({ file, text }) =>
      [...text.matchAll(/(?<![\w.])t\(\s*'([^']+)'/g)].map(([, key]) => ({ file, key: key ?? '' })),
    )
    expect(asked.length).toBeGreaterThan(300)
    expect(asked.filter(({ key }) => !english.has(key))).toEqual([])
  })

  it('have words below every key that is put together', () => {
    const prefixes = files.flatMap(({ text }) =>
      [...text.matchAll(/(?<![\w.])t\(\s*`([\w.]+)\.\$\{/g)].map(([, prefix]) => prefix ?? ''),
    )
    const missing = [...new Set(prefixes)].filter(
      (prefix) => ![...english.keys()].some((key) => key.startsWith(`${prefix}.`)),
    )
    expect(missing).toEqual([])
  })

  it('keep to the words of the design: no filler, no exclamation marks, 取消 only for jobs', () => {
    for (const text of english.values()) expect(text).not.toMatch(/successfully|please|oops|!$/i)
    for (const text of chinese.values()) expect(text).not.toMatch(/请(?!求)|你|！/)
    const cancels = [...chinese].filter(
      ([key, text]) => text.includes('取消') && !/cancel|^reason|^state|^legend|removeJobs/i.test(key),
    )
    expect(cancels).toEqual([])
  })

  it('put a space between Han and Latin or digits', () => {
    const tight = [...chinese].filter(
      ([key, text]) => !key.startsWith('palette.') && /[一-鿿][A-Za-z0-9]|[A-Za-z0-9][一-鿿]/.test(text),
    )
    expect(tight).toEqual([])
  })
})

type TemplateNode = NonNullable<SFCTemplateBlock['ast']>['children'][number]
/** Kinds of nodes in a template's tree, as Vue's compiler numbers them. */
const ELEMENT = 1
const TEXT = 2
const ATTRIBUTE = 6

/** Words of a template that an operator would read: texts, and attributes that are shown or spoken. */
const SPOKEN = new Set([
  'title',
  'aria-label',
  'placeholder',
  'alt',
  'label',
  'data-tip',
  'data-tip-cut',
  'data-tip-narrow',
])
/** Names that are the same in every language, and examples of what is typed. */
const NAMES = new Set(['Scrapyd', 'Python', 'Scrapy', '/srv/crawl/newspapers', '10.20.0.23:6800', 'slave_hosts'])

function spokenWords(node: TemplateNode, found: string[], inKeys = false): void {
  if (node.type === TEXT && !inKeys) found.push(node.content.trim())
  if (node.type !== ELEMENT) return
  for (const attribute of node.props) {
    if (attribute.type === ATTRIBUTE && SPOKEN.has(attribute.name)) found.push(attribute.value?.content ?? '')
  }
  for (const child of node.children) spokenWords(child, found, inKeys || node.tag === 'kbd')
}

describe('the templates', () => {
  const templates = files.filter(({ file }) => file.endsWith('.vue'))

  it.each(templates.map(({ file, text }) => [relative('.', file), text]))('%s has no words of its own', (_, text) => {
    const ast = parse(text).descriptor.template?.ast
    const found: string[] = []
    for (const child of ast?.children ?? []) spokenWords(child, found)
    expect(found.filter((words) => /\p{L}{2}/u.test(words) && !NAMES.has(words))).toEqual([])
  })

  it('use neither style attributes nor v-html, which the policy of the page forbids', () => {
    for (const { file, text } of templates) {
      const template = parse(text).descriptor.template?.content ?? ''
      expect({ file, bad: template.match(/\sstyle="|v-html|innerHTML/)?.[0] }).toEqual({ file, bad: undefined })
    }
  })

  it('get their words from the locale files in the scripts, too', () => {
    const own = files.flatMap(({ file, text }) =>
      [
        ...text.matchAll(
          /(?:toasts\.(?:done|error)\(\s*|\b(?:title|text|label|yes|no|placeholder|busyText|tip): ?)(['`])([^'`$]*\p{L}{2}[^'`$]*)\1/gu,
        ),
      ]
        .map(([, , words]) => ({ file, words: words ?? '' }))
        .filter(({ words }) => !NAMES.has(words) && !words.startsWith('--')),
    )
    expect(own).toEqual([])
  })

  it('keep Chinese words in the locale files', () => {
    const own = files.filter(({ text }) =>
      /[一-鿿]/.test(text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|简体中文/g, '').replaceAll(/\[㐀-鿿\]\+?/g, '')),
    )
    expect(own.map(({ file }) => file)).toEqual([])
  })
})
