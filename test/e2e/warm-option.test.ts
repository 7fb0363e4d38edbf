import { expect, it, onTestFinished } from 'vitest'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { livesProject } from '../helpers/projects.ts'

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
