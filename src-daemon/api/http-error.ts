import { ScrapydServiceError } from '../errors.ts'

/** A request that is refused by the server itself, before anything inside was asked: how it is sent, not what it says. */
export class HttpError extends ScrapydServiceError {
  override readonly code: string
  override readonly status: number
  /** Headers that the answer carries (`Allow`, `Retry-After`). */
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** Fields of a request that do not fit the schema. */
export class ValidationError extends HttpError {
  readonly errors: readonly FieldError[]

  constructor(errors: readonly FieldError[]) {
    super(422, 'invalid-parameter', errors.map(({ field, message }) => `${field}: ${message}`).join('; '))
    this.errors = errors
  }
}

/** What is wrong with one field; `field` is a dotted path. */
export interface FieldError {
  readonly field: string
  readonly message: string
}

export const notFound = (message = 'Not Found') => new HttpError(404, 'not-found', message)

/** `allow` is the value of the `Allow` header. */
export const methodNotAllowed = (method: string, allow: string, message = `Method ${method} is not allowed here`) =>
  new HttpError(405, 'method-not-allowed', message, { Allow: allow })

export const malformed = (message: string) => new HttpError(400, 'malformed-request', message)

export const tooLarge = (limit: number) =>
  new HttpError(413, 'body-too-large', `The request body is larger than ${limit} bytes`)
