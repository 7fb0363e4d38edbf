import { describe, expect, it } from 'vitest'
import { formatSlaveHosts, MASK, parseSlaveHosts } from '../../../src-daemon/config/slave-hosts.ts'

const host = (
  url: string,
  username: string | null = null,
  password: string | null = null,
  maxProc: number | null = null,
) => ({
  url,
  username,
  password,
  maxProc,
})

describe('parseSlaveHosts', () => {
  it.each([
    ['127.0.0.1:6801', host('http://127.0.0.1:6801')],
    ['slave_1:6800', host('http://slave_1:6800')],
    ['[::1]:6800', host('http://[::1]:6800')],
    ['a:6800?max_proc=4', host('http://a:6800', null, null, 4)],
    ['http://u:p@a:6800', host('http://a:6800', 'u', 'p')],
    ['https://u:p%40%2F%25@a:6800/?max_proc=2', host('https://a:6800', 'u', 'p@/%', 2)],
    ['https://a', host('https://a')],
    ['u:p@a:80', host('http://a', 'u', 'p')],
    ['http://u@a:1', host('http://a:1', 'u')],
  ])('reads %s', (entry, expected) => {
    expect(parseSlaveHosts(JSON.stringify([entry]))).toEqual({ hosts: [expected] })
  })

  it.each([
    ['a:1', 'is not JSON'],
    ["['a:1']", 'is not JSON'],
    ['{"a": 1}', 'is not a JSON list of strings'],
    ['[6800]', 'is not a JSON list of strings'],
    ['["a"]', 'has no port'],
    ['["u:123@a"]', 'has no port'],
    ['["a:0"]', 'has port 0'],
    ['["a:99999"]', 'is not a host'],
    ['["::1:6800"]', 'is not a host'],
    ['[""]', 'is not a host'],
    ['["a b:1"]', 'holds a blank'],
    ['["ftp://a:1"]', 'is not http or https'],
    ['["http://a:1/x"]', 'has a path'],
    ['["http://a:1#x"]', 'has a path'],
    ['["http://a:1?maxproc=1"]', "unknown parameter 'maxproc'"],
    ['["http://a:1?max_proc=0"]', 'max_proc=0'],
    ['["http://:p@a:1"]', 'without a user name'],
    ['["http://u:50%@a:1"]', 'write %25'],
    ['["a:1", "http://a:1"]', 'names http://a:1 twice'],
    [`["http://u:${MASK}@a:1"]`, 'has the mask'],
  ])('refuses %s', (text, problem) => {
    expect(parseSlaveHosts(text)).toEqual({ problem: expect.stringContaining(problem) })
  })
})

describe('formatSlaveHosts', () => {
  it('shows everything but passwords', () => {
    const text = formatSlaveHosts([
      host('http://a:1'),
      host('https://b:2', 'u@x', 'secret', 4),
      host('http://[::1]:3', 'u'),
    ])
    expect(JSON.parse(text)).toEqual(['http://a:1', `https://u%40x:${MASK}@b:2?max_proc=4`, 'http://u@[::1]:3'])
  })
})
