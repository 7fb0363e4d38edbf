import { userInfo } from 'node:os'
import { GitError } from '../errors.ts'
import type { GitAnswer } from './git-command.ts'
import { withoutCredentials } from './git-output.ts'

/** What is known where a command failed; makes the message say which folder and which remote. */
export interface GitPlace {
  readonly root: string
  /** Name of the remote, where one was asked. */
  readonly remote?: string
}

type Words = (match: RegExpExecArray, place: GitPlace) => string

/** git's own words, and what an operator can do about them. The first that fits counts. */
const KNOWN: readonly (readonly [RegExp, Words])[] = [
  [
    /detected dubious ownership in repository at '([^']+)'/,
    ([, folder]) =>
      `git refuses ${folder}: the folder belongs to another user than ${userName()}, who runs the daemon. ` +
      `Allow it as that user with: git config --global --add safe.directory '${folder}'`,
  ],
  [
    /could not read (?:Username|Password) for '([^']+)'/,
    ([, url]) => `credentials are missing for ${url}: ${HOW_TO_SIGN_IN}`,
  ],
  [
    /Authentication failed for '([^']+)'|HTTP Basic: Access denied|Invalid username or (?:password|token)/,
    ([, url], place) => `credentials are missing or wrong for ${url ?? remoteOf(place)}: ${HOW_TO_SIGN_IN}`,
  ],
  [
    /(\S+): Permission denied \(([^)]*)\)/,
    ([, host]) =>
      `credentials are missing for ${host}: it accepts no SSH key of ${userName()}, who runs the daemon (a key with a ` +
      `passphrase has to be in an ssh-agent)`,
  ],
  [
    /Host key verification failed/,
    (_, place) =>
      `the host key of ${remoteOf(place)} is not known to ${userName()}, who runs the daemon: connect once by hand with ssh`,
  ],
  [
    /The requested URL returned error: 403/,
    (_, place) => `${remoteOf(place)} refuses access (403): the credentials do not allow to read the repository`,
  ],
  [
    /couldn't find remote ref (?:refs\/heads\/)?(\S+)/,
    ([, branch], place) => `${remoteOf(place)} has no branch '${branch}'`,
  ],
  [
    /Unable to create '([^']+\.lock)': File exists/,
    ([, file]) =>
      `another git process holds ${file}; if none is running, one was killed there: delete the file, then pull again`,
  ],
  [
    /does not appear to be a git repository|repository '[^']*' (?:does not exist|not found)|Repository not found/i,
    (_, place) => `${remoteOf(place)} is not there (any more), or the credentials do not allow to see it`,
  ],
  [/Could not resolve host(?:name)?:? ([^\s;]+)/i, ([, host]) => `the name ${host} cannot be resolved`],
  [
    /Failed to connect to ([^\s:]+)|connect to host (\S+) port|Connection (?:refused|timed out|reset)|Empty reply from server/,
    ([, host, other], place) => `${host ?? other ?? remoteOf(place)} cannot be reached`,
  ],
  [/Operation too slow/, (_, place) => `${remoteOf(place)} does not answer`],
  [/No space left on device/, (_, place) => `the disk of ${place.root} is full`],
  [/not a git repository/i, (_, place) => `${place.root} is not a git repository`],
  [
    /needs merge|unmerged files|not possible because you have unmerged/,
    (_, place) =>
      `a merge in ${place.root} was never finished: finish it or take it back (git merge --abort), then pull again`,
  ],
]

const HOW_TO_SIGN_IN =
  'store them for the user who runs the daemon (git credential helper, or an SSH key), nobody is asked'

/** Turns a command that failed into an error in words; git's own last words are always part of it. */
export function gitFailure(what: string, answer: GitAnswer, place: GitPlace): GitError {
  const own = lastWords(answer)
  for (const [pattern, words] of KNOWN) {
    const match = pattern.exec(answer.stderr)
    if (match !== null) return new GitError(withoutCredentials(`${what}: ${words(match, place)} (git: ${own})`))
  }
  return new GitError(`${what}: ${own === '' ? `git ended with status ${answer.exitCode}` : own}`)
}

/** stdout of a command that must have succeeded. */
export function succeeded(what: string, answer: GitAnswer, place: GitPlace): string {
  if (answer.exitCode !== 0) throw gitFailure(what, answer, place)
  return answer.stdout
}

function remoteOf(place: GitPlace): string {
  return place.remote === undefined ? 'the remote' : `the remote '${place.remote}'`
}

function lastWords(answer: GitAnswer): string {
  const lines = `${answer.stdout}\n${answer.stderr}`.split(/[\r\n]+/).map((line) => line.trim())
  const errors = lines.filter((line) => /^(fatal|error|remote|ssh|warning):/.test(line))
  const said = errors.length > 0 ? errors : lines.filter((line) => line !== '')
  return withoutCredentials(said.slice(-3).join(' ')).slice(-600)
}

function userName(): string {
  try {
    return `user ${userInfo().username}`
  } catch {
    // A container may run a user id that has no name.
    return `user id ${process.getuid?.() ?? 'unknown'}`
  }
}
