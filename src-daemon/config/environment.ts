import type { Assignment } from './origin.ts'
import type { OptionKey } from './options.ts'

/** Environment variables and their options; later rows win. Source: CONFIG.md; the first five are Scrapyd's. */
export const ENVIRONMENT: readonly (readonly [string, OptionKey])[] = [
  ['SCRAPYD_BIND_ADDRESS', 'scrapyd.bind_address'],
  ['SCRAPYD_HTTP_PORT', 'scrapyd.http_port'],
  ['SCRAPYD_USERNAME', 'scrapyd.username'],
  ['SCRAPYD_PASSWORD', 'scrapyd.password'],
  ['SCRAPYD_UNIX_SOCKET_PATH', 'scrapyd.unix_socket_path'],
  ['SCRAPYD_SERVICE_IDENTITY', 'cluster.identity'],
  ['SCRAPYD_SERVICE_NODE', 'cluster.node_name'],
  ['SCRAPYD_SERVICE_SLAVES', 'cluster.slave_hosts'],
  ['SCRAPYD_SERVICE_CODEPATH', 'cluster.local_crawler_code_path'],
  ['SCRAPYD_SERVICE_BRANCH', 'cluster.branch'],
  ['SCRAPYD_SERVICE_PYTHON', 'scrapyd.python'],
]

/** The names without a prefix, as the original has them. They count only together with `identity`. */
const BARE_NAMES: typeof ENVIRONMENT = [
  ['identity', 'cluster.identity'],
  ['node', 'cluster.node_name'],
  ['slaves', 'cluster.slave_hosts'],
  ['codepath', 'cluster.local_crawler_code_path'],
  ['branch', 'cluster.branch'],
  ['bind_address', 'scrapyd.bind_address'],
  ['http_port', 'scrapyd.http_port'],
]

/**
 * What the environment says. An empty variable is none, as in Scrapyd. Names without a prefix are common words, so each
 * one that counts is named in a warning; the prefixed names win over them.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): { assignments: readonly Assignment[]; warnings: readonly string[] } {
  const set = (names: typeof ENVIRONMENT) => names.filter(([name]) => (env[name] ?? '') !== '')
  const bare = (env['identity'] ?? '') === '' ? [] : set(BARE_NAMES)
  const names = bare.map(([name]) => name).join(', ')
  return {
    assignments: [...bare, ...set(ENVIRONMENT)].map(([name, key]) => {
      const [section, option] = key.split('.', 2) as [string, string]
      const origin = { kind: 'environment', name } as const
      return { section, name: option, value: env[name] ?? '', origin, base: cwd, continuedAt: null, isBroken: false }
    }),
    warnings:
      bare.length === 0
        ? []
        : [`environment: 'identity' is set, so these variables are read too: ${names}; better use SCRAPYD_SERVICE_*`],
  }
}
