import type { Job, LogIndex, LogMatch, RatePoint } from '../../src-daemon/api/contract/values.ts'

const encoder = new TextEncoder()
const TITLES = [
  ['前三季度社会物流总额同比增长5.4%', '新华社'],
  ['国际油价小幅收涨', '新浪财经'],
  ['央行开展2000亿元逆回购操作', '新华财经'],
  ['新能源车企11月交付数据陆续公布', '财联社'],
  ['两部门：支持符合条件的企业发行REITs', '证券时报'],
] as const
const STEP = 64

/** The log of a job of the sample cluster: made up, but in Scrapy's words. */
export function sampleLog(job: Job): string {
  const end = Date.parse(job.ended_at ?? new Date().toISOString())
  const count = job.exit_code === 1 ? 0 : 600
  const start = job.exit_code === 1 ? end - 2_000 : end - count * 2_000
  const time = (at: number) => {
    const date = new Date(at)
    const two = (n: number) => String(n).padStart(2, '0')
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
    return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  }
  const lines = [
    `${time(start)} [scrapy.utils.log] INFO: Scrapy 2.13.3 started (bot: ${job.project})`,
    `${time(start)} [scrapy.utils.log] INFO: Versions: lxml 5.3.0, Twisted 24.11.0, Python 3.12.4, Platform Linux-6.1`,
    `${time(start)} [scrapy.addons] INFO: Enabled addons: []`,
    `${time(start + 500)} [scrapy.crawler] INFO: Overridden settings: {'BOT_NAME': '${job.project}', 'CONCURRENT_REQUESTS': 32}`,
  ]
  if (job.exit_code === 1) return [...lines, ...traceback(), ''].join('\n')
  for (let index = 0; index < count; index += 1) {
    const at = time(start + index * 2_000)
    const page = 881_000 + index
    const [title, source] = TITLES[index % TITLES.length] ?? TITLES[0]
    lines.push(
      `${at} [scrapy.core.engine] DEBUG: Crawled (200) <GET https://finance.sina.example/roll/doc-${page}.html> (referer: None)`,
      `${at} [scrapy.core.scraper] DEBUG: Scraped from <200 https://finance.sina.example/roll/doc-${page}.html>`,
      `{'title': '${title}', 'source': '${source}', 'words': ${200 + (index % 300)}}`,
    )
    if (index % 30 === 12)
      lines.push(
        `${at} [scrapy.extensions.logstats] INFO: Crawled ${index * 30} pages (at 612 pages/min), scraped ${index * 20} items (at 431 items/min)`,
      )
    if (index % 47 === 20)
      lines.push(
        `${at} [${job.project}.pipelines] WARNING: Dropped duplicate: 沪指午后震荡走低 创业板指跌逾1% (seen 4 min ago)`,
      )
    if (index % 53 === 10 || index === count - 6)
      lines.push(
        `${at} [scrapy.core.scraper] ERROR: Spider error processing <GET https://finance.sina.example/live/${page}.html> (referer: None)`,
        'Traceback (most recent call last):',
        `  File "${job.project}/spiders/${job.spider}.py", line 84, in parse_live`,
        "    published = datetime.strptime(text, '%Y年%m月%d日 %H:%M')",
        "ValueError: time data '刚刚' does not match format '%Y年%m月%d日 %H:%M'",
      )
  }
  return `${lines.join('\n')}\n`
}

function traceback(): string[] {
  return [
    'Traceback (most recent call last):',
    '  File "scrapyd_service/runner.py", line 118, in run_spider',
    '    crawler.crawl(spider, **arguments)',
    '  File "scrapy/spiderloader.py", line 106, in load',
    '    module = import_module(name)',
    '  File "newspapers/spiders/xinhua_finance.py", line 6, in <module>',
    '    from newspapers.dates import parse_relative',
    '  File "newspapers/dates.py", line 3, in <module>',
    '    from dateutil import tz',
    "ModuleNotFoundError: No module named 'dateutil'",
  ]
}

