import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ApiClient } from '../../src-daemon/api/client/api-client.ts'
import { median, quantile, row, type Row } from './figures.ts'
import { schedule, untilIdle } from './load.ts'
import { cpuSeconds, pssMiB } from './machine.ts'
import { freshFolder } from './node-benches.ts'
import { writeProject } from './project.ts'
import { startOurs, type Server } from './servers.ts'

const JOBS = 300

/** A master (that runs no jobs itself unless told) and slaves, all in step. */
async function startCluster(
  folder: string,
  slaves: number,
  options: { readonly master: string; readonly maxProc: number },
) {
  const project = writeProject(join(folder, 'p'))
  const nodes: Server[] = []
  for (let index = 0; index < slaves; index++) {
    const name = { identity: 'slave', node_name: `slave${index}` }
    nodes.push(await startOurs(join(folder, `s${index}`), project, { max_proc: options.maxProc }, name))
  }
  const hosts = JSON.stringify(nodes.map(({ url }) => new URL(url).host))
  const master = await startOurs(
    join(folder, 'm'),
    project,
    { max_proc: options.maxProc, ping_interval: 1 },
    { identity: 'master', node_name: 'master', slave_hosts: hosts, master_runs_jobs: options.master },
  )
  await online(master, slaves)
  const stop = async () => {
    await master.stop()
    await Promise.all(nodes.map((node) => node.stop()))
  }
  return { master, nodes, stop }
}

async function online(master: Server, slaves: number): Promise<void> {
  for (;;) {
    const { nodes } = (await (await fetch(`${master.url}/api/nodes`)).json()) as { nodes: { state: string }[] }
    if (nodes.filter((node) => node.state === 'online').length === slaves + 1) return
    await delay(50)
  }
}

/** 300 short jobs on a master with two slaves against one node with the same slots in all. */
export async function clusterRate(): Promise<readonly Row[]> {
  const folder = freshFolder('cluster')
  const run = async (server: Server) => {
    await schedule(server.url, { project: 'bench', spider: 'noop' })
    await untilIdle(server.url)
    const begun = performance.now()
    await Promise.all(Array.from({ length: JOBS }, () => schedule(server.url, { project: 'bench', spider: 'noop' })))
    await untilIdle(server.url, 5)
    return (JOBS * 60_000) / (performance.now() - begun)
  }
  const one = await startOurs(join(folder, 'one'), writeProject(join(folder, 'q')), { max_proc: 6 })
  const alone = await run(one)
  await one.stop()
  const { master, stop } = await startCluster(folder, 2, { master: 'true', maxProc: 2 })
  const together = await run(master)
  await stop()
  return [
    row('300 short jobs: one node, 6 slots', 'jobs/min', alone, null, { text: '–', met: null }),
    row('300 short jobs: master + 2 slaves, 2 slots each, same machine', 'jobs/min', together, null, {
      text: '–',
      met: null,
    }),
  ]
}

/** From a job's end on a slave until the master has committed it; and the start delay that the cluster adds. */
export async function clusterDelay(): Promise<readonly Row[]> {
  const { master, nodes, stop } = await startCluster(freshFolder('delay'), 1, { master: 'false', maxProc: 4 })
  try {
    const ends = { slave: new Map<string, number>(), master: new Map<string, number>() }
    const stopping = new AbortController()
    const follow = async (server: Server, into: Map<string, number>) => {
      const client = new ApiClient({ baseUrl: server.url, username: null, password: null, timeoutMs: 5_000 })
      try {
        for await (const event of client.openEvents({ live: true, signal: stopping.signal })) {
          if (event.type === 'job' && event.job.state === 'finished') into.set(event.job.key, performance.now())
        }
      } catch {
        // The measurement is over.
      }
    }
    void follow(nodes[0]!, ends.slave)
    void follow(master, ends.master)
    await delay(300)
    const delays: { direct: number[]; cluster: number[] } = { direct: [], cluster: [] }
    for (let round = 0; round < 60; round++) {
      for (const [name, server] of [
        ['direct', nodes[0]!],
        ['cluster', master],
      ] as const) {
        await schedule(server.url, { project: 'bench', spider: 'noop' })
        await untilIdle(master.url, 10)
        await untilIdle(nodes[0]!.url, 10)
        const { jobs } = (await (await fetch(`${nodes[0]!.url}/api/jobs?limit=1&sort=-created`)).json()) as {
          jobs: { created_at: string; started_at: string }[]
        }
        const [job] = jobs
        if (job !== undefined && round > 1) delays[name].push(Date.parse(job.started_at) - Date.parse(job.created_at))
      }
    }
    await delay(300)
    stopping.abort()
    const lags = [...ends.master].flatMap(([key, at]) => {
      const there = ends.slave.get(key)
      return there === undefined ? [] : [Math.max(0, at - there)]
    })
    return [
      row('job’s end on a slave -> master’s commit, p50', 'ms', median(lags), null, { text: '–', met: null }),
      row('job’s end on a slave -> master’s commit, p99', 'ms', quantile(lags, 0.99), null, { text: '–', met: null }),
      row('start delay added by the cluster (p50)', 'ms', median(delays.cluster) - median(delays.direct), null, {
        text: '–',
        met: null,
      }),
    ]
  } finally {
    await stop()
  }
}

