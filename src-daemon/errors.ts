/**
 * The one family of errors. A class stands for one thing that a caller can act on; `code` is its stable name on the
 * wire (web services, `/api` problem documents, IPC), `status` the HTTP status that `/api` answers with.
 * Web services answer 200 with `status: error` whatever the class, as Scrapyd does.
 */
export class ScrapydServiceError extends Error {
  readonly code: string = 'internal'
  readonly status: number = 500

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** A parameter is missing, malformed or out of range. `parameter` names it. */
export class InvalidParameterError extends ScrapydServiceError {
  override readonly code: string = 'invalid-parameter'
  override readonly status: number = 422
  readonly parameter: string

  constructor(parameter: string, message: string) {
    super(message)
    this.parameter = parameter
  }
}

/** A required parameter is absent. The wording is Scrapyd's. */
export class MissingParameterError extends InvalidParameterError {
  override readonly code = 'missing-parameter'

  constructor(parameter: string) {
    super(parameter, `'${parameter}' parameter is required`)
  }
}

/** A name would leave the folder it belongs to. The wording is Scrapyd's. */
export class DirectoryTraversalError extends ScrapydServiceError {
  override readonly code = 'directory-traversal'
  override readonly status = 422

  constructor(path: string) {
    super(`DirectoryTraversalError: ${path}`)
  }
}

export class ProjectNotFoundError extends ScrapydServiceError {
  override readonly code = 'project-not-found'
  override readonly status = 404

  constructor(project: string) {
    super(`project '${project}' not found`)
  }
}

export class VersionNotFoundError extends ScrapydServiceError {
  override readonly code = 'version-not-found'
  override readonly status = 404

  constructor(version: string) {
    super(`version '${version}' not found`)
  }
}

/** So many modules are named in a message. */
const MOST_MODULES = 3

export class SpiderNotFoundError extends ScrapydServiceError {
  override readonly code = 'spider-not-found'
  override readonly status = 404

  /** `unloadable`: modules of the project that could not be imported, as the spider may be in one of them. */
  constructor(spider: string, unloadable: readonly string[] = []) {
    const named = unloadable.length > MOST_MODULES ? [...unloadable.slice(0, MOST_MODULES), '…'] : unloadable
    const hint = named.length === 0 ? '' : `; modules that cannot be loaded: ${named.join(', ')}`
    super(`spider '${spider}' not found${hint}`)
  }
}

export class JobNotFoundError extends ScrapydServiceError {
  override readonly code = 'job-not-found'
  override readonly status = 404

  constructor(key: string) {
    super(`job '${key}' not found`)
  }
}

export class NodeNotFoundError extends ScrapydServiceError {
  override readonly code = 'node-not-found'
  override readonly status = 404

  constructor(node: string) {
    super(`node '${node}' not found`)
  }
}

/** A file (log, items, output) does not exist, or no longer. */
export class FileNotFoundError extends ScrapydServiceError {
  override readonly code = 'file-not-found'
  override readonly status = 404
}

/** The request is understood, but the state of things forbids it (a foreign slave, a finished job, a path in use). */
export class ConflictError extends ScrapydServiceError {
  override readonly code: string = 'conflict'
  override readonly status: number = 409
}

/** This daemon does not do that: eggs, or a master's call on a slave. */
export class NotSupportedError extends ScrapydServiceError {
  override readonly code: string = 'not-supported'
  override readonly status: number = 501
}

/** The project is in service, but its folder or its `scrapy.cfg` cannot be used now. Heals when they are back. */
export class ProjectUnusableError extends ScrapydServiceError {
  override readonly code = 'project-unusable'
  override readonly status = 409
}

/** Python, Scrapy or a project's own code failed. The message ends with what Python printed. */
export class RunnerError extends ScrapydServiceError {
  override readonly code: string = 'runner-failed'
  override readonly status: number = 502
}

/** git refused or failed; the message carries its own words. */
export class GitError extends ScrapydServiceError {
  override readonly code: string = 'git-failed'
  override readonly status: number = 502
}

/** What is asked of git cannot be had: the code is not kept in it. */
export class NotInGitError extends GitError {
  override readonly code = 'not-in-git'
  override readonly status = 409
}

/** Another daemon did not answer, or not in time. */
export class NodeUnreachableError extends ScrapydServiceError {
  override readonly code: string = 'node-unreachable'
  override readonly status: number = 502
}

/** Name and password are missing or wrong: here as the server says it, or as another daemon answered. */
export class UnauthorizedError extends ScrapydServiceError {
  override readonly code = 'unauthorized'
  override readonly status = 401
}

/** The database or a folder cannot be read or written (full disk, permissions, corruption). */
export class StorageError extends ScrapydServiceError {
  override readonly code: string = 'storage-failed'
  override readonly status: number = 503
}

/** One thing that is wrong in the configuration. */
export interface ConfigProblem {
  /** The file, or `environment`, or `command line`. */
  readonly source: string
  /** 1-based; null where the source has no lines. */
  readonly line: number | null
  /** `[section] option`, as far as it is known. */
  readonly option: string | null
  readonly message: string
}

/** The configuration cannot be used. All problems at once; the process exits with status 78 (EX_CONFIG). */
export class ConfigError extends ScrapydServiceError {
  override readonly code = 'config'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(
      problems
        .map((p) => {
          const where = p.line === null ? p.source : `${p.source}:${p.line}`
          return p.option === null ? `${where}: ${p.message}` : `${where}: ${p.option}: ${p.message}`
        })
        .join('\n'),
    )
    this.problems = problems
  }
}

/** Closes a `switch` over a union: the compiler complains where a case is missing. */
export function assertNever(value: never): never {
  throw new ScrapydServiceError(`unexpected value: ${JSON.stringify(value)}`)
}
