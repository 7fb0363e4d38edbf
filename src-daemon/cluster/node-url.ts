import { createHash } from 'node:crypto'
import { InvalidParameterError } from '../errors.ts'

/** Address and credentials of a node, taken apart. */
export interface NodeAddress {
  /** Origin only. */
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  readonly maxProc: number | null
}

/** The id of a node: made of its address, so that it depends neither on order nor on the name it gives itself. */
export function nodeIdOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 12)
}

/** `host:port` or `http(s)://user:password@host:port[?max_proc=4]`. Throws InvalidParameterError (without the password). */
export function parseNodeAddress(text: string): NodeAddress {
  let parsed: URL
  try {
    parsed = new URL(/^https?:\/\//i.test(text) ? text : `http://${text}`)
  } catch {
    throw new InvalidParameterError('host', 'host is invalid: give host:port or http(s)://user:password@host:port')
  }
  const plain = (part: string) => {
    try {
      return part === '' ? null : decodeURIComponent(part)
    } catch {
      throw new InvalidParameterError('host', 'host is invalid: write a % in user name or password as %25')
    }
  }
  const maxProc = parsed.searchParams.get('max_proc')
  if (parsed.pathname !== '/' || parsed.hash !== '' || (maxProc !== null && !/^[1-9]\d{0,4}$/.test(maxProc))) {
    throw new InvalidParameterError('host', 'host is invalid: no path, and max_proc must be a whole number above 0')
  }
  return {
    url: parsed.origin,
    username: plain(parsed.username),
    password: plain(parsed.password),
    maxProc: maxProc === null ? null : Number(maxProc),
  }
}
