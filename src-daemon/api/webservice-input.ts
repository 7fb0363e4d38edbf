import { constants } from 'node:os'
import type { Webservice, WebserviceParameter } from './contract/webservices.ts'
import { InvalidParameterError, MissingParameterError } from '../errors.ts'
import { decodeUtf8, parseFinite, PythonValueError } from './python-text.ts'
import type { Parameters } from './parameters.ts'
import { isZip } from './zip-probe.ts'

/** The checked parameters of a web service. What was not sent is not there. */
export interface WebserviceInput {
  /** Values of kind `text` by name. */
  readonly texts: ReadonlyMap<string, string>
  readonly priority: number | null
  readonly settings: Readonly<Record<string, string>>
  readonly signal: NodeJS.Signals | null
  /** Whether an upload (kind `bytes`) is a ZIP archive. */
  readonly isZip: boolean
  /** Parameters that the service does not name: spider arguments. */
  readonly args: Readonly<Record<string, string>>
}

/**
 * Checks parameters in the order of the table and with Scrapyd's words. `isMaster`: parameters that only a master
 * knows are spider arguments elsewhere. Throws MissingParameterError, InvalidParameterError.
 */
export function readInput(service: Webservice, parameters: Parameters, isMaster: boolean): WebserviceInput {
  const known = service.parameters.filter(({ masterOnly }) => isMaster || masterOnly !== true)
  const texts = new Map<string, string>()
  let priority: number | null = null
  let settings: Record<string, string> = {}
  let signal: NodeJS.Signals | null = null
  let zip = false
  for (const parameter of known) {
    const { name, kind, required } = parameter
    const first = parameters.first(name)
    if (first === undefined) {
      if (required) throw new MissingParameterError(name)
      continue
    }
    switch (kind) {
      case 'text':
        texts.set(name, text(parameter, first.value))
        break
      case 'float':
        priority = named(name, () => parseFinite(first.value))
        break
      case 'signal':
        signal = signalOf(name, text(parameter, first.value))
        break
      case 'setting':
        settings = settingsOf(parameter, parameters)
        break
      case 'bytes':
        zip = first.zip ?? isZip(first.value)
        break
    }
  }
  const args = service.openArguments ? argumentsOf(parameters, new Set(known.map(({ name }) => name))) : {}
  return { texts, priority, settings, signal, isZip: zip, args }
}

function text({ name }: WebserviceParameter, bytes: Buffer): string {
  return refuseNul(
    name,
    named(name, () => decodeUtf8(bytes)),
  )
}

function refuseNul(name: string, value: string): string {
  if (value.includes('\0')) throw new InvalidParameterError(name, `${name} is invalid: NUL characters are not allowed`)
  return value
}

function named<T>(name: string, convert: () => T): T {
  try {
    return convert()
  } catch (error) {
    if (error instanceof PythonValueError) {
      throw new InvalidParameterError(name, `${name} is invalid: ${error.message}`)
    }
    throw error
  }
}

function settingsOf(parameter: WebserviceParameter, parameters: Parameters): Record<string, string> {
  const settings: [string, string][] = parameters.all(parameter.name).map(({ value }) => {
    const pair = text(parameter, value)
    const at = pair.indexOf('=')
    if (at < 1) {
      throw new InvalidParameterError(
        parameter.name,
        `${parameter.name} is invalid: ${JSON.stringify(shorten(pair))} is not NAME=value`,
      )
    }
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  return Object.fromEntries(settings)
}

/** The first value of each name, as Scrapyd keeps it. */
function argumentsOf(parameters: Parameters, known: ReadonlySet<string>): Record<string, string> {
  const args = new Map<string, string>()
  for (const { name, value } of parameters.list) {
    if (known.has(name)) continue
    const key = argumentText(Buffer.from(name, 'latin1'))
    if (!args.has(key)) args.set(key, refuseNul(shorten(refuseNul('argument', key)), argumentText(value)))
  }
  return Object.fromEntries(args)
}

function argumentText(bytes: Buffer): string {
  try {
    return decodeUtf8(bytes)
  } catch (error) {
    if (error instanceof PythonValueError) throw new InvalidParameterError('', `UnicodeDecodeError: ${error.message}`)
    throw error
  }
}

const SHOWN = 100
const shorten = (value: string) => (value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value)

/** `INT`, `SIGINT`, `int` and `2` are the same. */
function signalOf(name: string, value: string): NodeJS.Signals {
  const wanted = value.trim().toUpperCase()
  const found = Object.entries(constants.signals).find(
    ([signal, number]) => signal === wanted || signal === `SIG${wanted}` || String(number) === wanted,
  )
  if (found === undefined) {
    throw new InvalidParameterError(name, `${name} is invalid: ${JSON.stringify(shorten(value))} is no signal`)
  }
  return found[0] as NodeJS.Signals
}
