import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildForPack, runBuilder } from '../lib/pack.ts'
import { checkPackedApp, TARGETS } from '../lib/packed-app.ts'
import { runSpiderWith } from '../lib/packed-daemon.ts'
import { ensureScrapy } from '../lib/scrapy.ts'
import { makeStubElectron } from '../lib/stub-electron.ts'
import { runTask } from '../lib/task.mjs'

// macOS packages cannot be made on Windows: links between files are lost there.
const targets = TARGETS.filter(({ flag }) => process.platform !== 'win32' || flag !== 'mac')
const problems: string[] = []

function check(what: string, isRight: boolean): void {
  console.log(`${isRight ? 'passed' : 'FAILED'}  ${what}`)
  if (!isRight) problems.push(what)
}

await runTask(async () => {
  const { python } = await ensureScrapy()
  await buildForPack()
  const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-pack-'))
  const out = join(folder, 'out')
  try {
    const dist = await makeStubElectron(folder)
    // Folders only: what makes installers of them has to be downloaded for most systems.
    const wanted = (['linux', 'mac', 'win'] as const).flatMap((flag) => {
      const dirs = targets.filter((target) => target.flag === flag).map(({ arch }) => `dir:${arch}`)
      return dirs.length === 0 ? [] : [`--${flag}`, ...dirs]
    })
    await runBuilder([...wanted, '--publish=never', `-c.electronDist=${dist}`, `-c.directories.output=${out}`])
    for (const target of targets) {
      const name = `${target.platform}-${target.arch}`
      await checkPackedApp(join(out, target.folder), target, (what, isRight) => check(`${name}: ${what}`, isRight))
    }
    const own = targets.find(({ platform, arch }) => platform === process.platform && arch === process.arch)
    if (own === undefined) return check(`there is a package for ${process.platform}-${process.arch}`, false)
    const program = join(out, own.folder, own.resources, 'daemon/bin/scrapyd-service.mjs')
    const job = await runSpiderWith([process.execPath, program], join(folder, 'data'), python)
    check(
      `the packed daemon runs a spider (${JSON.stringify(job['outcome'] ?? job['currstate'])})`,
      job['currstate'] === 'finished',
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(problems.length === 0 ? '\nThe packages are as they have to be.' : `\n${problems.length} problems.`)
  if (problems.length > 0) process.exitCode = 1
})
