import { describe, expect, it } from 'vitest'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import { newRow } from '../../helpers/ledger-parts.ts'
import { clusterParts, slaveJob, type ClusterParts } from './cluster-parts.ts'

const A = { id: 'a', name: 'slave1' }
const B = { id: 'b', name: 'slave2' }

const apply = (parts: ClusterParts, job: Job, node = A) => parts.writer.write(() => parts.mirror.apply(node, job))

async function assigned(parts: ClusterParts, more = {}) {
  const row = newRow({ state: 'assigned', node_id: 'a', node: 'slave1', owner_attempt: 1, ...more })
  await parts.writer.write(() => parts.jobs.insert(row))
  return row
}

describe('a mirror', () => {
  it('adds a job that was scheduled on the node itself, in the state it has', async () => {
    const parts = clusterParts()
    const pending = slaveJob({ state: 'pending', args: { a: '1' }, priority: 2 })
    expect(await apply(parts, pending)).toBeNull()
    expect(parts.jobs.get(pending.key)).toMatchObject({ state: 'pending', node_id: 'a', node: 'slave1', priority: 2 })
    expect([...parts.jobs.pendingProjects()]).toEqual([])
    const finished = slaveJob({ state: 'finished' })
    expect(await apply(parts, finished)).toBe(finished.key)
  })

  it('follows a job through its states, with an event for each', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts)
    const before = parts.events.head()
    await apply(parts, slaveJob({ key, state: 'starting' }))
    await apply(parts, slaveJob({ key, state: 'running' }))
    expect(await apply(parts, slaveJob({ key, state: 'finished', items: 3 }))).toBe(key)
    expect(parts.jobs.get(key)).toMatchObject({ state: 'finished', outcome: 'finished', items: 3, node_id: 'a' })
    expect(parts.events.head()).toBe(before + 3)
  })

  it('writes nothing, and tells nobody, when nothing is new', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts)
    const job = slaveJob({ key, state: 'finished' })
    expect(await apply(parts, job)).toBe(key)
    const before = parts.events.head()
    expect(await apply(parts, job)).toBeNull()
    expect(parts.events.head()).toBe(before)
  })

  it('keeps an end, and a job that another node holds', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts)
    expect(await apply(parts, slaveJob({ key, state: 'running' }), B)).toBeNull()
    expect(parts.jobs.get(key)).toMatchObject({ state: 'assigned', node_id: 'a' })
    await apply(parts, slaveJob({ key, state: 'finished' }))
    await apply(parts, slaveJob({ key, state: 'running' }))
    await apply(parts, slaveJob({ key, state: 'finished', outcome: 'failed', exit_code: 1 }))
    expect(parts.jobs.get(key)).toMatchObject({ state: 'finished', outcome: 'finished', exit_code: 0 })
  })

  it('believes a node that knows better of a job that was given up, also under another address', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts)
    const lose = () => parts.writer.write(() => parts.mirror.lose([parts.jobs.get(key)!], 'gone', Date.now()))
    expect(await lose()).toEqual([key])
    expect(parts.jobs.get(key)).toMatchObject({ state: 'finished', outcome: 'lost', reason: 'gone' })
    expect(await apply(parts, slaveJob({ key, state: 'running' }), B)).toBeNull()
    expect(parts.jobs.get(key)).toMatchObject({ state: 'running', outcome: null, ended_at: null, node: 'slave2' })
    await lose()
    expect(await apply(parts, slaveJob({ key, state: 'finished', outcome: 'lost' }), B)).toBeNull()
    expect(await apply(parts, slaveJob({ key, state: 'finished' }), B)).toBe(key)
    expect(parts.jobs.get(key)).toMatchObject({ outcome: 'finished', reason: null })
  })

  it('keeps a cancel that was stored here, until the node has it', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts, { cancel_requested_at: 5, cancelled_by: 'zhang', cancel_signal: 'SIGTERM' })
    await apply(parts, slaveJob({ key, state: 'running', cancelled_by: 'master:master1' }))
    const kept = { cancel_requested_at: 5, cancelled_by: 'zhang', cancel_signal: 'SIGTERM' }
    expect(parts.jobs.get(key)).toMatchObject({ ...kept, cancel_delivered: 0 })
    await apply(parts, slaveJob({ key, state: 'running', cancel_requested_at: '2026-01-01T00:00:01.500Z' }))
    expect(parts.jobs.get(key)).toMatchObject({ ...kept, cancel_delivered: 1 })
  })

  it('ends what was to be cancelled anyway as cancelled, not as lost', async () => {
    const parts = clusterParts()
    const { key } = await assigned(parts, { cancel_requested_at: 5 })
    const done = newRow({ state: 'finished', node_id: 'a' })
    await parts.writer.write(() => parts.jobs.insert(done))
    const rows = [parts.jobs.get(key)!, parts.jobs.get(done.key)!]
    expect(await parts.writer.write(() => parts.mirror.lose(rows, 'gone', 7))).toEqual([key])
    expect(parts.jobs.get(key)).toMatchObject({ outcome: 'cancelled', reason: 'gone', ended_at: 7 })
  })
})
