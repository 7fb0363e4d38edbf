import { nearestName } from './nearest-name.ts'
import type { Option } from './options.ts'
import { OPTIONS, SECTIONS } from './options.ts'
import type { Assignment } from './origin.ts'
import { warningAt } from './origin.ts'
import type { FoundSection } from './read-sources.ts'
import { ENDPOINTS } from './service-classes.ts'

const TABLE: readonly Option[] = OPTIONS
const SECTION_NAMES: readonly string[] = SECTIONS.map(({ name }) => name)
const SERVICE_SECTIONS = SECTION_NAMES.filter((name) => name.endsWith('services'))

/** A warning for each section and option that nobody reads, with the nearest name that somebody does read. */
export function unknownNames(sections: readonly FoundSection[], assignments: readonly Assignment[]): readonly string[] {
  return [
    ...sections.filter(({ name }) => !SECTION_NAMES.includes(name)).map(unknownSection),
    ...assignments.map(unknownOption).filter((warning) => warning !== null),
  ]
}

function unknownSection({ name, file, line }: FoundSection): string {
  if (name === 'settings') {
    return `${file}:${line}: [settings] is read in scrapy.cfg only; name the folder of a project in [projects]`
  }
  return `${file}:${line}: unknown section [${name}]; the nearest known one is [${nearestName(name, SECTION_NAMES)}]`
}

function unknownOption(assignment: Assignment): string | null {
  const { section, name } = assignment
  if (SERVICE_SECTIONS.includes(section)) {
    if (ENDPOINTS.includes(name)) return null
    return warningAt(assignment, `unknown web service; the nearest known one is '${nearestName(name, ENDPOINTS)}'`)
  }
  const options = TABLE.filter((option) => option.section === section)
  // Sections whose names are free, and unknown sections, which have had their warning.
  if (options.length === 0) return null
  const option = options.find((known) => known.name === name)
  if (option?.type.kind === 'ignored') return warningAt(assignment, `is ignored. ${option.doc}`)
  if (option !== undefined || (section === 'scrapyd' && name === 'node_name')) return null
  const elsewhere = TABLE.find((known) => known.name === name)
  if (elsewhere !== undefined) return warningAt(assignment, `unknown option; it belongs to [${elsewhere.section}]`)
  const names = options.map((known) => known.name)
  return warningAt(assignment, `unknown option; the nearest known one is '${nearestName(name, names)}'`)
}
