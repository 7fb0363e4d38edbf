import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SavingMessage } from '../../src-main/ipc-contract.ts'
import { Savings } from '../../src-main/savings.ts'
import { until } from '../helpers/until.ts'

let folder: string
let path: string
/** The answers that have begun: the test sends what it likes. */
let answers: ServerResponse[]
let told: SavingMessage[]
let icon: (number | null | 'over')[]
let failures: unknown[]
let savings: Savings
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': '10' })
  response.write('half ')
  answers.push(response)
})

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-savings-'))
  path = join(folder, '新闻.jl')
  answers = []
  told = []
  icon = []
  failures = []
  savings = new Savings({
    onProgress: (part) => icon.push(part),
    onFailure: (error) => failures.push(error),
    tellMs: 0,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const open = (signal: AbortSignal) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { signal })
const begin = () => savings.save(path, open, (message) => told.push(message))

describe('a file that is saved', () => {
  it('tells how far it is, on the icon too, and that it is there', async () => {
    const done = begin()
    await until('it has begun', () => icon.includes(0.5))
    answers[0]?.end('whole')
    expect(await done).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe('half whole')
    const message = { type: 'saving', id: '1', name: '新闻.jl' }
    expect(told).toEqual([
      { ...message, part: 0.5, state: 'going' },
      { ...message, part: 1, state: 'going' },
      { ...message, part: 1, state: 'saved' },
    ])
    expect([icon, failures]).toEqual([[null, 0.5, 1, 'over'], []])
  })

  it('can be stopped: nothing half stays, what was there does, and nobody calls it a failure', async () => {
    writeFileSync(path, 'before')
    const done = begin()
    await until('it has begun', () => icon.includes(0.5))
    savings.stop('1')
    expect(await done).toBe(false)
    expect(readdirSync(folder)).toEqual(['新闻.jl'])
    expect(readFileSync(path, 'utf8')).toBe('before')
    expect([told.at(-1)?.state, icon.at(-1), failures]).toEqual(['stopped', 'over', []])
    await until('the daemon need not send on', () => answers[0]?.destroyed)
  })

  it('is stopped when the app ends', async () => {
    void begin()
    await until('it has begun', () => icon.includes(0.5))
    await savings.stopAll()
    expect(readdirSync(folder)).toEqual([])
  })

  it('that breaks off is a failure', async () => {
    const done = begin()
    await until('it has begun', () => icon.includes(0.5))
    answers[0]?.destroy()
    expect(await done).toBe(false)
    expect([told.at(-1)?.state, failures.length, readdirSync(folder)]).toEqual(['failed', 1, []])
  })
})
