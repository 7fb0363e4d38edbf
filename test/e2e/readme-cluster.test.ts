import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../scripts/lib/free-port.ts'
import { root } from '../../scripts/lib/root.ts'
import { testPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

/** The shell blocks of a chapter of the README, as they stand there. */
function blocksOf(title: string): readonly string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const chapter = readme.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...chapter.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1] ?? '')
}

const [setUp = '', use = ''] = blocksOf('A cluster in five minutes')
let folder = ''
let ports: readonly number[] = []
let shell: ChildProcess

/** The commands with free ports in place of 6800 to 6802, and without the installation, which the test run has done. */
function adapted(commands: string): string {
  return commands
    .replace(/^npm run build.*$/m, '')
    .replace('http_port = 680$slave', 'http_port = $(eval echo \\$PORT$slave)')
    .replace(/680([0-2])/g, (_, index: string) => String(ports[Number(index)]))
}

function run(commands: string): ChildProcess {
  const env = { ...process.env, SCRAPYD_SERVICE_PYTHON: testPython(), PORT1: String(ports[1]), PORT2: String(ports[2]) }
  // A group of its own, so that the daemons that the commands leave in the background can be ended with it.
  return spawn('bash', ['-ec', commands], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function outputOf(commands: string): Promise<string> {
  const child = run(commands)
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  return text
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-readme-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'examples'))
  cpSync(join(root, 'examples/newspapers'), join(folder, 'examples/newspapers'), { recursive: true })
  const first = await freePort('127.0.0.1', 26_800)
  const second = await freePort('127.0.0.1', first + 1)
  ports = [first, second, await freePort('127.0.0.1', second + 1)]
  shell = run(`${adapted(setUp)}\nwait`)
  const status = async () => (await fetch(`http://127.0.0.1:${first}/daemonstatus.json`)).text()
  await until('all three nodes are online', async () => (await status()).match(/"state": "online"/g)?.length === 3)
})

afterAll(() => {
  if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

it('works as the chapter says', async () => {
  expect(setUp).toContain('slave_hosts')
  const master = `http://127.0.0.1:${ports[0]}`
  const lines = adapted(use).split('\n')
  const asking = lines.findIndex((line) => line.includes('listjobs.json'))
  const answers = await outputOf(lines.slice(0, asking).join('\n'))
  expect(answers.match(/"status": "ok"/g)).toHaveLength(8)
  await until('all jobs have ended', async () =>
    /"finished": 7\b/.test(await (await fetch(`${master}/daemonstatus.json`)).text()),
  )
  const after = await outputOf(lines.slice(asking).join('\n'))
  expect(after).toMatch(/"id": "pinned".*?"cluster_node": "slave002"/s)
  expect(after).toContain(`"url": "${master}/forward/`)
  expect(after).toContain('Spider closed (finished)')
})
