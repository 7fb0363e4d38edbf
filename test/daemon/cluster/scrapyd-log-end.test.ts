import { expect, it } from 'vitest'
import { readLogEnd } from '../../../src-daemon/cluster/scrapyd-log-end.ts'

const LOG = `2026-07-01 10:00:00 [scrapy.statscollectors] INFO: Dumping Scrapy stats:
{'downloader/request_bytes': 1841,
 'elapsed_time_seconds': 0.25,
 'finish_reason': 'finished',
 'finish_time': datetime.datetime(2026, 7, 1, 10, 0, 0, 1, tzinfo=datetime.timezone.utc),
 'item_scraped_count': 5,
 'log_count/ERROR': 3,
 'response_received_count': 6}
2026-07-01 10:00:00 [scrapy.core.engine] INFO: Spider closed (finished)
`

it('reads the stats and the reason', () => {
  expect(readLogEnd(LOG)).toEqual({
    finishReason: 'finished',
    stats: expect.objectContaining({
      'downloader/request_bytes': 1841,
      elapsed_time_seconds: 0.25,
      item_scraped_count: 5,
      'log_count/ERROR': 3,
      response_received_count: 6,
    }),
  })
})

it.each([
  ['a log without an end', LOG.slice(0, 60).replace('Dumping', 'x'), { finishReason: null, stats: null }],
  ['nothing', '', { finishReason: null, stats: null }],
  ['a log with the reason only', ' INFO: Spider closed (shutdown)', { finishReason: 'shutdown', stats: null }],
  [
    'a dump that was cut off',
    "Dumping Scrapy stats:\n{'item_scraped_count': 5,\n 'log_co",
    { finishReason: null, stats: { item_scraped_count: 5 } },
  ],
])('makes do with %s', (_what, text, expected) => {
  expect(readLogEnd(text)).toEqual(expected)
})
