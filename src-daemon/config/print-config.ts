import { quoteIfNeeded } from './inline-comment.ts'
import type { LoadedConfig } from './load-config.ts'
import { formatValue } from './option-value.ts'
import { optionKey } from './option-values.ts'
import type { Option } from './options.ts'
import { OPTIONS } from './options.ts'
import { describeOrigin } from './origin.ts'

/** Where the comments begin, when the value is short enough. */
const COMMENT_COLUMN = 48

/**
 * The effective configuration as a file of ours, each value with its source as a comment. Passwords are masked, and the
 * mask is refused when the text is loaded: a password that everybody can read here must not come into use.
 */
export function printConfig({ config, origins, values, files }: LoadedConfig): string {
  const from = (key: string) => describeOrigin(origins[key] ?? { kind: 'default' })
  const section = (name: 'cluster' | 'scrapyd') => [
    `[${name}]`,
    ...(OPTIONS as readonly Option[])
      .filter((option) => option.section === name && option.type.kind !== 'ignored')
      .map((option) => {
        const key = optionKey(option)
        // Nothing, not the default: this daemon listens on its Unix socket alone.
        const isOff = key === 'scrapyd.bind_address' && !config.scrapyd.listensOnTcp
        const text = isOff ? '' : formatValue(option.type, values[key])
        // A JSON list is read as it is; quotes would make one text of it.
        return line(option.name, option.type.kind === 'slave-hosts' ? text : quoteIfNeeded(text), from(key))
      }),
  ]
  const named = (name: string, entries: readonly (readonly [string, string])[]) => [
    `[${name}]`,
    ...entries.map(([key, value]) => line(key, quoteIfNeeded(value), from(`${name}.${key}`))),
  ]
  const parts = [
    [`# Effective configuration of scrapyd-service.`, ...filesRead(files)],
    section('cluster'),
    named(
      'projects',
      config.projects.map(({ name, path }) => [name, path]),
    ),
    named('python', Object.entries(config.python)),
    named('warm_runner', Object.entries(config.warmRunner)),
    named('spider_modules', Object.entries(config.spiderModules)),
    section('scrapyd'),
    named(
      'services',
      [...config.disabledServices].map((endpoint) => [endpoint, '']),
    ),
  ]
  return parts.map((lines) => `${lines.join('\n')}\n`).join('\n')
}

function filesRead(files: readonly string[]): readonly string[] {
  return files.length === 0 ? ['# No configuration file was found.'] : files.map((file) => `# Read: ${file}`)
}

function line(name: string, value: string, source: string): string {
  return `${`${name} = ${value}`.trimEnd().padEnd(COMMENT_COLUMN)}  # ${source}`
}
