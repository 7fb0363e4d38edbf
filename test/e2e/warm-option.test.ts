import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { livesProject, Workshop } from '../helpers/projects.ts'

/** A daemon with one project under two names. */
async function start(options: Parameters<typeof DaemonProcess.start>[0]): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.start({ projects: { one: livesProject, two: livesProject }, ...options })
  onTestFinished(() => daemon.remove())
  return daemon
}

const run = async (daemon: DaemonProcess, project: string) => daemon.ended(await daemon.schedule(project, 'quick'))

it('spiders start warm unless a project is to start cold', async () => {
  const daemon = await start({ warmRunner: { two: 'off' } })
  expect(await run(daemon, 'one')).toMatchObject({ outcome: 'finished', runner: 'warm', runner_note: null })
  expect(await run(daemon, 'two')).toMatchObject({ outcome: 'finished', runner: 'cold', runner_note: null })
})

it('spiders start cold unless a project is to start warm', async () => {
  const daemon = await start({ scrapyd: { warm_runner: 'off' }, warmRunner: { two: 'on' } })
  expect(await run(daemon, 'one')).toMatchObject({ outcome: 'finished', runner: 'cold' })
  expect(await run(daemon, 'two')).toMatchObject({ outcome: 'finished', runner: 'warm' })
})

it('a job imports the module of its spider alone, unless its project is to import all', async () => {
  const workshop = new Workshop()
  onTestFinished(() => workshop.remove())
  const project = workshop.copyOf(livesProject)
  const imported = workshop.path('imported')
  writeFileSync(
    join(project, 'lives/spiders/other.py'),
    `import os, scrapy\nif "SCRAPYD_JOB" in os.environ:\n    open(${JSON.stringify(imported)}, "a").write(os.environ["SCRAPYD_JOB"] + "\\n")\n\n\nclass Other(scrapy.Spider):\n    name = "other"\n`,
  )
  const daemon = await start({ projects: { one: project, two: project }, spiderModules: { two: 'all' } })
  await run(daemon, 'one')
  expect(existsSync(imported)).toBe(false)
  const { id } = await run(daemon, 'two')
  expect(readFileSync(imported, 'utf8')).toBe(`${id}\n`)
})
