import { randomUUID } from 'node:crypto'
import { simpleGit } from 'simple-git'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import { GIT_CONFIG, gitEnvironment, guardedNames } from './git-environment.ts'
import { GitOutput, withoutCredentials } from './git-output.ts'
import { endGitProcesses } from './git-processes.ts'

/** How long an ended git may take to remove its lock files before it is killed. */
const GRACE_MS = 2_000

/** What a git command printed, and its exit status. */
export interface GitAnswer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface GitCommandOptions {
  /** Milliseconds until the command and everything it started are ended. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** The repository's own `core.sshCommand`, where the command reaches a remote. */
  readonly sshCommand?: string | null
  /** Gets the command line and what is printed, line by line, without credentials. */
  readonly onOutput?: ((text: string) => void) | undefined
}

/** Runs git, always with an argument list, never with a shell, never asking anyone. The one home of simple-git. */
export class GitCommand {
  readonly #env: NodeJS.ProcessEnv

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /**
   * Runs `git ARGS` in a folder; resolves whatever its exit status. Throws GitError when it did not run to its end: git is
   * not installed, the time is up, the signal was given.
   */
  async run(folder: string, args: readonly string[], options: GitCommandOptions): Promise<GitAnswer> {
    if (isAborted(options.signal)) throw new GitError(reasonText('gitStopped', { verb: name(args) }))
    const token = randomUUID()
    const output = options.onOutput === undefined ? null : new GitOutput(options.onOutput)
    options.onOutput?.(`$ git ${withoutCredentials(args.join(' '))}\n`)
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), options.timeoutMs)
    const abort = () => stop.abort()
    options.signal?.addEventListener('abort', abort)
    try {
      const answer = this.#spawn(folder, args, { token, abort: stop.signal, output, ssh: options.sshCommand ?? null })
      return await Promise.race([answer, ended(stop.signal, token)])
    } catch (error) {
      if (error instanceof GitError) throw error
      if (!stop.signal.aborted)
        throw new GitError(reasonText('gitFailed', { verb: name(args), detail: (error as Error).message }), {
          cause: error,
        })
      await endGitProcesses(token, GRACE_MS)
      const why = isAborted(options.signal)
        ? reasonText('gitStopped', { verb: name(args) })
        : reasonText('gitTooLong', { verb: name(args), seconds: seconds(options.timeoutMs) })
      throw new GitError(why, { cause: error })
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
      output?.end()
    }
  }

  async #spawn(
    folder: string,
    args: readonly string[],
    run: { token: string; abort: AbortSignal; output: GitOutput | null; ssh: string | null },
  ): Promise<GitAnswer> {
    const environment = gitEnvironment(this.#env, { token: run.token, sshCommand: run.ssh })
    let answer: GitAnswer | null = null
    const git = simpleGit({
      baseDir: folder,
      config: [...GIT_CONFIG],
      abort: run.abort,
      allowEnvironment: guardedNames(environment),
      // simple-git's guards protect from values of strangers. These values are the daemon's own, made in git-environment.ts.
      unsafe: {
        allowUnsafeAskPass: true,
        allowUnsafeConfigPaths: true,
        allowUnsafeExec: true,
        allowUnsafeFsMonitor: true,
        allowUnsafeHooksPath: true,
        allowUnsafeSshCommand: true,
      },
      // A helper that goes on in the background (ssh with ControlPersist) keeps the pipes open: the exit is what counts.
      completion: { onClose: true, onExit: GRACE_MS },
      errors: (error, result) => {
        answer = { exitCode: result.exitCode, stdout: text(result.stdOut), stderr: text(result.stdErr) }
        // An exit status is an answer; only an end that was forced is an error.
        return run.abort.aborted ? error : undefined
      },
    })
    const { output } = run
    if (output !== null) {
      git.outputHandler((_command, stdout, stderr) => {
        for (const stream of [stdout, stderr]) stream.on('data', (chunk: Uint8Array) => output.write(chunk))
      })
    }
    await git.env(environment).raw([...args])
    const found = answer as GitAnswer | null
    if (found === null) throw new GitError(reasonText('gitMute', { verb: name(args) }))
    if (found.exitCode < 0 && found.stderr.includes('ENOENT')) throw new GitError(reasonText('gitMissing'))
    return found
  }
}

/** Rejects a while after the abort, for a git that does not end by the signal alone. */
async function ended(signal: AbortSignal, token: string): Promise<never> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  await endGitProcesses(token, GRACE_MS)
  throw new Error('aborted')
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false
}

function text(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

function name(args: readonly string[]): string {
  return args.find((argument) => !argument.startsWith('-')) ?? ''
}

function seconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds / 1000))
}
