import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DirectoryTraversalError } from '../../../src-daemon/errors.ts'
import { isLocalItemsDir, newToken, runFolder, runSpecOf, type JobFolders } from '../../../src-daemon/jobs/run-spec.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'

const FOLDERS: JobFolders = { logsDir: '/l', itemsDir: null, jobsDir: null, runsDir: '/r' }
const CODE = {
  projectDir: '/p',
  settingsModule: 'news.settings',
  python: '/py',
  spiderModule: 'news.herald',
  codeVersion: 'abc',
}
const OPTIONS = { nodeName: 'n1', runnerModule: null, warm: 'auto' } as const

function specOf(row: Partial<Parameters<typeof newRow>[0]> = {}, folders: Partial<JobFolders> = {}) {
  const { jobs } = openLedger()
  const job = newRow({ state: 'starting', id: 'daily', attempt: 2, token: 'secret', ...row })
  jobs.insert(job)
  return runSpecOf(jobs.get(job.key)!, CODE, { ...FOLDERS, ...folders }, OPTIONS)
}

describe('runSpecOf', () => {
  it('tells the runner everything', () => {
    const spec = specOf({ args: '{"tag":"a"}', settings: '{"LOG_LEVEL":"INFO"}' })

    expect(spec).toMatchObject({
      ...CODE,
      ...OPTIONS,
      attempt: 2,
      token: 'secret',
      jobId: 'daily',
      args: { tag: 'a' },
      settings: { LOG_LEVEL: 'INFO', LOG_FILE: '/l/news/herald/daily.log' },
      runDir: `/r/${spec.key}.2`,
    })
    expect(spec.settings).not.toHaveProperty('FEEDS')
    expect(spec.settings).not.toHaveProperty('JOBDIR')
  })

  it("puts the daemon's own settings over those of the request", () => {
    const settings = JSON.stringify({ LOG_FILE: '/etc/passwd', FEEDS: '{}', JOBDIR: '/tmp' })
    const spec = specOf({ settings }, { itemsDir: '/i', jobsDir: '/j' })

    expect(spec.settings).toEqual({
      LOG_FILE: '/l/news/herald/daily.log',
      FEEDS: '{"file:///i/news/herald/daily.jl":{"format":"jsonlines"}}',
      JOBDIR: '/j/news/herald/daily',
    })
  })

  it('leaves a name in the URI of a feed as it is: versions of Scrapy differ in what a percent sign means', () => {
    const spider = '新聞 <"1"> [2];&'
    const { [`file:///i/news/${spider}/daily.jl`]: feed } = JSON.parse(
      String(specOf({ spider }, { itemsDir: '/i' }).settings['FEEDS']),
    ) as Record<string, unknown>
    expect(feed).toEqual({ format: 'jsonlines' })
    expect(specOf({ spider: 'a?b#c' }, { itemsDir: '/i' }).settings['FEEDS']).toContain('/a%%3Fb%%23c/daily.jl')
  })

  it('escapes names in URIs, not in paths, and % twice: Scrapy fills parameters into the URI of a feed', () => {
    const spider = '新聞 100%'
    expect(specOf({ spider }, { itemsDir: '/i' }).settings['FEEDS']).toContain('file:///i/news/新聞 100%%25/daily.jl')
    expect(specOf({ spider }, { itemsDir: 's3://bucket/items/' }).settings['FEEDS']).toBe(
      '{"s3://bucket/items/news/%%E6%%96%%B0%%E8%%81%%9E%%20100%%25/daily.jl":{"format":"jsonlines"}}',
    )
    expect(specOf({ spider }).settings['LOG_FILE']).toBe(join('/l/news', spider, 'daily.log'))
  })

  it.each([{ spider: '../x' }, { spider: 'a/b' }, { spider: '..' }, { project: '.' }])('refuses %j', (row) => {
    expect(() => specOf(row)).toThrow(DirectoryTraversalError)
  })
})

describe('run folders', () => {
  it('are named by key and attempt', () => {
    expect(runFolder(FOLDERS, { key: 'abc', attempt: 3 })).toBe('/r/abc.3')
  })

  it('have tokens that cannot be guessed', () => {
    expect(newToken()).toMatch(/^[0-9a-f]{32}$/)
    expect(newToken()).not.toBe(newToken())
  })
})

describe('isLocalItemsDir', () => {
  it.each([
    ['/var/items', true],
    ['items', true],
    ['C:\\items', true],
    ['s3://bucket', false],
    ['ftp://host/dir', false],
  ])('%s: %s', (dir, expected) => {
    expect(isLocalItemsDir(dir)).toBe(expected)
  })
})
