import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { testPython } from '../helpers/setup-python.ts'

const root = join(import.meta.dirname, '../..')

let dir: string
let start: ChildProcessByStdio<null, Readable, Readable>
let printed = ''
let url: string

/** Whatever `npm start` says up to now and from now on, until it says `text`. */
async function says(text: string): Promise<void> {
  await vi.waitUntil(
    () => {
      if (start.exitCode !== null) throw new Error(`npm start has ended:\n${printed}`)
      return printed.includes(text)
    },
    { timeout: 60_000 },
  )
}

async function postForm(path: string, form: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: new URLSearchParams(form) })
  return (await response.json()) as Record<string, unknown>
}

interface FinishedJob {
  readonly id: string
  readonly outcome: string
  readonly reason: string | null
  readonly items_url: string | null
}

async function finished(id: unknown): Promise<FinishedJob> {
  return vi.waitUntil(
    async () => {
      const response = await fetch(`${url}/listjobs.json?project=newspapers`)
      const list = (await response.json()) as { finished: FinishedJob[] }
      return list.finished.find((job) => job.id === id)
    },
    { timeout: 60_000, interval: 200 },
  )
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'start-'))
  // The quickstart's configuration, with the daemon's files in a folder that goes away.
  const text = readFileSync(join(root, 'conf/scrapyd_service.conf'), 'utf8')
  const config = join(dir, 'scrapyd_service.conf')
  writeFileSync(config, text.replaceAll('../.data', dir).replace('../examples', join(root, 'examples')))

  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  await once(taken, 'close')
  start = spawn(process.execPath, ['scripts/boot.mjs', 'start', '--config', config], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SCRAPYD_SERVICE_PYTHON: testPython(), SCRAPYD_HTTP_PORT: String(port) },
  })
  for (const stream of [start.stdout, start.stderr]) stream.on('data', (data) => (printed += String(data)))
  await says('Stop with Ctrl-C')
  url = /is running: (\S+)/.exec(printed)?.[1] ?? ''
})

afterAll(async () => {
  if (start.exitCode === null && start.signalCode === null) {
    start.kill('SIGKILL')
    await once(start, 'close')
  }
  rmSync(dir, { recursive: true, force: true })
})

describe('npm start', () => {
  it('prints a line for curl that schedules a spider, which really runs', async () => {
    const [, path = '', form = ''] = /curl \S+\/(\S+) (-d .*)/.exec(printed) ?? []
    const fields = Object.fromEntries([...form.matchAll(/-d (\w+)=(\S+)/g)].map(([, name, value]) => [name, value]))
    const answer = await postForm(path, fields as Record<string, string>)
    expect(answer).toMatchObject({ status: 'ok' })
    const job = await finished(answer['jobid'])
    expect(job).toMatchObject({ outcome: 'finished', reason: null })
    const items = await (await fetch(url + job.items_url)).text()
    expect(items.trim().split('\n')).toHaveLength(5)
  })

  it('runs a spider whose name is Chinese, and serves its items', async () => {
    const { jobid } = await postForm('schedule.json', { project: 'newspapers', spider: '云溪日报' })
    const job = await finished(jobid)
    expect(job).toMatchObject({ outcome: 'finished' })
    const items = await (await fetch(url + job.items_url)).text()
    expect(items).toContain('地铁三号线')
  })

  it('shows a spider that fails as failed, with the reason', async () => {
    const { jobid } = await postForm('schedule.json', { project: 'newspapers', spider: 'broken_press' })
    const job = await finished(jobid)
    expect(job.outcome).toBe('failed')
    expect(job.reason).toContain('the printing press is out of order')
  })

  it('stops cleanly on Ctrl-C', async () => {
    const end = once(start, 'close')
    start.kill('SIGINT')
    expect(await end).toEqual([0, null])
    expect(printed).toContain('Stopped.')
    await expect(fetch(url)).rejects.toThrow('fetch failed')
  })
})
