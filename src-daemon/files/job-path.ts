import { join, sep } from 'node:path'
import { DirectoryTraversalError, InvalidParameterError } from '../errors.ts'

/** Longest file name, in bytes, that Linux and macOS file systems take. */
const maxNameBytes = 255

/**
 * The one place that joins folder, project, spider and file name (`<job>.log`, `<job>.jl`, `<job>` for a JOBDIR).
 * Throws DirectoryTraversalError in Scrapyd's wording when a name would leave its folder, and InvalidParameterError when
 * no file system could hold it: call it before anything is stored or started.
 */
export function jobPath(dir: string, project: string, spider: string, file: string): string {
  if (![project, spider, file].every(staysInFolder)) throw new DirectoryTraversalError(`${project}/${spider}/${file}`)
  for (const [parameter, name] of [
    ['project', project],
    ['spider', spider],
    ['jobid', file],
  ] as const) {
    if (Buffer.byteLength(name) > maxNameBytes) {
      throw new InvalidParameterError(parameter, `${parameter} is too long for a file name: ${name}`)
    }
  }
  return join(dir, project, spider, file)
}

/** Whether a name is one path component that names something inside its folder. */
export function staysInFolder(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false
  // A lone surrogate is written as U+FFFD: two spiders would share their files.
  if (name.includes('/') || name.includes('\0') || !name.isWellFormed()) return false
  // Where the separator is a backslash, a colon names a drive or a stream.
  return sep === '/' || !/[\\:]/.test(name)
}
