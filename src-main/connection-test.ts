import type { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { ApiClient } from '../src-daemon/api/client/api-client.ts'
import { NodeUnreachableError, UnauthorizedError } from '../src-daemon/errors.ts'
import type { CertificateRule, PeerCertificate, TestResult } from './ipc-contract.ts'
import { secureAgent, secureFetch } from './secure-fetch.ts'

/** How to reach a master. */
export interface Address {
  readonly url: string
  readonly username: string
  readonly password: string | null
  readonly certificate: CertificateRule
}

const TIMEOUT_MS = 8_000

/** The client of a cluster, as main speaks to it. */
export function clientOf({ url, username, password, certificate }: Address, timeoutMs = 60_000): ApiClient {
  const httpsAgent = secureAgent(certificate)
  return new ApiClient({
    baseUrl: url,
    username: username === '' ? null : username,
    password: username === '' ? null : password,
    timeoutMs,
    via: 'desktop',
    fetch: secureFetch(httpsAgent),
    httpsAgent,
  })
}

/** Tries a master: what is there, or exactly what is wrong. Never throws. */
export async function testConnection(address: Address): Promise<TestResult> {
  if (address.username !== '' && address.password === null) return { kind: 'password-needed' }
  const client = clientOf(address, TIMEOUT_MS)
  const started = performance.now()
  try {
    const self = await client.call('getNode')
    const ms = Math.round(performance.now() - started)
    if (self.identity !== 'master') {
      return { kind: 'not-a-master', found: 'slave', reason: self.owner?.node_name ?? '' }
    }
    const [cluster, session] = await Promise.all([client.call('getCluster'), client.call('getSession')])
    return {
      kind: 'connected',
      ms,
      node: self.node_name,
      version: self.version,
      cluster: cluster.cluster_name,
      nodes: cluster.nodes.length,
      offline: cluster.nodes.filter(({ state }) => state === 'offline').length,
      running: cluster.running,
      username: session.username,
    }
  } catch (error) {
    return explain(error, address, client)
  }
}

async function explain(error: unknown, address: Address, client: ApiClient): Promise<TestResult> {
  if (error instanceof UnauthorizedError) {
    return address.username === ''
      ? { kind: 'password-needed' }
      : { kind: 'wrong-password', username: address.username }
  }
  if (!(error instanceof NodeUnreachableError)) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
  const problem = certificateProblem(error)
  if (problem !== null) return { kind: 'certificate', ...problem, peer: await peerCertificate(address.url) }
  // Something answered that does not know /api: perhaps a stock Scrapyd.
  if (/not as a Scrapyd Service daemon|is not understood/.test(error.message)) return otherServer(client)
  const reason = withoutUrl(error.message, client.baseUrl)
  // A server of https closes what does not begin like TLS, which looks like a network that fails.
  const isTls = /^the connection was closed|^it does not speak HTTP$/.test(reason) && (await speaksHttps(address.url))
  return { kind: 'unreachable', reason: isTls ? IS_HTTPS : reason }
}

const IS_HTTPS = 'it speaks https: write https:// in front of it'

async function speaksHttps(url: string): Promise<boolean> {
  return url.startsWith('http:') && (await peerCertificate(url)) !== null
}

async function otherServer(client: ApiClient): Promise<TestResult> {
  try {
    await client.webservice('daemonstatus')
    return { kind: 'not-a-master', found: 'scrapyd', reason: '' }
  } catch (error) {
    return { kind: 'not-a-master', found: 'other', reason: error instanceof Error ? error.message : String(error) }
  }
}

function withoutUrl(message: string, url: string): string {
  return message.startsWith(url) ? message.slice(url.length).replace(/^:?\s+/, '') : message
}

const CERTIFICATE_CODES =
  /^(CERT_|ERR_TLS_CERT|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|PINNED_CERTIFICATE|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)/

/** What TLS says against the certificate; null when that is not what went wrong. */
function certificateProblem(error: unknown): { reason: string; code: string } | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause ? String(cause.code) : ''
    // Node's advice for its own command line is none for who uses this app.
    if (CERTIFICATE_CODES.test(code)) return { code, reason: cause.message.replace(/; if the root CA is .*$/s, '') }
  }
  return null
}

/** The certificate that the server shows, trusted or not, so that an operator can compare it and pin it. */
export function peerCertificate(url: string): Promise<PeerCertificate | null> {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || (protocol === 'http:' ? 80 : 443)),
      rejectUnauthorized: false,
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    })
    const end = (found: PeerCertificate | null) => {
      socket.destroy()
      resolve(found)
    }
    socket.setTimeout(TIMEOUT_MS, () => end(null))
    socket.once('error', () => end(null))
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate()
      end(certificate === undefined ? null : describeCertificate(certificate))
    })
  })
}

/** The parts of a certificate that a person can judge. */
export function describeCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    validTo: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
  }
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}
