import type { TreeKind } from '../api/ports.ts'

/** A place below `/logs/` or `/items/` of a node. */
export interface ForwardPath {
  readonly kind: TreeKind
  /** Decoded names. */
  readonly segments: readonly string[]
  /** It was asked for with a slash at the end. */
  readonly isFolder: boolean
  /** The path as it is sent: encoded anew, name by name. */
  readonly href: string
}

const LONGEST_NAME = 255

/**
 * Reads a path (and query, which is dropped) that a forward is asked for. null: it is none that may pass. Names are
 * decoded once; whatever could lead out of the tree, in any encoding, is refused here, since a node may decode it again.
 */
export function parseForwardPath(rest: string): ForwardPath | null {
  const [, kind, below = ''] = /^\/(logs|items)(\/[^?#]*)?(?:[?#].*)?$/s.exec(rest) ?? []
  if (kind !== 'logs' && kind !== 'items') return null
  const parts = below.split('/').slice(1)
  const isFolder = parts.at(-1) === ''
  const segments: string[] = []
  for (const part of isFolder ? parts.slice(0, -1) : parts) {
    const name = decodeName(part)
    if (name === null) return null
    segments.push(name)
  }
  return { kind, segments, isFolder, href: hrefOf(kind, segments, isFolder) }
}

/** The path of a file or folder on any daemon's site. */
export function hrefOf(kind: TreeKind, segments: readonly string[], isFolder: boolean): string {
  return `/${[kind, ...segments].map(encodeURIComponent).join('/')}${isFolder ? '/' : ''}`
}

function decodeName(part: string): string | null {
  let name: string
  try {
    name = decodeURIComponent(part)
  } catch {
    return null
  }
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (name === '' || name === '.' || name === '..' || /[/\\\u0000-\u001f\u007f]/.test(name)) return null
  // A node that decodes twice would see these as a way out of the folder.
  if (/%(2e|2f|5c|00)/i.test(name)) return null
  return Buffer.byteLength(name) > LONGEST_NAME ? null : name
}

/**
 * Where a redirect of a node leads, relative to the path that was asked for, so that it holds behind any prefix. null: out
 * of its `/logs/` and `/items/`, or to another host.
 * @param from the path that the node was asked for
 */
export function mapRedirect(location: string, nodeUrl: string, from: string): string | null {
  const to = URL.parse(location, `${nodeUrl}${from}`)
  if (to === null || to.host !== new URL(nodeUrl).host) return null
  const path = parseForwardPath(to.pathname)
  return path === null ? null : relativePath(from, path.href)
}

function relativePath(from: string, to: string): string {
  const folders = from.split('/').slice(0, -1)
  const parts = to.split('/')
  let common = 0
  while (common < folders.length && common < parts.length - 1 && folders[common] === parts[common]) common++
  // Without the dot a name with a colon would be read as a scheme.
  return `./${'../'.repeat(folders.length - common)}${parts.slice(common).join('/')}`
}
