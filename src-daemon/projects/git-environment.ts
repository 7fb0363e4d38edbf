import { basename } from 'node:path'

/**
 * Variables by which an operator says how a remote is reached. Every other `GIT_*` either names a repository (a daemon
 * that was started inside a git hook has GIT_DIR) or asks somebody, and is left out.
 */
const KEPT = new Set([
  'GIT_ALLOW_PROTOCOL',
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_CONFIG_SYSTEM',
  'GIT_EXEC_PATH',
  'GIT_HTTP_USER_AGENT',
  'GIT_PROTOCOL',
  'GIT_SSH_VARIANT',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'GIT_SSL_CERT',
  'GIT_SSL_KEY',
  'GIT_SSL_NO_VERIFY',
  'GIT_SSL_VERSION',
])

/** Programs that git would call to ask or to show something. */
const ASKING = new Set(['EDITOR', 'VISUAL', 'PAGER', 'SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE', 'PREFIX'])

/** Marks every process that a git command starts, however deep: git does not end its helpers when it is ended itself. */
export const GIT_MARKER = 'SCRAPYD_SERVICE_GIT'

/** `-c` options for every command: nothing that the daemon runs may ask, page, colour, or start a program of the repository. */
export const GIT_CONFIG: readonly string[] = [
  // Hooks are the operator's shortcuts for work by hand; under the daemon they would run unseen and could wait for input.
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.quotePath=false',
  'credential.interactive=false',
  'color.ui=false',
  'advice.detachedHead=false',
  // Submodules are followed in a step of their own.
  'submodule.recurse=false',
  // Where the tree of a hanging command cannot be found (not Linux), the transport ends by itself.
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
]

/**
 * The environment for a git command. `sshCommand` is the repository's own `core.sshCommand`, which GIT_SSH_COMMAND would
 * hide otherwise.
 */
export function gitEnvironment(
  daemon: NodeJS.ProcessEnv,
  options: { readonly token: string; readonly sshCommand: string | null },
): Record<string, string> {
  const inherited = Object.entries(daemon).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isInherited(entry[0].toUpperCase()),
  )
  return {
    ...Object.fromEntries(inherited),
    // The messages are read by `git-failure.ts`.
    LANGUAGE: '',
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    // Set but empty: git looks no further (core.askPass, SSH_ASKPASS), and asks nobody.
    GIT_ASKPASS: '',
    GCM_INTERACTIVE: 'never',
    GIT_SSH_COMMAND: batchSsh(daemon, options.sshCommand),
    [GIT_MARKER]: options.token,
  }
}

/** Names that simple-git lets through only when they are listed. */
export function guardedNames(environment: Record<string, string>): string[] {
  return Object.keys(environment).filter((name) => name.startsWith('GIT_'))
}

function isInherited(name: string): boolean {
  if (ASKING.has(name)) return false
  return name.startsWith('GIT_') ? KEPT.has(name) : true
}

function batchSsh(daemon: NodeJS.ProcessEnv, configured: string | null): string {
  const program = daemon['GIT_SSH'] ? `'${daemon['GIT_SSH'].replaceAll("'", String.raw`'\''`)}'` : 'ssh'
  const command = daemon['GIT_SSH_COMMAND'] || configured || program
  return isOpenSsh(command) ? `${command} -o BatchMode=yes -o ConnectTimeout=15` : command
}

/** Only OpenSSH knows `-o BatchMode`; plink and wrappers of other names are left as they are. */
function isOpenSsh(command: string): boolean {
  const program = /^'([^']*)'|^"([^"]*)"|^(\S+)/.exec(command.trim())
  const path = program?.[1] ?? program?.[2] ?? program?.[3] ?? ''
  return /^ssh(\.exe)?$/i.test(basename(path.replaceAll('\\', '/')))
}