interface Placed {
  readonly offset: number
  readonly line: number
  readonly text: string
  readonly level: string
  readonly begins: boolean
}

function placed(log: string): Placed[] {
  let offset = 0
  let level = 'INFO'
  return log
    .split('\n')
    .slice(0, -1)
    .map((text, line) => {
      const own = /\] ([A-Z]+):/.exec(text)?.[1]
      if (own !== undefined) level = own
      const row = { offset, line, text, level, begins: own !== undefined }
      offset += encoder.encode(text).length + 1
      return row
    })
}

/** What the daemon would say of such a log. */
export function sampleLogIndex(log: string): LogIndex {
  const lines = placed(log)
  const size = encoder.encode(log).length
  const levels = { CRITICAL: 0, ERROR: 0, WARNING: 0, INFO: 0, DEBUG: 0 }
  const map = Array.from({ length: 200 }, () => ({ errors: 0, warnings: 0 }))
  for (const { begins, level, offset } of lines) {
    if (!begins) continue
    levels[level as keyof typeof levels] += 1
    const cell = map[Math.min(199, Math.floor((offset / size) * 200))]
    if (cell !== undefined && level === 'ERROR') cell.errors += 1
    if (cell !== undefined && level === 'WARNING') cell.warnings += 1
  }
  const first = lines.find(({ text, level }) => level === 'ERROR' || text.startsWith('Traceback'))
  return {
    size,
    indexed: size,
    lines: lines.length,
    levels,
    first_error: first === undefined ? null : { line: first.line, offset: first.offset },
    map,
    step: STEP,
    offsets: lines.filter(({ line }) => line % STEP === 0).map(({ offset }) => offset),
  }
}

export function sampleLogMatches(log: string, query: URLSearchParams): LogMatch[] {
  const q = (query.get('q') ?? '').toLowerCase()
  const levels = query.getAll('level')
  const from = Number(query.get('from') ?? 0)
  return placed(log)
    .filter(
      ({ offset, text, level }) =>
        offset >= from && text.toLowerCase().includes(q) && (levels.length === 0 || levels.includes(level)),
    )
    .map(({ offset, line, text, level }) => ({ offset, line, level, text }))
}

/** The last half hour of a job that runs. */
export function sampleRates(now = Date.now()): RatePoint[] {
  return Array.from({ length: 60 }, (_, index) => ({
    at: new Date(now - (60 - index) * 30_000).toISOString(),
    pages: Math.round(Math.min(1, (index + 4) / 14) * (600 + 40 * Math.sin(index * 1.3))),
    items: Math.round(Math.min(1, (index + 3) / 14) * (430 + 30 * Math.sin(index * 1.9))),
    errors: index % 13 === 7 ? 1 : index === 35 ? 4 : 0,
  }))
}

export function sampleStats(job: Job): Record<string, unknown> {
  const pages = job.pages ?? 0
  return {
    'downloader/request_count': pages + 312,
    'downloader/response_status_count/200': Math.round(pages * 0.976),
    'downloader/response_status_count/404': Math.round(pages * 0.019),
    'downloader/response_status_count/503': Math.round(pages * 0.005),
    'downloader/response_bytes': pages * 21_480,
    item_scraped_count: job.items ?? 0,
    'log_count/DEBUG': 31_204,
    'log_count/ERROR': job.errors ?? 0,
    'log_count/WARNING': 38,
    response_received_count: pages,
    'retry/count': 96,
    'scheduler/enqueued': pages + 480,
  }
}

export function sampleItems(): unknown[] {
  return Array.from({ length: 40 }, (_, index) => {
    const [title, source] = TITLES[index % TITLES.length] ?? TITLES[0]
    return {
      title,
      source,
      published: `2026-11-22T${String(8 + (index % 14)).padStart(2, '0')}:05:00+08:00`,
      section: index % 3 === 0 ? 'roll' : 'live',
      words: 200 + ((index * 37) % 300),
      url: `https://finance.sina.example/roll/doc-${881_000 + index}.html`,
      tags: ['财经', source],
    }
  })
}
