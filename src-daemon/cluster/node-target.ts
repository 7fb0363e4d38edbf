/** Where another node is reached, and as whom. The credentials go into requests and nowhere else. */
export interface NodeTarget {
  readonly id: string
  /** For messages. */
  readonly name: string
  /** `http://host:port` or `https://host:port`, without credentials. */
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  readonly kind: 'slave' | 'scrapyd' | 'unknown'
  /** Capacity; null while it is not known. */
  readonly maxProc: number | null
}

/** The `Authorization` header for a node; empty when it takes none. */
export function authorizationFor({ username, password }: NodeTarget): { readonly authorization?: string } {
  if (username === null && password === null) return {}
  return { authorization: `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}` }
}

/** Where a request to a node goes, in the form that node:http takes. */
export interface NodeAuthority {
  readonly protocol: 'http:' | 'https:'
  /** Without the brackets of IPv6. */
  readonly hostname: string
  readonly port: number
  /** The `Host` header. */
  readonly host: string
}

export function authorityOf({ url }: NodeTarget): NodeAuthority {
  const { protocol, hostname, port, host } = new URL(url)
  const isSecure = protocol === 'https:'
  return {
    protocol: isSecure ? 'https:' : 'http:',
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    host,
  }
}

/** How a node is called in messages: its name, with its address where that says more. */
export function callName({ name, url }: NodeTarget): string {
  const { host } = new URL(url)
  return name === host || name === '' ? host : `${name} (${host})`
}
