import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { freePort } from '../../scripts/lib/free-port.ts'

it('passes over a port that is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const free = await freePort('127.0.0.1', port)
  server.close()
  expect(free).toBeGreaterThan(port)
})
