import { readFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { clientOf, peerCertificate, testConnection, type Address } from '../../src-main/connection-test.ts'
import type { CertificateRule } from '../../src-main/ipc-contract.ts'
import { secureAgent, secureFetch } from '../../src-main/secure-fetch.ts'
import { root } from '../../scripts/lib/root.ts'
import { sampleSelf } from '../helpers/sample-cluster.ts'

const tls = (name: string) => readFileSync(join(root, 'test/fixtures/tls', name), 'utf8')
const SYSTEM: CertificateRule = { kind: 'system' }
const OWN_CA: CertificateRule = { kind: 'ca', name: 'ca.pem', pem: tls('ca.pem') }

let server: { close(): unknown; closeAllConnections(): void } | null = null
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = null
})

/** Every request that came so far, by its Authorization. */
const seen: (string | undefined)[] = []

/** `certificate`: its file; null: by http. */
async function serve(
  answer: (path: string) => [status: number, body: unknown],
  certificate: string | null = null,
): Promise<string> {
  seen.length = 0
  const listener: Parameters<typeof createHttp>[1] = (request, response) => {
    seen.push(request.headers.authorization)
    const [status, body] = answer(request.url ?? '')
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const made =
    certificate === null
      ? createHttp(listener)
      : createServer({ cert: tls(certificate), key: tls('server.key') }, listener)
  server = made
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return `${certificate === null ? 'http' : 'https'}://127.0.0.1:${(made.address() as AddressInfo).port}`
}

const address = (url: string, more: Partial<Address> = {}): Address => ({
  url,
  username: 'operator',
  password: 'secret',
  certificate: SYSTEM,
  ...more,
})

describe('testConnection', () => {
  it('says that nothing listens', async () => {
    const gone = await serve(() => [200, {}])
    server?.close()
    expect(await testConnection(address(gone))).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('connection refused') as string,
    })
    expect(await testConnection(address('http://no-such-host.invalid'))).toMatchObject({ kind: 'unreachable' })
  })

  it('says that a stock Scrapyd or another server is no master', async () => {
    const scrapyd = await serve((path) => (path === '/daemonstatus.json' ? [200, { status: 'ok' }] : [404, 'nothing']))
    expect(await testConnection(address(scrapyd))).toMatchObject({ kind: 'not-a-master', found: 'scrapyd' })
    server?.close()
    expect(await testConnection(address(await serve(() => [200, {}])))).toMatchObject({
      kind: 'not-a-master',
      found: 'other',
    })
  })

  it('says whose slave it is', async () => {
    for (const owner of [null, { instance: 'm', node_name: 'hq-01' }]) {
      const url = await serve(() => [200, sampleSelf({ identity: 'slave', owner })])
      const reason = owner?.node_name ?? ''
      expect(await testConnection(address(url))).toEqual({ kind: 'not-a-master', found: 'slave', reason })
      server?.close()
    }
  })

  it('says which of http and https the other side does not speak', async () => {
    const secure = await serve(() => [200, {}], 'server.pem')
    expect(await testConnection(address(secure.replace('https', 'http')))).toMatchObject({
      kind: 'unreachable',
      reason: 'it speaks https: write https:// in front of it',
    })
    expect(seen).toEqual([])
    server?.close()
    const plain = await serve(() => [200, {}])
    expect(await testConnection(address(plain.replace('http', 'https')))).toMatchObject({
      kind: 'unreachable',
      reason: 'it does not speak https',
    })
  })

  it('says that the password is wrong, or missing', async () => {
    const url = await serve(() => [401, {}])
    expect(await testConnection(address(url))).toEqual({ kind: 'wrong-password', username: 'operator' })
    expect(await testConnection(address(url, { username: '' }))).toEqual({ kind: 'password-needed' })
    expect(await testConnection(address(url, { password: null }))).toEqual({ kind: 'password-needed' })
  })

  it('tells a certificate that is not trusted, with what is needed to judge it', async () => {
    const url = await serve(() => [401, {}], 'server.pem')
    const result = await testConnection(address(url))
    expect(result).toMatchObject({
      kind: 'certificate',
      peer: { subject: 'CN=localhost', issuer: 'CN=Test CA of Scrapyd Service' },
    })
    expect(seen).toEqual([])
  })

  it.each([
    ['self-signed.pem', false, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['server.pem', false, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['expired.pem', true, 'CERT_HAS_EXPIRED'],
    ['future.pem', true, 'CERT_NOT_YET_VALID'],
    ['other-host.pem', true, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('tells what is wrong with %s (its signer is known: %s) by its code', async (name, isKnown, code) => {
    const url = await serve(() => [401, {}], name)
    const certificate: CertificateRule = isKnown ? { kind: 'ca', name, pem: tls(name) } : SYSTEM
    const result = await testConnection(address(url, { certificate }))
    expect(result).toMatchObject({ kind: 'certificate', code, peer: { fingerprint: expect.any(String) as string } })
    expect(JSON.stringify(result)).not.toContain('Node.js')
    expect(seen).toEqual([])
    // Whoever has compared the fingerprint may take it all the same.
    const fingerprint = (result.kind === 'certificate' && result.peer?.fingerprint) || ''
    expect(await testConnection(address(url, { certificate: { kind: 'pinned', fingerprint } }))).toMatchObject({
      kind: 'wrong-password',
    })
  })

  it('accepts an own CA, and the one certificate that was pinned', async () => {
    const url = await serve(() => [401, {}], 'server.pem')
    const wrong = { kind: 'wrong-password', username: 'operator' }
    expect(await testConnection(address(url, { certificate: OWN_CA }))).toEqual(wrong)
    const { fingerprint = '' } = (await peerCertificate(url)) ?? {}
    expect(await testConnection(address(url, { certificate: { kind: 'pinned', fingerprint } }))).toEqual(wrong)
    expect(seen).toHaveLength(2)
  })

  it('sends nothing to a server whose certificate is not the pinned one', async () => {
    const url = await serve(() => [200, {}], 'server.pem')
    const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':')
    const result = await testConnection(address(url, { certificate: { kind: 'pinned', fingerprint } }))
    expect(result).toMatchObject({
      kind: 'certificate',
      reason: expect.stringContaining('not the pinned one') as string,
    })
    expect(seen).toEqual([])
  })
})

describe('an event stream', () => {
  const follow = async (url: string, certificate: CertificateRule) => {
    for await (const events of clientOf(address(url, { certificate })).openEventBatches({ live: true })) return events
    return null
  }
  it('is judged by the same rule: nothing goes to a server whose certificate is not the right one', async () => {
    const url = await serve(() => [401, {}], 'server.pem')
    const { fingerprint = '' } = (await peerCertificate(url)) ?? {}
    for (const rule of [OWN_CA, { kind: 'pinned', fingerprint }] as const) {
      await expect(follow(url, rule)).rejects.toThrow('password')
    }
    expect(seen).toHaveLength(2)
    const other = fingerprint.replace(/^../, (first) => (first === '00' ? '01' : '00'))
    for (const rule of [SYSTEM, { kind: 'pinned', fingerprint: other }] as const) {
      await expect(follow(url, rule)).rejects.toThrow('certificate')
    }
    expect(seen).toHaveLength(2)
  })
})

describe('secureFetch', () => {
  it('gives what fetch gives: body, headers, and an end by its signal', async () => {
    const url = await serve(() => [200, { a: '新闻' }], 'server.pem')
    const ask = secureFetch(secureAgent(OWN_CA))
    const answer = await ask(`${url}/x`, { method: 'POST', body: 'b', headers: { 'content-type': 'text/plain' } })
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      200,
      'application/json',
      { a: '新闻' },
    ])
    const stop = AbortSignal.abort(new Error('not wanted'))
    await expect(ask(url, { signal: stop })).rejects.toThrow('not wanted')
  })
})
