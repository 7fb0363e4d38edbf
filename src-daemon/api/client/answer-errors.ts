import {
  ConflictError,
  DirectoryTraversalError,
  FileNotFoundError,
  GitError,
  InvalidParameterError,
  JobNotFoundError,
  MissingParameterError,
  NodeNotFoundError,
  NodeUnreachableError,
  NotInGitError,
  NotSupportedError,
  ProjectNotFoundError,
  RunnerError,
  ScrapydServiceError,
  SpiderNotFoundError,
  StorageError,
  UnauthorizedError,
  VersionNotFoundError,
} from '../../errors.ts'
import { beginOf } from './answer-text.ts'
import { problem } from '../contract/problem.ts'
import type { Problem } from '../contract/problem.ts'

/** A problem with everything that Python printed is shorter. */
const MOST_TOLD = 1_048_576

/** An error of a daemon that has no class here: an older or newer one, or one of the server's own. */
export class RemoteError extends ScrapydServiceError {
  override readonly code: string
  override readonly status: number

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const quoted = (text: string) => /'(.*)'/s.exec(text)?.[1] ?? text
const after = (text: string, begin: string) => (text.startsWith(begin) ? text.slice(begin.length) : text)

function spiderNotFound(text: string): SpiderNotFoundError {
  const found = /^spider '(.*)' not found(?:; modules that cannot be loaded: (.*))?$/s.exec(text)
  return new SpiderNotFoundError(found?.[1] ?? quoted(text), found?.[2]?.split(', '))
}

type Maker = (detail: string, field: string) => ScrapydServiceError

const MAKERS: Readonly<Record<string, Maker>> = {
  'invalid-parameter': (detail, field) => new InvalidParameterError(field, detail),
  'missing-parameter': (_, field) => new MissingParameterError(field),
  'directory-traversal': (detail) => new DirectoryTraversalError(after(detail, 'DirectoryTraversalError: ')),
  'project-not-found': (detail) => new ProjectNotFoundError(quoted(detail)),
  'version-not-found': (detail) => new VersionNotFoundError(quoted(detail)),
  'spider-not-found': (detail) => spiderNotFound(detail),
  'job-not-found': (detail) => new JobNotFoundError(quoted(detail)),
  'node-not-found': (detail) => new NodeNotFoundError(quoted(detail)),
  'file-not-found': (detail) => new FileNotFoundError(detail),
  conflict: (detail) => new ConflictError(detail),
  'not-supported': (detail) => new NotSupportedError(detail),
  'runner-failed': (detail) => new RunnerError(detail),
  'git-failed': (detail) => new GitError(detail),
  'not-in-git': (detail) => new NotInGitError(detail),
  'node-unreachable': (detail) => new NodeUnreachableError(detail),
  unauthorized: (detail) => new UnauthorizedError(detail),
  'storage-failed': (detail) => new StorageError(detail),
}

/** The error that an answer of `/api` stands for. */
export async function errorOfAnswer(response: Response, baseUrl: string): Promise<ScrapydServiceError> {
  const { status } = response
  const text = await beginOf(response, MOST_TOLD)
  const told = toldProblem(text)
  if (told !== null) return errorOfProblem(told)
  if (status === 401) return new UnauthorizedError(`${baseUrl}: user name or password is missing or wrong`)
  if (status >= 300 && status < 400) {
    return new NodeUnreachableError(`${baseUrl} redirects to ${response.headers.get('location') ?? 'another place'}`)
  }
  if (status === 200 || status === 404) {
    return new NodeUnreachableError(`${baseUrl} answers, but not as a Scrapyd Service daemon (HTTP ${status})`)
  }
  return new NodeUnreachableError(`${baseUrl} answers HTTP ${status}: ${text.slice(0, 200).trim()}`)
}

/** An error as the daemon told it: the class of its code, else RemoteError. */
export function errorOfProblem({ code, status, detail, errors }: Problem): ScrapydServiceError {
  return MAKERS[code]?.(detail, errors?.[0]?.field ?? '') ?? new RemoteError(status, code, detail)
}

function toldProblem(text: string): Problem | null {
  try {
    const result = problem.safeParse(JSON.parse(text))
    return result.success ? result.data : null
  } catch {
    return null
  }
}

const MESSAGES: readonly (readonly [RegExp, Maker])[] = [
  [/^project '.*' not found$/s, (text) => new ProjectNotFoundError(quoted(text))],
  [/^version '.*' not found$/s, (text) => new VersionNotFoundError(quoted(text))],
  [/^spider '.*' not found(; modules that cannot be loaded: .*)?$/s, (text) => spiderNotFound(text)],
  [/^'.*' parameter is required$/, (text) => new MissingParameterError(quoted(text))],
  [/^DirectoryTraversalError: /, (text) => new DirectoryTraversalError(after(text, 'DirectoryTraversalError: '))],
  [/^RunnerError: /, (text) => new RunnerError(after(text, 'RunnerError: '))],
]

/** The error that a web service (also a stock Scrapyd's) tells in its message. */
export function errorOfService(
  status: number,
  answer: Readonly<Record<string, unknown>>,
  baseUrl: string,
): ScrapydServiceError {
  if (status === 401) return new UnauthorizedError(`${baseUrl}: user name or password is missing or wrong`)
  const message = typeof answer['message'] === 'string' ? answer['message'] : `${baseUrl} answers HTTP ${status}`
  const maker = MESSAGES.find(([pattern]) => pattern.test(message))?.[1]
  if (maker !== undefined) return maker(message, '')
  if (status === 501) return new NotSupportedError(message)
  return new RemoteError(status, 'refused', message)
}
