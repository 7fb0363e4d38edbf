/** How long a daemon that was launched may take for its first answer. */
export const ANSWER_LIMIT_MS = 30_000
/** Exit status of a daemon that may run when it is tried again (EX_TEMPFAIL): its folder is in use, or cannot be written now. */
const NOT_NOW = 75
const SHOWN_LINES = 20

/** Why the daemon does not run, and what helps to find out. */
export type Problem = [reason: string, help: string | null]

/** What the end of the daemon means: its exit status (null: it was killed; `silent`: it never answered), and its log. */
export function explainEnd(code: number | null | 'silent', log: string): Problem {
  const lines = log.trimEnd().split('\n').slice(-SHOWN_LINES)
  const help = lines.join('\n')
  if (code === 'silent') return [`It did not answer within ${ANSWER_LIMIT_MS / 1_000} s.`, help]
  if (code === NOT_NOW) {
    const isInUse = lines.at(-1)?.includes(' is in use by ') === true
    return [isInUse ? 'Another daemon works on this data folder.' : 'Its data folder cannot be written now.', help]
  }
  return [code === null ? 'The daemon was killed.' : `The daemon ended with status ${code}.`, help]
}