/** 200 MiB through a forward, as a ratio to the direct download. */
export async function forwardRate(): Promise<readonly Row[]> {
  const { master, nodes, stop } = await startCluster(freshFolder('forward'), 1, { master: 'false', maxProc: 2 })
  try {
    const id = await schedule(master.url, { project: 'bench', spider: 'noop' })
    await untilIdle(master.url)
    const size = 200 * 1024 * 1024
    const folder = join(nodes[0]!.folder, 'logs/bench/noop')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${id}.log`), Buffer.alloc(size, 'a line of a log that somebody reads\n'))
    const path = `/logs/bench/noop/${id}.log`
    const before = pssMiB(master.pid)
    const most = [before]
    const rates: { direct: number[]; forward: number[] } = { direct: [], forward: [] }
    for (let round = 0; round < 4; round++) {
      const direct = await download(`${nodes[0]!.url}${path}`, size, () => {})
      const seen: number[] = []
      const forward = await download(`${master.url}${path}`, size, () => seen.push(pssMiB(master.pid)))
      most.push(Math.max(...seen))
      if (round === 0) continue
      rates.direct.push(direct)
      rates.forward.push(forward)
    }
    const ratio = median(rates.forward) / median(rates.direct)
    return [
      row('200 MiB log, direct from its node', 'MiB/s', median(rates.direct), null, { text: '–', met: null }),
      row('200 MiB log, through the master', 'MiB/s', median(rates.forward), null, {
        text: '≥ 0.5 × direct',
        met: ratio >= 0.5,
      }),
      row('… memory it takes on the master (garbage that V8 lets lie)', 'MiB', Math.max(...most) - before, null, {
        text: '–',
        met: null,
      }),
      row('… more in the fourth download than in the first', 'MiB', (most[4] ?? 0) - (most[1] ?? 0), null, {
        text: 'flat',
        met: (most[4] ?? 0) - (most[1] ?? 0) < 20,
      }),
    ]
  } finally {
    await stop()
  }
}

function download(url: string, size: number, look: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let got = 0
    let looked = 0
    get(url, (answer) => {
      answer.on('data', (chunk: Buffer) => {
        got += chunk.length
        if (got - looked > size / 8) {
          looked = got
          look()
        }
      })
      answer.on('end', () => {
        if (got === size) resolve(size / 1024 / 1024 / ((performance.now() - begun) / 1000))
        else reject(new Error(`got ${got} of ${size} bytes`))
      })
    }).on('error', reject)
  })
}

/** 200 slaves (light fakes over real HTTP), an event a second each: what following and pinging them costs the master. */
export async function manySlaves(): Promise<readonly Row[]> {
  const count = 200
  const fakes = spawn(process.execPath, [fileURLToPath(new URL('fake-slaves.ts', import.meta.url)), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(fakes.stdout, 'data')) as [Buffer]
  const hosts = (JSON.parse(line.toString()) as number[]).map((port) => `127.0.0.1:${port}`)
  const folder = freshFolder('many')
  const project = writeProject(join(folder, 'p'))
  const lonely = await startOurs(join(folder, 'lonely'), project, {}, { identity: 'master', node_name: 'lonely' })
  await delay(5_000)
  const base = pssMiB(lonely.pid)
  await lonely.stop()
  const master = await startOurs(
    join(folder, 'm'),
    project,
    {},
    { identity: 'master', node_name: 'master', slave_hosts: JSON.stringify(hosts) },
  )
  try {
    await online(master, count)
    await delay(15_000)
    const before = cpuSeconds(master.pid).own
    // As long as the slowest of what comes around (acknowledgements, stored rows).
    await delay(60_000)
    const share = ((cpuSeconds(master.pid).own - before) / 60) * 100
    const begun = performance.now()
    await (await fetch(`${master.url}/listjobs.json`)).text()
    const listing = performance.now() - begun
    const more = pssMiB(master.pid) - base
    return [
      row('200 slaves, 1 event/s each: master’s CPU', '% of a core', share, null, { text: '≤ 15 %', met: share <= 15 }),
      row('… memory more than without', 'MiB', more, null, { text: '≤ 100 MiB', met: more <= 100 }),
      row('… listjobs.json meanwhile', 'ms', listing, null, { text: 'unaffected', met: listing < 100 }),
    ]
  } finally {
    await master.stop()
    fakes.kill()
  }
}
