import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { Sessions, type SignedOut } from '../../../src-daemon/api/sessions.ts'

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

it('a session that was signed out stays so in the next process', async () => {
  let kept: SignedOut = []
  const signedOut = { load: () => kept, save: (all: SignedOut) => Promise.resolve(void (kept = all)) }
  let now = Date.parse('2026-01-01')
  const start = () =>
    new Sessions({ instance: 'i', secret: Buffer.alloc(32), credentials: 'a:b', signedOut, now: () => now })
  const first = start()
  const [ended, other] = [first, first].map((sessions) => {
    const cookie = sessions.create('', false).split(';')[0]
    return { headers: { cookie } } as IncomingMessage
  })
  await first.end(ended!, '', false)
  for (const sessions of [first, start()]) {
    expect([ended!, other!].map((request) => sessions.isValid(request))).toEqual([false, true])
  }
  // What has expired anyway is not kept, and what is not a session of ours never.
  now += 8 * 24 * 3_600_000
  await first.end(ended!, '', false)
  await first.end({ headers: { cookie: `${first.cookieName}=zzzzzzzzzz.x.y` } } as IncomingMessage, '', false)
  expect(kept.length).toBe(1)
  const cookie = first.create('', false).split(';')[0]
  await first.end({ headers: { cookie } } as IncomingMessage, '', false)
  expect(kept.length).toBe(1)
})

it('a prolonged session is the same one, and one that an older version signed out stays so', async () => {
  let now = Date.parse('2026-01-01')
  let kept: SignedOut = []
  const signedOut = { load: () => kept, save: (all: SignedOut) => Promise.resolve(void (kept = all)) }
  const start = () =>
    new Sessions({ instance: 'i', secret: Buffer.alloc(32), credentials: 'a:b', signedOut, now: () => now })
  const asked = (cookie: string | null) => ({ headers: { cookie: cookie?.split(';')[0] } }) as IncomingMessage
  const sessions = start()
  const first = asked(sessions.create('', false))
  now += 6 * 24 * 3_600_000
  const second = asked(sessions.prolong(first, '', false))
  now += 2 * 24 * 3_600_000
  expect([first, second].map((request) => sessions.isValid(request))).toEqual([false, true])
  expect(sessions.prolong(first, '', false)).toBeNull()

  const other = asked(sessions.create('', false))
  const [body] = /(?<==)[^.]+\.[^.]+/.exec(other.headers.cookie ?? '') ?? []
  kept = [[body ?? '', now + 1_000]]
  expect([other, second].map((request) => start().isValid(request))).toEqual([false, true])
})
