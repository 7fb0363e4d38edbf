import { NodeUnreachableError, ScrapydServiceError } from '../../errors.ts'

export const NO_ANSWER = 'no answer in time'

/** By the code of the error; the desktop app knows the sentences, and says them in its own language (checked by a test). */
export const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was closed (reset)',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stopped halfway',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  EADDRNOTAVAIL: 'the address cannot be used',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak https',
  UND_ERR_INVALID_ARG: 'the address is not usable',
}

/** Why another daemon could not be asked, in words; errors that are its answer pass. */
export function unreachable(baseUrl: string, error: unknown): Error {
  if (error instanceof ScrapydServiceError) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  return new NodeUnreachableError(`${baseUrl}: ${reasonOf(error)}`, { cause: error })
}

/** The innermost cause knows best: fetch itself only says that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // What the parsers of undici and of node:http do not understand.
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) return 'it does not speak HTTP'
  const known = REASONS[code]
  if (known !== undefined) return known
  if (error.cause !== undefined) return reasonOf(error.cause)
  return code === '' || error.message.includes(code) ? error.message : `${error.message} (${code})`
}
