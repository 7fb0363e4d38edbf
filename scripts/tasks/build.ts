import { ensureConsole } from '../lib/console-build.ts'
import { buildDaemon } from '../lib/daemon-build.ts'
import { ensureDesktop } from '../lib/desktop-build.ts'
import { SetUpError } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

await runTask(async () => {
  if (!(await ensureConsole())) throw new SetUpError('The console could not be built; the reason is above.')
  if (!(await ensureDesktop())) throw new SetUpError('The desktop app could not be built; the reason is above.')
  await buildDaemon()
})
