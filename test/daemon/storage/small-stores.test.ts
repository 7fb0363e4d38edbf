import { describe, expect, it } from 'vitest'
import { newKey } from '../../../src-daemon/storage/key.ts'
import { jobKey } from '../../../src-daemon/api/contract/values.ts'
import { openLedger } from '../../helpers/ledger-parts.ts'

const HOUR = 3_600_000

describe('newKey', () => {
  it('sorts by time and never repeats', () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => newKey(1_000_000_000_000 + i * 37_000_000))

    expect(keys).toEqual(keys.toSorted())
    expect(new Set(Array.from({ length: 2_000 }, () => newKey(5))).size).toBe(2_000)
    for (const key of keys.slice(0, 50)) expect(jobKey.parse(key)).toHaveLength(26)
  })
})

describe('RequestStore', () => {
  it('keeps the first answer for 24 hours', async () => {
    const { requests, writer } = openLedger()
    await writer.write(() => requests.remember('k', '{"a":1}', 0))

    expect(requests.reply('k', 24 * HOUR - 1)).toBe('{"a":1}')
    expect(requests.reply('k', 24 * HOUR)).toBeNull()
    expect(requests.reply('other', 0)).toBeNull()
  })

  it('forgets what is older, so many at a time', async () => {
    const { requests, writer, db } = openLedger()
    await writer.write(() => {
      for (let i = 0; i < 10; i++) requests.remember(`k${i}`, '{}', i * HOUR)
    })

    expect(await writer.write(() => requests.prune(30 * HOUR, 4))).toBe(4)
    expect(await writer.write(() => requests.prune(30 * HOUR, 100))).toBe(3)
    expect(db.prepare('SELECT count(*) FROM requests').pluck().get()).toBe(3)
  })
})

describe('RevocationStore', () => {
  it('keeps the highest attempt of a key', async () => {
    const { revocations, writer } = openLedger()
    expect(revocations.attempt('k')).toBe(0)
    await writer.write(() => revocations.put('k', 3, 1))
    await writer.write(() => revocations.put('k', 2, 2))

    expect(revocations.attempt('k')).toBe(3)
    expect(await writer.write(() => revocations.prune(2, 10))).toBe(0)
    expect(await writer.write(() => revocations.prune(3, 10))).toBe(1)
    expect(revocations.attempt('k')).toBe(0)
  })
})

describe('MetaStore', () => {
  it('keeps values over a restart, and removes them', async () => {
    const first = openLedger()
    await first.writer.write(() => first.meta.set('a', '1'))
    await first.writer.write(() => first.meta.set('b', '2'))
    await first.writer.write(() => first.meta.set('a', null))
    first.close()
    const second = openLedger({ dir: first.dir })

    expect([second.meta.get('a'), second.meta.get('b')]).toEqual([null, '2'])
  })
})
