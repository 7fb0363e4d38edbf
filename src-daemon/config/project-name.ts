import { reasonText } from '../api/contract/reasons.ts'

const MAX_CHARACTERS = 200
/** A name becomes a folder name (`logs/NAME/…`), and file systems count bytes. */
const MAX_BYTES = 255

/**
 * What is wrong with a project's name, in words; null where it can be used. Letters of every language are allowed; the
 * name must be one safe component of a path.
 */
export function projectNameProblem(name: string): string | null {
  if (name === '') return reasonText('nameNeeded')
  if (name === '.' || name === '..') return reasonText('notAName', { name })
  if (/[/\\]/.test(name)) return reasonText('nameHoldsSlash')
  if (/[\p{Cc}\u2028\u2029]/u.test(name)) return reasonText('nameHoldsControl')
  if ([...name].length > MAX_CHARACTERS) return reasonText('nameTooLong', { n: MAX_CHARACTERS })
  if (Buffer.byteLength(name) > MAX_BYTES) return reasonText('nameTooLarge', { n: MAX_BYTES })
  return null
}
