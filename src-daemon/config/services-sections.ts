import type { ConfigProblem } from '../errors.ts'
import type { Identity } from './config.ts'
import { continuation } from './option-values.ts'
import type { Assignment, Origin } from './origin.ts'
import { problemAt } from './origin.ts'
import { classPathProblem, ENDPOINTS } from './service-classes.ts'

/** The web services that are switched off, and where. */
export interface ReadServices {
  readonly disabled: ReadonlyMap<string, Origin>
  readonly problems: readonly ConfigProblem[]
}

/**
 * `[services]` holds for every daemon, `[master-services]` and `[slave-services]` for one of that identity; the latter
 * win within a file. An endpoint that no section names is on. Class paths are checked in all three.
 */
export function readServices(assignments: readonly Assignment[], identity: Identity): ReadServices {
  const own = `${identity}-services`
  const sections = ['services', 'master-services', 'slave-services']
  const named = assignments.filter(({ section, isBroken }) => sections.includes(section) && !isBroken)
  const last = new Map(named.map((assignment) => [`${assignment.section} ${assignment.name}`, assignment]))
  const problems = [...last.values()].flatMap((assignment) => {
    const problem = continuation(assignment)?.problem ?? (assignment.value === '' ? null : check(assignment))
    return problem === null ? [] : [problemAt(assignment, problem)]
  })

  const decided = new Map<string, Assignment>()
  for (const assignment of named) {
    if (assignment.section !== 'services' && assignment.section !== own) continue
    const before = decided.get(assignment.name)
    const isLessSpecific = assignment.section === 'services' && before?.section === own
    if (isLessSpecific && fileOf(before) === fileOf(assignment)) continue
    decided.set(assignment.name, assignment)
  }
  const off = [...decided.values()].filter(({ name, value }) => value === '' && ENDPOINTS.includes(name))
  return { disabled: new Map(off.map(({ name, origin }) => [name, origin])), problems }
}

function check({ name, value }: Assignment): string | null {
  return classPathProblem(name, value)
}

function fileOf({ origin }: Assignment): string | null {
  return origin.kind === 'file' ? origin.file : null
}
