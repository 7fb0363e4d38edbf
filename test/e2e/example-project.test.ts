import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testPython } from '../helpers/setup-python.ts'

const project = join(import.meta.dirname, '../../examples/newspapers')

let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'newspapers-'))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function scrapy(...args: string[]): Promise<{ stdout: string; log: string; code: number }> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' }
  try {
    const { stdout, stderr } = await promisify(execFile)(testPython(), ['-m', 'scrapy', ...args], { cwd: project, env })
    return { stdout, log: stderr, code: 0 }
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number }
    return { stdout, log: stderr, code }
  }
}

type Article = Record<'title' | 'author' | 'published' | 'section' | 'body' | 'url', string>

async function crawl(spider: string, ...args: string[]): Promise<{ articles: Article[]; log: string; code: number }> {
  const feed = join(dir, `${spider}.jsonl`)
  const { log, code } = await scrapy('crawl', spider, '-O', feed, ...args)
  const lines = readFileSync(feed, 'utf8').split('\n').filter(Boolean)
  return { articles: lines.map((line) => JSON.parse(line) as Article), log, code }
}

describe('examples/newspapers', () => {
  it('lists its spiders', async () => {
    const { stdout } = await scrapy('list')
    expect(stdout.trim().split('\n')).toEqual([
      'broken_press',
      'harbour_feed',
      'harbour_times',
      'night_ticker',
      'patchy_gazette',
      'qingshi_evening',
      'river_post',
      '云溪日报',
    ])
  })

  it.each([
    ['harbour_times', 5],
    ['harbour_feed', 5],
    ['river_post', 8],
    ['云溪日报', 5],
    ['qingshi_evening', 3],
    ['patchy_gazette', 2],
  ])('reads the articles of %s', async (spider, count) => {
    const { articles, code } = await crawl(spider)
    expect(code).toBe(0)
    expect(articles).toHaveLength(count)
    for (const article of articles) {
      expect(Object.values(article).every((value) => value !== '')).toBe(true)
      expect(article.published).toMatch(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?$/)
      expect(article.author).not.toMatch(/^By|^记者|^作者|[:：]/)
    }
  })

  it('takes the arguments of river_post', async () => {
    const { articles } = await crawl('river_post', '-a', 'section=sport', '-a', 'limit=2')
    expect(articles.map((article) => article.section)).toEqual(['sport', 'sport'])
  })

  it('logs the errors of patchy_gazette', async () => {
    const { log } = await crawl('patchy_gazette')
    expect(log).toContain("'log_count/ERROR': 3")
    expect(log).toContain('torn-out.html')
    expect(log).toContain('no date in')
  })

  it('logs steadily in night_ticker, until its time is over', async () => {
    const { articles, log } = await crawl('night_ticker', '-a', 'duration=1', '-a', 'rate=10')
    expect(articles.length).toBeGreaterThan(1)
    expect(log).toContain(`The night is over after ${articles.length} looks`)
  })

  it('fails in broken_press', async () => {
    const { code, log } = await scrapy('crawl', 'broken_press')
    expect(code).toBe(1)
    expect(log).toContain('the printing press is out of order')
  })
})
