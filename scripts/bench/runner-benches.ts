import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { row, type Row } from './figures.ts'
import { schedule, untilIdle } from './load.ts'
import { processesIn, pssMiB } from './machine.ts'
import { freshFolder } from './node-benches.ts'
import { writeProject } from './project.ts'
import { startOurs, startStock, type Server } from './servers.ts'

const AT_ONCE = 8
const none = { text: '–', met: null }

/** Memory of eight spiders that do nothing at the same time, shared pages by share; everything but the server counts. */
export async function jobMemory(warm: 'on' | 'off'): Promise<readonly Row[]> {
  const folder = freshFolder(`memory-${warm}`)
  const projects = { ours: writeProject(join(folder, 'a')), stock: writeProject(join(folder, 'b')) }
  const options = { max_proc: AT_ONCE, cancel_timeout: 1 }
  const ours = await startOurs(join(folder, 'ours'), projects.ours, { ...options, warm_runner: warm })
  const a = await perJob(ours, projects.ours)
  await ours.stop()
  const stock = await startStock(join(folder, 'stock'), projects.stock, { max_proc: AT_ONCE, poll_interval: 0.1 })
  const b = await perJob(stock, projects.stock)
  await stock.stop()
  return [
    row(`memory per job (PSS), ${AT_ONCE} at once, ${warm === 'on' ? 'warm' : 'cold'}`, 'MiB', a, b, {
      text: warm === 'on' ? '≤ 25 MiB' : '–',
      met: warm === 'on' ? a <= 25 : null,
    }),
  ]
}

async function perJob(server: Server, project: string): Promise<number> {
  // One before, from which the warm process learns what jobs import.
  await schedule(server.url, { project: 'bench', spider: 'noop' })
  await untilIdle(server.url)
  await delay(2_000)
  const ids = await Promise.all(
    Array.from({ length: AT_ONCE }, () => schedule(server.url, { project: 'bench', spider: 'sleeper' })),
  )
  for (;;) {
    const { running } = (await (await fetch(`${server.url}/daemonstatus.json`)).json()) as { running: number }
    if (running === AT_ONCE) break
    await delay(50)
  }
  // The spiders have opened, and what they needed for that is done.
  await delay(5_000)
  const pids = processesIn(project).filter((pid) => pid !== server.pid)
  if (pids.length < AT_ONCE) throw new Error(`only ${pids.length} processes of ${AT_ONCE} jobs were found`)
  const all = pids.reduce((sum, pid) => sum + pssMiB(pid), 0)
  for (const job of ids) {
    const body = new URLSearchParams({ project: 'bench', job, signal: 'KILL' })
    await fetch(`${server.url}/cancel.json`, { method: 'POST', body })
  }
  await untilIdle(server.url)
  return all / AT_ONCE
}

/** How late the daemon's event loop is while eight jobs a second start and end. */
export async function loopDelay(): Promise<readonly Row[]> {
  const folder = freshFolder('loop')
  const file = join(folder, 'loop.json')
  const hook = fileURLToPath(new URL('loop-delay.mjs', import.meta.url))
  const env = { NODE_OPTIONS: `--import=${hook}`, BENCH_LOOP_FILE: file }
  const project = writeProject(join(folder, 'p'))
  const ours = await startOurs(join(folder, 'ours'), project, { max_proc: 16, warm_runner: 'on' }, undefined, env)
  await schedule(ours.url, { project: 'bench', spider: 'noop' })
  await untilIdle(ours.url)
  process.kill(ours.pid, 'SIGUSR2')
  const begun = performance.now()
  const seconds = 20
  let late = 0
  for (let index = 0; index < AT_ONCE * seconds; index++) {
    const wait = begun + (index * 1000) / AT_ONCE - performance.now()
    if (wait > 0) await delay(wait)
    else late = Math.max(late, -wait)
    await schedule(ours.url, { project: 'bench', spider: 'noop' })
  }
  await untilIdle(ours.url)
  const took = (performance.now() - begun) / 1000
  await ours.stop()
  const { p50, p99, max } = JSON.parse(readFileSync(file, 'utf8')) as { p50: number; p99: number; max: number }
  return [
    row('event loop’s delay at 8 jobs/s, p50', 'ms', p50, null, none),
    row('… p99', 'ms', p99, null, { text: '≤ 20 ms', met: p99 <= 20 }),
    row('… longest', 'ms', max, null, none),
    row(`… ${AT_ONCE * seconds} jobs took`, 's', took, null, { text: `${seconds} s`, met: took < seconds + 2 }),
  ]
}
