import { userInfo } from 'node:os'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { GitAnswer } from './git-command.ts'
import { withoutCredentials } from './git-output.ts'

/** What is known where a command failed; makes the message say which folder and which remote. */
export interface GitPlace {
  readonly root: string
  /** Name of the remote, where one was asked. */
  readonly remote?: string
}

type Words = (found: Readonly<Record<string, string | undefined>>, place: GitPlace) => string

/** Says what could not be done: a sentence that ends with the reason. */
export type Failed = (detail: string) => string

/** git's own words, and what an operator can do about them. The first that fits counts. */
const KNOWN: readonly (readonly [RegExp, Words])[] = [
  [
    /detected dubious ownership in repository at '(?<folder>[^']+)'/,
    ({ folder = '' }) =>
      reasonText('dubiousOwner', {
        folder,
        user: userName(),
        command: `git config --global --add safe.directory '${folder}'`,
      }),
  ],
  [/could not read (?:Username|Password) for '(?<url>[^']+)'/, ({ url = '' }) => reasonText('noCredentials', { url })],
  [
    /Authentication failed for '(?<url>[^']+)'|HTTP Basic: Access denied|Invalid username or (?:password|token)/,
    ({ url }, place) => reasonText('wrongCredentials', { where: url ?? remoteOf(place) }),
  ],
  [/(?<host>\S+): Permission denied \([^)]*\)/, ({ host = '' }) => reasonText('noKey', { host, user: userName() })],
  [/Host key verification failed/, (_, place) => reasonText('noHostKey', { where: remoteOf(place), user: userName() })],
  [/The requested URL returned error: 403/, (_, place) => reasonText('noAccess', { where: remoteOf(place) })],
  [
    /couldn't find remote ref (?:refs\/heads\/)?(?<branch>\S+)/,
    ({ branch = '' }, place) => reasonText('noBranch', { where: remoteOf(place), branch }),
  ],
  [/Unable to create '(?<file>[^']+\.lock)': File exists/, ({ file = '' }) => reasonText('locked', { file })],
  [
    /does not appear to be a git repository|repository '[^']*' (?:does not exist|not found)|Repository not found/i,
    (_, place) => reasonText('noRepository', { where: remoteOf(place) }),
  ],
  [/Could not resolve host(?:name)?:? (?<host>[^\s;]+)/i, ({ host = '' }) => reasonText('unresolved', { host })],
  [
    /Failed to connect to (?<host>[^\s:]+)|connect to host (?<other>\S+) port|Connection (?:refused|timed out|reset)|Empty reply from server/,
    ({ host, other }, place) => reasonText('noReach', { where: host ?? other ?? remoteOf(place) }),
  ],
  [/Operation too slow/, (_, place) => reasonText('noReply', { where: remoteOf(place) })],
  [/No space left on device/, (_, { root }) => reasonText('diskFull', { root })],
  [/not a git repository/i, (_, { root }) => reasonText('notGit', { root })],
  [
    /needs merge|unmerged files|not possible because you have unmerged/,
    (_, { root }) => reasonText('mergeOpen', { root, command: 'git merge --abort' }),
  ],
]

/** Turns a command that failed into an error in words; git's own last words are always part of it. */
export function gitFailure(failed: Failed, answer: GitAnswer, place: GitPlace): GitError {
  const said = lastWords(answer)
  for (const [pattern, words] of KNOWN) {
    const match = pattern.exec(answer.stderr)
    if (match === null) continue
    const cause = words(match.groups ?? {}, place)
    return new GitError(withoutCredentials(failed(reasonText('gitSaid', { cause, said }))))
  }
  return new GitError(failed(said === '' ? reasonText('gitStatus', { status: answer.exitCode }) : said))
}

/** stdout of a command that must have succeeded. */
export function succeeded(failed: Failed, answer: GitAnswer, place: GitPlace): string {
  if (answer.exitCode !== 0) throw gitFailure(failed, answer, place)
  return answer.stdout
}

function remoteOf({ remote }: GitPlace): string {
  return remote === undefined ? reasonText('theRemote') : reasonText('namedRemote', { remote })
}

function lastWords(answer: GitAnswer): string {
  const lines = `${answer.stdout}\n${answer.stderr}`.split(/[\r\n]+/).map((line) => line.trim())
  const errors = lines.filter((line) => /^(fatal|error|remote|ssh|warning):/.test(line))
  const said = errors.length > 0 ? errors : lines.filter((line) => line !== '')
  return withoutCredentials(said.slice(-3).join(' ')).slice(-600)
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run a user id that has no name.
    return `id ${process.getuid?.() ?? 'unknown'}`
  }
}
