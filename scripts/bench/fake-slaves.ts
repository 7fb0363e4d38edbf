import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Job, NodeSelf } from '../../src-daemon/api/contract/values.ts'
import { newKey } from '../../src-daemon/storage/key.ts'

// Many slaves in one process, over real HTTP: each answers pings and sends an event a second. Prints their ports as JSON.
const count = Number(process.argv[2] ?? 200)
const ports: number[] = []

for (let index = 0; index < count; index++) {
  const feed = newKey()
  const instance = newKey()
  const streams = new Set<ServerResponse>()
  let seq = 0
  let owner: NodeSelf['owner'] = null
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0]
    if (path === '/api/events') {
      const hello = { type: 'hello', feed, stream: newKey(), node_name: `fake${index}`, head: seq, now: now() }
      const reset = { type: 'reset', feed, reason: 'no cursor' }
      const snapshot = { type: 'snapshot', head: seq, jobs: [], nodes: [], projects: [], done: true }
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      for (const event of [hello, reset, snapshot]) send(response, event)
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    request.resume()
    response.setHeader('Content-Type', 'application/json')
    if (path === '/api/node') response.end(JSON.stringify({ ...self(index, feed, instance), owner }))
    else if (path === '/api/owner') {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const { instance: of, node_name } = JSON.parse(body) as { instance: string; node_name: string }
        owner = { instance: of, node_name }
        response.end(JSON.stringify({ owner }))
      })
    } else response.end('{"status":"ok"}')
  })
  // As our daemons do.
  server.keepAliveTimeout = 30_000
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ports.push((server.address() as AddressInfo).port)
  let job = fakeJob(index, 'running')
  setTimeout(
    () => {
      setInterval(() => {
        job =
          job.state === 'running'
            ? { ...job, state: 'finished', outcome: 'finished', ended_at: now() }
            : fakeJob(index, 'running')
        seq++
        for (const stream of streams) send(stream, { type: 'job', seq, at: now(), job })
      }, 1_000)
    },
    (index * 1_000) / count,
  )
}
process.stdout.write(`${JSON.stringify(ports)}\n`)

function now(): string {
  return new Date().toISOString()
}

function send(response: ServerResponse, event: { readonly type: string; readonly [field: string]: unknown }): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

function fakeJob(index: number, state: 'running'): Job {
  return {
    key: newKey(),
    id: newKey(),
    project: 'bench',
    spider: 'noop',
    state,
    outcome: null,
    reason: null,
    node: `fake${index}`,
    pinned_node: null,
    node_offline: false,
    priority: 0,
    args: {},
    settings: {},
    version: null,
    created_at: now(),
    started_at: now(),
    ended_at: null,
    pid: 1,
    exit_code: null,
    signal: null,
    finish_reason: null,
    scheduled_by: null,
    cancelled_by: null,
    cancel_requested_at: null,
    attempt: 1,
    runner: 'cold',
    runner_note: null,
    pages: null,
    items: null,
    errors: null,
    cpu_seconds: null,
    max_rss_bytes: null,
  }
}

function self(index: number, feed: string, instance: string): NodeSelf {
  return {
    node_name: `fake${index}`,
    identity: 'slave',
    cluster_name: 'bench',
    version: '0.0.0',
    feed,
    instance,
    started_at: now(),
    now: now(),
    paused: true,
    pause_note: null,
    pending: 0,
    running: 0,
    finished: 0,
    max_proc: 8,
    disk_free_bytes: null,
    disk_total_bytes: null,
    cpus: 2,
    load_average: [0, 0, 0],
    memory_free_bytes: 1,
    memory_total_bytes: 2,
    platform: 'linux x64',
    node_version: process.version,
    python: null,
    scrapy: null,
    owner: null,
    projects: [],
  }
}
