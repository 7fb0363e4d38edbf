import { describe, expect, it } from 'vitest'
import { InvalidParameterError } from '../../../src-daemon/errors.ts'
import { signalOf } from '../../../src-daemon/node/signals.ts'
import { machineState } from '../../../src-daemon/node/machine.ts'
import { temporaryFolder } from '../../helpers/ledger-parts.ts'

describe('signalOf', () => {
  it.each([
    ['INT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['kill', 'SIGKILL'],
    ['2', 'SIGINT'],
    ['9', 'SIGKILL'],
  ])('reads %s as %s', (text, signal) => {
    expect(signalOf(text)).toBe(signal)
  })

  it.each(['', '0', '999', 'SIG', 'STOPIT', '-9', '9.5'])('refuses %j', (text) => {
    expect(() => signalOf(text)).toThrow(InvalidParameterError)
  })
})

describe('machineState', () => {
  it('knows disk, processors and memory', async () => {
    const state = await machineState(temporaryFolder())

    expect(state.disk_free_bytes).toBeGreaterThan(0)
    expect(state.disk_total_bytes).toBeGreaterThan(state.disk_free_bytes!)
    expect(state.cpus).toBeGreaterThan(0)
    expect(state.memory_free_bytes).toBeLessThanOrEqual(state.memory_total_bytes)
  })

  it('does without the disk of a folder that is not there', async () => {
    expect((await machineState('/nowhere')).disk_free_bytes).toBeNull()
  })
})
