// @vitest-environment node
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { curlCommand, type CurlJob } from '../../../src-renderer/domain/curl.ts'

const job = (change: Partial<CurlJob> = {}): CurlJob => ({
  project: 'newspapers',
  spider: 'sina_finance',
  args: [],
  settings: [],
  node: null,
  priority: 0,
  ...change,
})

describe('curlCommand', () => {
  it('says what schedule.json needs, over lines that can be read', () => {
    const text = curlCommand(
      'http://10.20.0.10:6800/',
      'operator',
      job({
        args: [
          ['since', '2026-11-22'],
          ['channel', 'roll,live'],
        ],
        settings: [['CONCURRENT_REQUESTS', '32']],
        priority: 5,
        node: 'crawl-02',
      }),
    )
    expect(text).toBe(
      [
        'curl http://10.20.0.10:6800/schedule.json -u operator \\',
        '  -d project=newspapers -d spider=sina_finance -d since=2026-11-22 \\',
        '  -d channel=roll,live -d setting=CONCURRENT_REQUESTS=32 -d priority=5 \\',
        '  -d node=crawl-02',
      ].join('\n'),
    )
  })

  it.each([['it\'s $(date) "x" `y` \\ & ; \n end'], ['人民日报 100% + 1=2'], ['-d'], ['']])(
    'reaches the server as it was typed: %j',
    (value) => {
      const text = curlCommand('http://h/', null, job({ spider: value, args: [['a', value]] }))
      // What a shell makes of it, one word a line in JSON; then what curl would send.
      const script = `const out = process.argv.slice(1); console.log(JSON.stringify(out))`
      const words = JSON.parse(
        execFileSync('sh', ['-c', text.replace(/^curl/, 'exec "$0" -e "$1" --'), process.execPath, script], {
          encoding: 'utf8',
        }),
      ) as string[]
      const form = new URLSearchParams(
        words
          .flatMap((word, index) =>
            words[index - 1] === '-d' ? [word] : words[index - 1] === '--data-urlencode' ? [encode(word)] : [],
          )
          .join('&'),
      )
      expect(form.get('spider')).toBe(value)
      expect(form.get('a')).toBe(value)
    },
  )
})

function encode(word: string): string {
  const at = word.indexOf('=')
  return `${word.slice(0, at)}=${encodeURIComponent(word.slice(at + 1))}`
}
