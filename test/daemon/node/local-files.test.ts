import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FileNotFoundError, JobNotFoundError } from '../../../src-daemon/errors.ts'
import { LocalFiles } from '../../../src-daemon/node/local-files.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'
import { until } from '../../helpers/until.ts'

function openFiles(itemsDir?: string | null) {
  const parts = openLedger()
  const folders = {
    logsDir: join(parts.dir, 'logs'),
    itemsDir: itemsDir === undefined ? join(parts.dir, 'items') : itemsDir,
    jobsDir: null,
    runsDir: join(parts.dir, 'runs'),
  }
  const insert = (row: Parameters<typeof newRow>[0]) => {
    const job = newRow(row)
    parts.jobs.insert(job)
    return parts.jobs.get(job.key)!
  }
  const write = (...path: string[]) => {
    const file = join(parts.dir, ...path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, 'x')
    return file
  }
  return { ...parts, files: new LocalFiles(folders), insert, write }
}

describe('LocalFiles.url', () => {
  it('is a path of the site, null when the file is gone', () => {
    const { files, write } = openFiles()
    write('logs', 'news', 'herald', 'daily.log')
    write('items', 'news', 'herald', 'daily.jl')

    expect(files.url('log', 'news', 'herald', 'daily', null)).toBe('/logs/news/herald/daily.log')
    expect(files.url('items', 'news', 'herald', 'daily', null)).toBe('/items/news/herald/daily.jl')
    expect(files.url('log', 'news', 'herald', 'other', null)).toBeNull()
    expect(files.url('log', 'news', 'other', 'daily', null)).toBeNull()
  })

  it('is a URL whatever a spider is called', () => {
    const { files, write } = openFiles()
    const spider = '50% off? #1 新聞'
    write('logs', 'news', spider, 'daily.log')

    const url = files.url('log', 'news', spider, 'daily', null)!
    expect(decodeURIComponent(new URL(url, 'http://a').pathname)).toBe(`/logs/news/${spider}/daily.log`)
  })

  it('sees soon what was written meanwhile', async () => {
    const { files, write } = openFiles()
    expect(files.url('log', 'news', 'herald', 'daily', null)).toBeNull()
    write('logs', 'news', 'herald', 'daily.log')
    await until('the file is seen', () => files.url('log', 'news', 'herald', 'daily', null))

    write('logs', 'news', 'herald', 'second.log')
    await until('the second is seen', () => files.url('log', 'news', 'herald', 'second', null))
    expect(files.url('log', 'news', 'herald', 'third', null)).toBeNull()
  })

  it.each([null, 's3://bucket/items'])('has no items when they go to %s', (itemsDir) => {
    const { files } = openFiles(itemsDir)

    expect([files.itemsDir, files.url('items', 'news', 'herald', 'daily', null)]).toEqual([null, null])
  })
})

describe('LocalFiles.of', () => {
  it('gives what exists; the log of a running job is about to', () => {
    const { files, insert, write } = openFiles()
    const running = insert({ state: 'running', id: 'a' })
    const finished = insert({ state: 'finished', id: 'b' })
    expect(files.of(running)).toEqual({ log: files.logPath(running), items: null, output: null })
    expect(files.of(finished)).toEqual({ log: null, items: null, output: null })

    const paths = {
      log: write('logs', 'news', 'herald', 'b.log'),
      items: write('items', 'news', 'herald', 'b.jl'),
      output: write('runs', `${finished.key}.1`, 'output'),
    }
    expect(files.of(finished)).toEqual(paths)
  })

  it('has no files of a name that cannot be a file', () => {
    const { files, insert } = openFiles()

    expect(files.of(insert({ state: 'finished', spider: '../../etc', id: 'passwd' }))).toEqual({
      log: null,
      items: null,
      output: null,
    })
  })
})

describe('LocalFiles.requireLog and requireItems', () => {
  it('give paths of files that are there', () => {
    const { files, insert, write } = openFiles()
    const row = insert({ state: 'finished', id: 'b' })
    const [log, items] = [write('logs', 'news', 'herald', 'b.log'), write('items', 'news', 'herald', 'b.jl')]

    expect([files.requireLog(row, row.key), files.requireItems(row, row.key)]).toEqual([log, items])
  })

  it('say why there is none', () => {
    const { files, insert, dir } = openFiles()
    const row = insert({ state: 'finished', id: 'b' })
    expect(() => files.requireLog(null, 'k')).toThrow(JobNotFoundError)
    expect(() => files.requireItems(null, 'k')).toThrow(JobNotFoundError)
    expect(() => files.requireLog(row, row.key)).toThrow(/gone \(jobs_to_keep/)
    expect(() => files.requireLog(insert({ state: 'finished', started_at: null }), 'k')).toThrow(/it was not started/)
    expect(() => files.requireItems(row, row.key)).toThrow(FileNotFoundError)
    expect(() => openFiles(null).files.requireItems(row, row.key)).toThrow(/items_dir is not set/)
    // A folder in the place of a log is none.
    mkdirSync(join(dir, 'logs', 'news', 'herald', 'b.log'), { recursive: true })
    expect(() => files.requireLog(row, row.key)).toThrow(FileNotFoundError)
    rmSync(join(dir, 'logs'), { recursive: true })
  })
})
