import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { Sessions } from '../../../src-daemon/api/sessions.ts'

it('a session ends by itself after a week', () => {
  let now = Date.parse('2026-01-01')
  const sessions = new Sessions({ instance: 'i', secret: Buffer.alloc(32), credentials: 'a:b', now: () => now })
  const cookie = sessions.create('', false).split(';')[0]
  const request = { headers: { cookie } } as IncomingMessage
  expect(sessions.isValid(request)).toBe(true)
  now += 7 * 24 * 3_600_000 - 1
  expect(sessions.isValid(request)).toBe(true)
  now += 1
  expect(sessions.isValid(request)).toBe(false)
})

it('two instances name their cookies differently', () => {
  const name = (instance: string) => new Sessions({ instance, secret: Buffer.alloc(32), credentials: '' }).cookieName
  expect(name('a')).not.toBe(name('b'))
})
