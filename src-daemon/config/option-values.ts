import type { ConfigProblem } from '../errors.ts'
import type { AnyValue, ValueByKind } from './option-value.ts'
import { parseValue } from './option-value.ts'
import type { Option, OptionKey, OptionOf } from './options.ts'
import { OPTIONS } from './options.ts'
import type { Assignment, Origin } from './origin.ts'
import { DEFAULT_ORIGIN, problemAt } from './origin.ts'

type ValueOfType<T> = T extends { kind: 'choice'; of: readonly (infer C)[] }
  ? C
  : T extends { kind: infer K extends keyof ValueByKind }
    ? ValueByKind[K]
    : never

/** The value of every option; null where an option without a default is not set. */
export type OptionValues = {
  readonly [K in OptionKey]: ValueOfType<OptionOf<K>['type']> | (OptionOf<K>['default'] extends '' ? null : never)
}

/** The values of `[cluster]` and `[scrapyd]`, and what set them. */
export interface ReadOptions {
  readonly values: OptionValues
  readonly origins: ReadonlyMap<OptionKey, Origin>
  /** The assignment that decided, for later complaints; also one that unsets an option. */
  readonly assignments: ReadonlyMap<OptionKey, Assignment>
  readonly problems: readonly ConfigProblem[]
  /** Options whose value cannot be used; what depends on them need not be looked at. */
  readonly bad: ReadonlySet<OptionKey>
}

/** The key of an option of the table. */
export function optionKey(option: Pick<Option, 'section' | 'name'>): OptionKey {
  return `${option.section}.${option.name}` as OptionKey
}

/**
 * The last assignment of each option decides; an empty one is the default again. Bad values are problems, and the default
 * stands in for them so that everything else can still be checked. Default folders lie in `defaultBase`.
 */
export function readOptions(assignments: readonly Assignment[], defaultBase: string): ReadOptions {
  const decided = new Map<OptionKey, Assignment>()
  const known = new Set<string>(OPTIONS.map(optionKey))
  for (const assignment of assignments) {
    const key = assignedKey(assignment)
    if (known.has(key)) decided.set(key as OptionKey, assignment)
  }
  const values = new Map<OptionKey, AnyValue>()
  const origins = new Map<OptionKey, Origin>()
  const problems: ConfigProblem[] = []
  const bad = new Set<OptionKey>()
  for (const option of OPTIONS as readonly Option[]) {
    const key = optionKey(option)
    const assignment = decided.get(key)
    values.set(key, defaultValue(option, defaultBase))
    origins.set(key, assignment?.origin ?? DEFAULT_ORIGIN)
    if (assignment?.isBroken === true) bad.add(key)
    if (assignment === undefined || assignment.isBroken || assignment.value === '') continue
    const continued = continuationProblem(option, assignment)
    const parsed = continued ?? parseValue(option.type, assignment.value, assignment.base)
    if ('value' in parsed) values.set(key, parsed.value)
    else {
      bad.add(key)
      problems.push(problemAt(assignment, parsed.problem))
    }
  }
  return { values: Object.fromEntries(values) as unknown as OptionValues, origins, assignments: decided, problems, bad }
}

/** Scrapyd has `node_name` in `[scrapyd]`. */
function assignedKey({ section, name }: Assignment): string {
  return section === 'scrapyd' && name === 'node_name' ? 'cluster.node_name' : `${section}.${name}`
}

function defaultValue(option: Option, base: string): AnyValue {
  if (option.default === '') return emptyValue(option)
  const parsed = parseValue(option.type, option.default, base)
  if ('value' in parsed) return parsed.value
  throw new TypeError(`the default of ${option.name} is not valid: ${parsed.problem}`)
}

function emptyValue(option: Option): AnyValue {
  return option.type.kind === 'host-names' || option.type.kind === 'origins' ? [] : null
}

const LISTS = new Set<Option['type']['kind']>(['slave-hosts', 'host-names', 'origins'])

function continuationProblem(option: Option, assignment: Assignment): { problem: string } | null {
  return LISTS.has(option.type.kind) ? null : continuation(assignment)
}

/** A value that must stand on one line and does not: mostly an option that was indented by mistake. */
export function continuation({ continuedAt }: Assignment): { problem: string } | null {
  if (continuedAt === null) return null
  return { problem: `goes on in line ${continuedAt}, which is indented; begin that line in the first column` }
}
