export const LINK_SCHEME = 'scrapyd-service'

/** What a link asks for: a route of the console of one cluster. */
export interface DeepLink {
  /** Name of a saved cluster, or `local`. */
  readonly cluster: string
  /** Route behind `#`: `/jobs/…`. */
  readonly path: string
}

/** What may be linked to; everything else of a link is ignored, so that no link can make the console do something. */
const PATHS =
  /^\/(?:$|jobs(?:\/[0-9a-z]{20,40}(?:\/(?:about|items|stats|configuration))?)?$|projects(?:\/[^/]+(?:\/(?:jobs|pulls))?)?$|nodes(?:\/[^/]+(?:\/(?:jobs|projects|history))?)?$|forwards$)/

/** Reads `scrapyd-service://{cluster}/jobs/{key}`; null when it is no link of ours. */
export function parseLink(text: string): DeepLink | null {
  const match = /^scrapyd-service:\/\/([^/?#]*)([^?#]*)/i.exec(text.trim())
  if (match === null) return null
  try {
    const cluster = decodeURIComponent(match[1] ?? '')
    const path = match[2] === '' ? '/' : (match[2] ?? '/').replace(/(.)\/$/, '$1')
    decodeURIComponent(path)
    return cluster !== '' && PATHS.test(path) ? { cluster, path } : null
  } catch {
    // A percent sign that encodes nothing.
    return null
  }
}

/** The link among the arguments that a second start of the app was given (Windows, Linux). */
export function linkOf(argv: readonly string[]): DeepLink | null {
  const found = argv.find((argument) => argument.toLowerCase().startsWith(`${LINK_SCHEME}:`))
  return found === undefined ? null : parseLink(found)
}
