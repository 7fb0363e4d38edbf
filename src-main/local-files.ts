import { join, normalize, sep } from 'node:path'
import { ConflictError, DirectoryTraversalError } from '../src-daemon/errors.ts'
import type { LocalFolders } from './local-daemon.ts'

/** The file of the local master behind `/logs/…` or `/items/…`. Throws DirectoryTraversalError. */
export function localFile({ logs, items }: Pick<LocalFolders, 'logs' | 'items'>, url: string): string {
  const match = /^\/?(logs|items)\/([^?#]+)/.exec(url)
  const folder = match?.[1] === 'items' ? items : logs
  const file = normalize(join(folder, decodeURIComponent(match?.[2] ?? '')))
  if (match === null || !file.startsWith(folder + sep) || file.includes('\0')) throw new DirectoryTraversalError(url)
  return file
}

/** What the system may open without running it: spiders choose what else is written there. */
const TEXTS = /\.(log|jl|jsonl|json|csv|txt)$/i

/** The same for opening it. Throws ConflictError where that could run it. */
export function textFile(folders: Pick<LocalFolders, 'logs' | 'items'>, url: string): string {
  const file = localFile(folders, url)
  if (!TEXTS.test(file))
    throw new ConflictError('Only logs and items are opened from here: show it in its folder instead.')
  return file
}
