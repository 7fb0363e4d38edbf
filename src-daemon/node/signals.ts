import { constants } from 'node:os'
import { InvalidParameterError } from '../errors.ts'

/** A signal by name (`INT`, `SIGINT`) or number, as Scrapyd takes it. Throws InvalidParameterError. */
export function signalOf(text: string): NodeJS.Signals {
  const names = Object.keys(constants.signals) as NodeJS.Signals[]
  const wanted = /^\d+$/.test(text)
    ? names.find((name) => constants.signals[name] === Number(text))
    : names.find((name) => name === text.toUpperCase() || name === `SIG${text.toUpperCase()}`)
  if (wanted === undefined) {
    throw new InvalidParameterError(
      'signal',
      `signal is invalid: '${text}' is neither the name nor the number of a signal`,
    )
  }
  return wanted
}
