import { InvalidParameterError } from '../errors.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * A moment in a filter: ISO 8601, or relative to now such as `-24h` (units s, m, h, d, w). Milliseconds since 1970.
 * Throws InvalidParameterError.
 */
export function momentOf(parameter: string, text: string, now: number = Date.now()): number {
  const relative = /^-(\d{1,9})([smhdw])$/.exec(text)
  if (relative !== null) return now - Number(relative[1]) * UNITS[relative[2]!]!
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(moment)) {
    throw new InvalidParameterError(parameter, `${parameter} is invalid: '${text}' is neither ISO 8601 nor like -24h`)
  }
  return moment
}
