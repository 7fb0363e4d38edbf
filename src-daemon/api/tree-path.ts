import { malformed, notFound } from './http-error.ts'
import { decodeUtf8 } from './python-text.ts'

const HEX_BYTE = /%([0-9A-Fa-f]{2})/g
const LONGEST_NAME = 255

export interface TreePath {
  /** Decoded names from the root of the tree downwards. */
  readonly segments: readonly string[]
  /** The path ended with a slash. */
  readonly isFolder: boolean
}

/**
 * Splits what follows `/logs` or `/items`, as sent, into names. Whatever could lead out of the tree, in any encoding, is
 * refused (400 or 404) before a disk is asked. A name is decoded once: `%252e` is the name `%2e`.
 */
export function parseTreePath(rest: string): TreePath {
  const parts = rest.split('/').slice(1)
  const isFolder = parts.at(-1) === ''
  return { segments: (isFolder ? parts.slice(0, -1) : parts).map(decodeName), isFolder }
}

function decodeName(raw: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) throw malformed('The path is not properly encoded')
  const bytes = Buffer.from(
    raw.replaceAll(HEX_BYTE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  )
  let name: string
  try {
    name = decodeUtf8(bytes)
  } catch {
    throw malformed('The path is not UTF-8')
  }
  if (name === '' || name === '.' || name === '..' || bytes.length > LONGEST_NAME) throw notFound()
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[/\\\u0000-\u001f\u007f]/.test(name)) throw notFound()
  return name
}
