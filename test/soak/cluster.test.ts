import { expect, it } from 'vitest'
import { clusterCrashRun } from '../helpers/cluster-crash-run.ts'

it('300 jobs while master and slaves are killed 40 times: each runs once to its end, and the ledgers agree', async () => {
  const found = await clusterCrashRun({ jobs: 300, kills: 40 })
  expect(found).toEqual({ missing: [], twice: [], never: [], wrong: [], differing: [], runs: 300 })
})
