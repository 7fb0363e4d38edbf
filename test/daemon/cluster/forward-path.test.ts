import { describe, expect, it } from 'vitest'
import { mapRedirect, parseForwardPath } from '../../../src-daemon/cluster/forward-path.ts'

describe('parseForwardPath', () => {
  it.each([
    ['/logs/', '/logs/'],
    ['/items/', '/items/'],
    ['/logs', '/logs'],
    ['/logs/p/s/j.log', '/logs/p/s/j.log'],
    ['/logs/p/s/j.log?x=/../..', '/logs/p/s/j.log'],
    ['/logs/p/s/', '/logs/p/s/'],
    ['/logs/%E4%BA%91%E6%BA%AA/a%20b/j.log', '/logs/%E4%BA%91%E6%BA%AA/a%20b/j.log'],
    ["/items/p/it's:(1)/j.jl", "/items/p/it's%3A(1)/j.jl"],
    ['/logs/p/s/100%25.log', '/logs/p/s/100%25.log'],
    ['/logs/p/..s/...', '/logs/p/..s/...'],
  ])('lets %s pass as %s', (path, href) => {
    expect(parseForwardPath(path)?.href).toBe(href)
  })

  it.each([
    '',
    '/',
    '/jobs',
    '/logsx/',
    '/schedule.json',
    '/api/jobs',
    'logs/',
    '//logs/',
    '/logs/../jobs',
    '/logs/p/..',
    '/logs/./p',
    '/logs//p',
    '/logs/p//',
    '/logs/%2e%2e/jobs',
    '/logs/%2E%2e/jobs',
    '/logs/..%2fjobs',
    '/logs/%2e%2e%2fjobs',
    '/logs/%252e%252e/jobs',
    '/logs/..%252fjobs',
    '/logs/..%5cjobs',
    '/logs/..%255cjobs',
    '/logs/..\\jobs',
    '/logs/p%00.log',
    '/logs/p%0d%0aX: y',
    '/logs/%',
    '/logs/%zz',
    '/logs/%c0%ae%c0%ae/',
    '/logs/%ff',
    `/logs/${'x'.repeat(256)}`,
    '/LOGS/p',
    '/%6cogs/p',
  ])('refuses %s', (path) => {
    expect(parseForwardPath(path)).toBeNull()
  })
})

describe('mapRedirect', () => {
  const node = 'http://10.0.0.7:6800'

  it.each([
    ['http://10.0.0.7:6800/logs/p/', '/logs/p', './p/'],
    ['/logs/p/', '/logs/p', './p/'],
    ['p/', '/logs/p', './p/'],
    ['/logs/', '/logs', './logs/'],
    ['/items/p/s/', '/logs/p/s', './../../items/p/s/'],
    ['/logs/a:b/', '/logs/a:b', './a%3Ab/'],
    ['/logs/p/?login=1', '/logs/p', './p/'],
  ])('maps %s, asked for %s, to %s', (location, from, expected) => {
    expect(mapRedirect(location, node, from)).toBe(expected)
  })

  it.each([
    'http://evil.example/logs/',
    '//evil.example/logs/',
    '/jobs',
    '/logs/../jobs',
    'javascript:alert(1)',
    'http://[/',
  ])('refuses %s', (location) => {
    expect(mapRedirect(location, node, '/logs/p')).toBeNull()
  })
})
