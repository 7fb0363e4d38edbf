import { z } from 'zod'
import type { SlaveHost } from './config.ts'

/** Stands for a password wherever the configuration is shown. */
export const MASK = '********'

const hostList = z.array(z.string())

/** The slaves that a JSON list names, or what is wrong with it. Passwords never appear in a problem. */
export function parseSlaveHosts(text: string): { hosts: readonly SlaveHost[] } | { problem: string } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, and with it the passwords.
    return { problem: 'is not JSON' }
  }
  const list = hostList.safeParse(json)
  if (!list.success) return { problem: 'is not a JSON list of strings' }
  const hosts = new Map<string, SlaveHost>()
  for (const entry of list.data) {
    const host = parseSlaveHost(entry.trim())
    if ('problem' in host) return { problem: `'${maskCredentials(entry)}' ${host.problem}` }
    if (hosts.has(host.url)) return { problem: `names ${host.url} twice` }
    hosts.set(host.url, host)
  }
  return { hosts: [...hosts.values()] }
}

/** The list as it may be shown. */
export function formatSlaveHosts(hosts: readonly SlaveHost[]): string {
  return JSON.stringify(hosts.map(formatSlaveHost))
}

function formatSlaveHost(host: SlaveHost): string {
  const url = new URL(host.url)
  if (host.username !== null) url.username = host.username
  if (host.password !== null) url.password = MASK
  if (host.maxProc !== null) url.searchParams.set('max_proc', String(host.maxProc))
  // The URL of a host and nothing else ends with a slash, which `host:port` has not.
  return url.href.replace(/\/(?=\?|$)/, '')
}

function parseSlaveHost(entry: string): SlaveHost | { problem: string } {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(entry)
  const address = hasScheme ? entry : `http://${entry}`
  // WHATWG URLs drop these in silence, and read a backslash as a slash.
  if (/[\s\\\p{Cc}]/u.test(entry)) return { problem: 'holds a blank, a backslash or a control character' }
  const url = URL.parse(address)
  if (url === null) {
    return {
      problem: 'is not a host; in a user name or password write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F',
    }
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { problem: `is not http or https` }
  if (!hasScheme && !/:\d+$/.test(entry.replace(/[/?].*$/s, ''))) return { problem: 'has no port; write host:port' }
  if (url.port === '0') return { problem: 'has port 0' }
  if (url.pathname !== '/' || url.hash !== '') return { problem: 'has a path; write the host and the port only' }
  const query = parseQuery(url.searchParams)
  if ('problem' in query) return query
  const username = decode(url.username)
  const password = decode(url.password)
  if (username === null || password === null) return { problem: 'holds a % that does not begin an escape; write %25' }
  if (username === '' && password !== '') return { problem: 'has a password without a user name' }
  if (password === MASK) return { problem: 'has the mask of `scrapyd-service config` in place of the password' }
  return { url: url.origin, username: username || null, password: password || null, maxProc: query.maxProc }
}

function parseQuery(query: URLSearchParams): { maxProc: number | null } | { problem: string } {
  const unknown = [...query.keys()].find((name) => name !== 'max_proc')
  if (unknown !== undefined) return { problem: `has the unknown parameter '${unknown}'; it takes max_proc only` }
  const text = query.get('max_proc')
  if (text === null) return { maxProc: null }
  const maxProc = Number(text)
  if (!/^\d+$/.test(text) || maxProc < 1 || maxProc > 100_000) {
    return { problem: `has max_proc=${text}; it takes a whole number from 1 to 100000` }
  }
  return { maxProc }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Whatever may be a password goes, also in a text that is no URL at all. */
function maskCredentials(entry: string): string {
  return entry.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${MASK}@`)
}
