import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

interface Chapter {
  readonly title: string
  readonly blocks: readonly string[]
}

/** The chapters of a README with their code blocks, without the comments, which are in the reader's language. */
function chaptersOf(file: string): Chapter[] {
  const chapters = readFileSync(join(root, file), 'utf8').split(/^## /m).slice(1)
  return chapters.map((chapter) => ({
    title: chapter.split('\n', 1)[0]!,
    blocks: [...chapter.matchAll(/^```\w+\n.*?^```$/gms)].map(([block]) => block.replaceAll(/[ \t]+# .*$/gm, '')),
  }))
}

const english = chaptersOf('README.md')
const chinese = chaptersOf('README.zh-CN.md')
/** Its example is a spider that has a name in the reader's language. */
const OWN_EXAMPLES = 'The API'

describe('the Chinese README', () => {
  it('has the same chapters', () => {
    expect(chinese).toHaveLength(english.length)
    expect(english.some(({ blocks }) => blocks.join().includes('slave_hosts'))).toBe(true)
  })

  const pairs = english.map((chapter, index) => [chapter.title, chapter.blocks, chinese[index]?.blocks] as const)

  it.each(pairs.filter(([title]) => title !== OWN_EXAMPLES))('has the same commands in "%s"', (_, blocks, others) => {
    expect(others).toEqual(blocks)
  })
})
