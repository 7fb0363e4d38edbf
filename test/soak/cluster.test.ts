import { expect, it } from 'vitest'
import { clusterCrashRun } from '../helpers/cluster-crash-run.ts'

it('300 jobs while master and slaves are killed 40 times: each runs once to its end, and the ledgers agree', async () => {
  const found = await clusterCrashRun({ jobs: 300, kills: 40 })
  expect(found).toEqual({ missing: [], twice: [], never: [], wrong: [], differing: [], runs: 300 })
})

it('200 jobs while one of 5 requests or answers is lost, and 10 daemons are killed: each runs once, the ledgers agree', async () => {
  const found = await clusterCrashRun({ jobs: 200, kills: 10, losses: 5 })
  expect(found).toEqual({ missing: [], twice: [], never: [], wrong: [], differing: [], runs: 200 })
})
