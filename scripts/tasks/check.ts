import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findInsecure } from '../lib/desktop-security.ts'
import { findUnwanted } from '../lib/hygiene.ts'
import { mapLimited } from '../lib/limited.ts'
import { InterruptedError, runForOutput } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'
import { cacheDir } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

interface Check {
  readonly name: string
  /** Resolves to what is wrong, null when nothing is. */
  readonly run: () => Promise<string | null>
}

function program(name: string, command: string, ...args: string[]): Check {
  const run = async () => {
    const { code, signal, output } = await runForOutput(command, args, { cwd: root })
    return code === 0 ? null : `${output.trimEnd()}\n(${signal ?? `exit status ${code}`})`
  }
  return { name, run }
}

function tool(name: string, script: string, ...args: string[]): Check {
  return program(name, process.execPath, join(root, 'node_modules', script), ...args)
}

/** A runtime has a tsconfig of its own; those of parts that are not there yet are left out. */
function types(folder: string): Check[] {
  const config = join(root, folder, 'tsconfig.json')
  if (!existsSync(config)) return []
  const compiler = folder.endsWith('renderer') ? 'vue-tsc/bin/vue-tsc.js' : 'typescript/bin/tsc'
  return [tool(`types of ${folder === '.' ? 'scripts' : folder}`, compiler, '--noEmit', '-p', config)]
}

const checks: readonly Check[] = [
  ...['src-daemon', 'test', 'src-main', 'src-renderer', 'test/renderer', '.'].flatMap(types),
  tool('unused code', 'knip/bin/knip.js', '--no-progress', '--no-config-hints'),
  tool('lint', 'oxlint/bin/oxlint', '--deny-warnings'),
  tool('format', 'oxfmt/bin/oxfmt', '--check'),
  program('lock file', 'npm', 'ci', '--ignore-scripts', '--dry-run', '--no-audit', '--no-fund'),
  { name: 'desktop security', run: () => Promise.resolve(findInsecure().join('\n') || null) },
  { name: 'hygiene', run: () => Promise.resolve(findUnwanted().join('\n') || null) },
]

async function perform({ name, run }: Check): Promise<{ name: string; passed: boolean }> {
  const started = performance.now()
  let problem: string | null
  try {
    problem = await run()
  } catch (error) {
    if (error instanceof InterruptedError) throw error
    problem = String(error)
  }
  const took = `${((performance.now() - started) / 1000).toFixed(1)} s`
  console.log(problem === null ? `passed  ${name} (${took})` : `FAILED  ${name} (${took})\n${problem}\n`)
  return { name, passed: problem === null }
}

await runTask(async () => {
  // A process more than two would only make them all wait: the compiler is what takes the time.
  const results = await mapLimited(checks, 2, perform)
  const failed = results.filter(({ passed }) => !passed)
  writeFileSync(join(cacheDir(root), 'check-results.json'), JSON.stringify(results))
  if (failed.length === 0) {
    console.log(`\nAll ${results.length} checks passed.`)
  } else {
    console.log(`\n${failed.length} of ${results.length} checks failed: ${failed.map(({ name }) => name).join(', ')}.`)
    process.exitCode = 1
  }
})
