import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertNever } from '../errors.ts'
import type { SlaveHost } from './config.ts'
import type { OptionType } from './options.ts'
import { describeType } from './options.ts'
import { formatSlaveHosts, MASK, parseSlaveHosts } from './slave-hosts.ts'

/** What the value of an option is once it is read; `seconds` become milliseconds. */
export interface ValueByKind {
  readonly text: string
  readonly username: string
  readonly password: string
  readonly branch: string
  readonly flag: boolean
  readonly integer: number
  readonly seconds: number
  readonly choice: string
  readonly address: string
  readonly socket: string
  readonly folder: string
  readonly 'folder-or-uri': string
  readonly header: string
  readonly 'host-names': readonly string[]
  readonly origins: readonly string[]
  readonly 'slave-hosts': readonly SlaveHost[]
  readonly command: string
  readonly module: string
  readonly class: string
  readonly ignored: null
}

export type AnyValue = ValueByKind[keyof ValueByKind]
type Parsed = { readonly value: AnyValue } | { readonly problem: string }

const FLAGS: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  1: true,
  off: false,
  false: false,
  no: false,
  0: false,
}

/** `sockaddr_un` holds 104 bytes on macOS (108 on Linux), the last one is a zero. */
const LONGEST_SOCKET_PATH = 103

/** Reads a value that is not empty. Relative paths start from `base`. A problem says what is wrong and what is taken. */
export function parseValue(type: OptionType, text: string, base: string): Parsed {
  const parsed = parse(type, text, base)
  return 'problem' in parsed ? { problem: `${parsed.problem}; it takes ${describeType(type)}` } : parsed
}

/** A value as it may be shown, and (but for passwords) read again. */
export function formatValue(type: OptionType, value: AnyValue): string {
  if (value === null) return ''
  switch (type.kind) {
    case 'password':
      return MASK
    case 'slave-hosts':
      return formatSlaveHosts(value as readonly SlaveHost[])
    case 'flag':
      return value === true ? 'on' : 'off'
    case 'seconds':
      return String(Number(value) / 1000)
    case 'host-names':
    case 'origins':
      return (value as readonly string[]).join(', ')
    default:
      return String(value)
  }
}

function parse(type: OptionType, text: string, base: string): Parsed {
  switch (type.kind) {
    case 'text':
      return [...text].length <= type.maxLength ? line(text) : { problem: 'is too long' }
    case 'username':
      return text.includes(':') ? { problem: 'holds a colon, which Basic authentication cannot carry' } : line(text)
    case 'password':
      return text === MASK ? { problem: 'is the mask of `scrapyd-service config`, not a password' } : line(text)
    case 'branch':
      return accept(text, /^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s\p{Cc}~^:?*[\\]+(?<![/.])$/u)
    case 'flag': {
      const flag = FLAGS[text.toLowerCase()]
      return flag === undefined ? notValid(text) : { value: flag }
    }
    case 'integer':
      return parseInteger(text, type.min, type.max)
    case 'seconds':
      return parseSeconds(text, type.min, type.max)
    case 'choice': {
      const choice = text.toLowerCase()
      return type.of.includes(choice) ? { value: choice } : notValid(text)
    }
    case 'address':
      return parseAddress(text)
    case 'socket': {
      const path = resolve(base, text)
      return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH ? line(path) : { problem: `'${path}' is too long` }
    }
    case 'folder':
      return parseFolder(text, base)
    case 'folder-or-uri': {
      const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
      if (scheme === undefined) return parseFolder(text, base)
      return scheme === 'file' ? parseFileUri(text) : line(text)
    }
    case 'header': {
      const header = text.toLowerCase()
      return accept(header, /^[a-z0-9!#$%&'*+.^_`|~-]+$/)
    }
    case 'host-names':
      return parseList(text, hostName)
    case 'origins':
      return parseList(text, origin)
    case 'slave-hosts': {
      const parsed = parseSlaveHosts(text)
      return 'hosts' in parsed ? { value: parsed.hosts } : parsed
    }
    case 'command':
      return parseCommand(text, base)
    case 'module':
      return accept(text, /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*$/u)
    case 'class':
      return type.of.includes(text)
        ? { value: text }
        : { problem: `'${text}' cannot be loaded: only the built-in can be selected here` }
    case 'ignored':
      return { value: null }
    default:
      return assertNever(type)
  }
}

/** A command name is found in PATH; anything with a slash is a path. */
export function parseCommand(text: string, base: string): { value: string } | { problem: string } {
  if (!text.includes('/')) return text.startsWith('-') ? notValid(text) : line(text)
  return line(resolve(base, text))
}

function notValid(text: string): { problem: string } {
  return { problem: `'${text}' is not valid` }
}

function accept(text: string, pattern: RegExp): Parsed {
  return pattern.test(text) ? { value: text } : notValid(text)
}

function line(text: string): { value: string } | { problem: string } {
  return /\p{Cc}/u.test(text) ? { problem: 'holds a control character' } : { value: text }
}

function parseInteger(text: string, min: number, max: number): Parsed {
  if (!/^[+-]?\d+$/.test(text)) return { problem: `'${text}' is not a whole number` }
  // "As large as it gets" is how Scrapyd's documentation switches jobs_to_keep off: 9223372036854775807.
  const value = Math.min(Number(text), Number.MAX_SAFE_INTEGER)
  return value >= min && value <= max ? { value } : { problem: `${text} is out of range` }
}

function parseSeconds(text: string, min: number, max: number): Parsed {
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return { problem: `'${text}' is not a number` }
  const seconds = Number(text)
  return seconds >= min && seconds <= max
    ? { value: Math.round(seconds * 1000) }
    : { problem: `${text} is out of range` }
}

function parseAddress(text: string): Parsed {
  const address = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(address) !== 0) return { value: address }
  // All digits and dots, and not an address: a slip of the pen, not a name.
  const isName = /^(?![\d.]+$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(
    address,
  )
  return isName && address === text ? { value: address } : notValid(text)
}

function parseFolder(text: string, base: string): Parsed {
  if (text === ':memory:') return { problem: "':memory:' would forget everything at the next start" }
  return line(resolve(base, text))
}

function parseFileUri(text: string): Parsed {
  try {
    return line(fileURLToPath(text))
  } catch {
    return notValid(text)
  }
}

function parseList(text: string, read: (entry: string) => string | null): Parsed {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '')
  const values: string[] = []
  for (const entry of entries) {
    const value = read(entry)
    if (value === null) return notValid(entry)
    if (!values.includes(value)) values.push(value)
  }
  return { value: values }
}

/** In the form that a browser's `Host` header has: lower case, international names as xn--…. */
function hostName(entry: string): string | null {
  if (/[*/@?#\\]/.test(entry)) return null
  const bare = isIP(entry) === 6 ? `[${entry}]` : entry
  const url = URL.parse(`http://${bare}`)
  return url === null || /:\d*$/.test(bare) ? null : url.hostname
}

function origin(entry: string): string | null {
  if (entry === '*') return entry
  const url = URL.parse(entry)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  return url.href === `${url.origin}/` ? url.origin : null
}
