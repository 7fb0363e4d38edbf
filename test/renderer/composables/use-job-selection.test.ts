import { beforeEach, describe, expect, it } from 'vitest'
import type { JobFilter } from '../../../src-daemon/api/contract/endpoints.ts'
import { useJobSelection, type Picked } from '../../../src-renderer/composables/use-job-selection.ts'
import { sampleJob } from '../../helpers/sample-cluster.ts'
import { runInConsole } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'

const ACTIVE = ['pending', 'assigned', 'starting', 'running']
const running = sampleJob({ state: 'running', outcome: null })
const pending = sampleJob({ state: 'pending', outcome: null })
const finished = sampleJob()

describe('what is selected in the table of all jobs', () => {
  let filter: JobFilter
  let transport: FakeTransport
  let picked: Picked

  beforeEach(async () => {
    filter = { project: ['newspapers'], q: 'x' }
    transport = new FakeTransport({
      listJobs: ({ query }) => ({ jobs: [], total: query?.state?.includes('pending') === true ? 3 : 5, next: null }),
    })
    ;({ result: picked } = await runInConsole(() => useJobSelection({ filter: () => filter, total: () => 2_614 }), {
      transport,
    }))
  })

  it('is sent by key, to be cancelled without those that have ended', () => {
    for (const job of [running, pending, finished]) picked.toggle(job)
    expect(picked.counts.value).toEqual({ pending: 1, running: 1, finished: 1 })
    expect(picked.selection('active')).toEqual({ keys: [running.key, pending.key] })
    expect(picked.selection('any')).toEqual({ keys: [running.key, pending.key, finished.key] })
    picked.toggle(pending)
    // It has ended since it was ticked.
    picked.update({ ...running, state: 'finished', outcome: 'failed' })
    expect(picked.selection('active')).toEqual({ keys: [] })
  })

  it('is the filter itself, never a list, when it is all that matches', async () => {
    picked.toggle(running)
    await picked.all()
    expect([picked.count.value, picked.counts.value]).toEqual([2_614, { pending: 3, running: 5, finished: 2_606 }])
    expect(picked.has('any key')).toBe(true)
    expect(picked.selection('any')).toEqual({ filter })
    expect(picked.selection('active')).toEqual({ filter: { ...filter, state: ACTIVE } })
    // One row that is ticked then stands for itself.
    picked.toggle(pending)
    expect(picked.selection('any')).toEqual({ keys: [pending.key] })
  })

  it.each<[Partial<JobFilter>, object, string[]]>([
    [{ state: ['running'] }, { pending: 0, running: 5 }, ['running']],
    [{ outcome: ['failed'] }, { pending: 0, running: 0 }, ACTIVE],
  ])('cancels nothing that the filter %j does not show', async (part, counts, state) => {
    filter = { ...filter, ...part }
    await picked.all()
    expect(picked.counts.value).toMatchObject(counts)
    expect(picked.selection('active')).toEqual({ filter: { project: ['newspapers'], q: 'x', state } })
  })
})
