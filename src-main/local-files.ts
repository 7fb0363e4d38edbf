import { join, normalize, sep } from 'node:path'
import { DirectoryTraversalError } from '../src-daemon/errors.ts'
import type { LocalFolders } from './local-daemon.ts'

/** The file of the local master behind `/logs/…` or `/items/…`. Throws DirectoryTraversalError. */
export function localFile({ logs, items }: Pick<LocalFolders, 'logs' | 'items'>, url: string): string {
  const match = /^\/?(logs|items)\/([^?#]+)/.exec(url)
  const folder = match?.[1] === 'items' ? items : logs
  const file = normalize(join(folder, decodeURIComponent(match?.[2] ?? '')))
  if (match === null || !file.startsWith(folder + sep) || file.includes('\0')) throw new DirectoryTraversalError(url)
  return file
}
