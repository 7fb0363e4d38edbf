import { expect, it } from 'vitest'
import { crashRun } from '../helpers/crash-run.ts'

const nothing = { lost: [], twice: [], never: [], wrong: [], stuck: [], crowded: [] }

it.each(['slave', 'master'] as const)(
  '100 times kill -9 of a %s under load loses no job, runs none twice, and tells every exit code right',
  async (identity) => {
    const found = await crashRun({ identity, kills: 100, jobs: 400, killsSpiders: false })
    expect(found).toEqual({ ...nothing, runs: 400 })
  },
)

it('100 times kill -9 of daemon, supervisors and spiders loses no job, runs none twice, leaves none stuck', async () => {
  const found = await crashRun({ identity: 'slave', kills: 100, jobs: 400, killsSpiders: true })
  expect(found).toEqual({ ...nothing, runs: expect.any(Number) })
})
