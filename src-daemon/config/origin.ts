import type { ConfigProblem } from '../errors.ts'

/** Where a value came from. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number | null }
  | { readonly kind: 'environment'; readonly name: string }

export const DEFAULT_ORIGIN: Origin = { kind: 'default' }

/** One value that a source gives to one option, before it is looked at. */
export interface Assignment {
  readonly section: string
  readonly name: string
  readonly value: string
  readonly origin: Origin
  /** The folder that relative paths start from. */
  readonly base: string
  /** See `IniEntry.continuedAt`. */
  readonly continuedAt: number | null
  /** See `IniEntry.isBroken`. */
  readonly isBroken: boolean
}

/** `/etc/x.conf:12`, `environment SCRAPYD_HTTP_PORT` or `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default'
    case 'environment':
      return `environment ${origin.name}`
    case 'file':
      return origin.line === null ? origin.file : `${origin.file}:${origin.line}`
  }
}

/** A problem with a value, at the place it came from. */
export function problemAt(assignment: Assignment, message: string): ConfigProblem {
  const { origin, section, name } = assignment
  const option = `[${section}] ${name}`
  switch (origin.kind) {
    case 'default':
      return { source: 'default', line: null, option, message }
    case 'environment':
      return { source: 'environment', line: null, option, message: `${origin.name}: ${message}` }
    case 'file':
      return { source: origin.file, line: origin.line, option, message }
  }
}

/** A warning about a value, at the place it came from. */
export function warningAt(assignment: Assignment, message: string): string {
  return `${describeOrigin(assignment.origin)}: [${assignment.section}] ${assignment.name}: ${message}`
}
