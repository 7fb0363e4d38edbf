import { buildForPack, runBuilder } from '../lib/pack.ts'
import { runTask } from '../lib/task.mjs'

// `npm run pack -- --linux deb`: anything that electron-builder takes. Releases go to GitHub only by this setting; it also
// writes the files by which installed apps could find an update.
const github = process.env['SCRAPYD_SERVICE_PUBLISH'] === 'github'
const publishing = github ? ['-c.publish.provider=github', '--publish=always'] : ['--publish=never']

await runTask(async () => {
  await buildForPack()
  // Fuses are flipped after Electron was signed for nobody in particular; without a new one of that kind no Apple processor runs it.
  const signing = process.platform === 'darwin' ? ['-c.electronFuses.resetAdHocDarwinSignature=true'] : []
  await runBuilder([...process.argv.slice(2), ...publishing, ...signing])
})
