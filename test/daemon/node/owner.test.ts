import { describe, expect, it } from 'vitest'
import { ForeignMasterError, Owner } from '../../../src-daemon/node/owner.ts'
import { Pause } from '../../../src-daemon/node/pause.ts'
import { openLedger } from '../../helpers/ledger-parts.ts'

const ONE = { instance: 'master-1', node_name: 'm1' }
const TWO = { instance: 'master-2', node_name: 'm2' }

function open(dir?: string) {
  const parts = openLedger(dir === undefined ? {} : { dir })
  return { ...parts, owner: new Owner(parts.meta, parts.writer), pause: new Pause(parts.meta, parts.writer) }
}

describe('Owner', () => {
  it('is nobody at first, then the master that claims the node; kept over a restart', async () => {
    const first = open()
    expect(first.owner.master).toBeNull()
    first.owner.requireOwner('anybody')
    expect(await first.owner.claim(ONE, false)).toEqual(ONE)
    await first.owner.acknowledge('master-1', 7)
    first.close()
    const { owner } = open(first.dir)

    expect([owner.master, owner.acknowledged]).toEqual([ONE, 7])
  })

  it('refuses another master, and names the one it belongs to', async () => {
    const { owner } = open()
    await owner.claim(ONE, false)

    await expect(owner.claim(TWO, false)).rejects.toThrow(ForeignMasterError)
    await expect(owner.claim(TWO, false)).rejects.toThrow(/'m1' \(master-1\)/)
    await expect(owner.acknowledge('master-2', 5)).rejects.toThrow(ForeignMasterError)
    expect(() => owner.requireOwner('master-2')).toThrow(ForeignMasterError)
    expect(owner.master).toEqual(ONE)
  })

  it('belongs to one of two masters that claim it in the same turn', async () => {
    const { owner } = open()
    const results = await Promise.allSettled([owner.claim(ONE, false), owner.claim(TWO, false)])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(owner.master).toEqual(ONE)
  })

  it('can be taken over; what the former master had acknowledged counts for nothing then', async () => {
    const { owner } = open()
    await owner.claim(ONE, false)
    await owner.acknowledge('master-1', 9)
    await owner.claim(TWO, true)

    expect([owner.master, owner.acknowledged]).toEqual([TWO, 0])
  })

  it('learns of a new name of its master, and forgets nothing', async () => {
    const { owner } = open()
    await owner.claim(ONE, false)
    await owner.acknowledge('master-1', 9)
    await owner.claim({ ...ONE, node_name: 'renamed' }, false)

    expect([owner.master?.node_name, owner.acknowledged]).toEqual(['renamed', 9])
  })

  it('is let go by its own master only', async () => {
    const { owner } = open()
    await owner.claim(ONE, false)

    expect(await owner.release('master-2')).toEqual(ONE)
    expect(await owner.release('master-1')).toBeNull()
    expect(await owner.claim(TWO, false)).toEqual(TWO)
  })

  it('never goes back in what is acknowledged', async () => {
    const first = open()
    await first.owner.claim(ONE, false)
    await Promise.all([9, 4, 7].map((seq) => first.owner.acknowledge('master-1', seq)))
    expect(first.owner.acknowledged).toBe(9)
    await first.owner.acknowledge('master-1', 3)
    first.close()

    expect(open(first.dir).owner.acknowledged).toBe(9)
  })
})

describe('Pause', () => {
  it('is kept over a restart, with its note', async () => {
    const first = open()
    expect([first.pause.paused, first.pause.note]).toEqual([false, null])
    await first.pause.pause('disk is being replaced')
    first.close()
    const second = open(first.dir)
    expect([second.pause.paused, second.pause.note]).toEqual([true, 'disk is being replaced'])
    await second.pause.pause(null)
    expect([second.pause.paused, second.pause.note]).toEqual([true, null])
    await second.pause.resume()
    second.close()

    expect(open(first.dir).pause.paused).toBe(false)
  })
})
