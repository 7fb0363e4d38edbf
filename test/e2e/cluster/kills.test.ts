import { expect, it } from 'vitest'
import { clusterCrashRun } from '../../helpers/cluster-crash-run.ts'

it('60 jobs while master and slaves are killed 8 times: each runs once to its end, and the ledgers agree', async () => {
  const found = await clusterCrashRun({ jobs: 60, kills: 8 })
  expect(found).toEqual({ missing: [], twice: [], never: [], wrong: [], differing: [], runs: 60 })
})
