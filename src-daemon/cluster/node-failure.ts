import { reasonText } from '../api/contract/reasons.ts'
import { NodeUnreachableError } from '../errors.ts'
import { callName, type NodeTarget } from './node-target.ts'

/** Why a node gave no answer that can be used. */
export type FailureKind =
  | 'refused'
  | 'unknown-host'
  | 'no-route'
  | 'timeout'
  | 'cut'
  | 'certificate'
  | 'not-tls'
  | 'wrong-password'
  | 'too-large'
  | 'not-scrapyd'
  | 'status'
  | 'other'

/** A call to another node failed; the message says which and why, in words for an operator. */
export class NodeCallError extends NodeUnreachableError {
  readonly kind: FailureKind
  /** What failed, without the node's name. */
  readonly words: string
  /** Whether the node may have got the request, so that a change may have been made. */
  readonly mayHaveArrived: boolean

  constructor(target: NodeTarget, kind: FailureKind, words: string, mayHaveArrived: boolean, cause?: unknown) {
    super(`${callName(target)}: ${words}`, cause === undefined ? {} : { cause })
    this.kind = kind
    this.words = words
    this.mayHaveArrived = mayHaveArrived
  }
}

/** Whether it is certain that the node did not even get the request: there was no connection to it. */
export function neverArrived(error: unknown): boolean {
  if (error instanceof NodeCallError) return !error.mayHaveArrived
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverArrived)
  if (!(error instanceof Error)) return false
  // The same codes (no route to the host …) may end a connection that had carried the request already.
  if ('syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')) return true
  if ('code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT') return true
  return error.cause !== undefined && neverArrived(error.cause)
}

/** What became of the connection, in words; `answerMs` is how long was waited. */
export function failureOf(error: unknown): { readonly kind: FailureKind; readonly words: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code in CONNECTION) return CONNECTION[code as keyof typeof CONNECTION]
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return { kind: 'not-tls', words: reasonText('notTls') }
  if (code.startsWith('HPE_')) return { kind: 'not-scrapyd', words: reasonText('notHttp') }
  if (CERTIFICATE.test(code))
    return { kind: 'certificate', words: reasonText('certificate', { detail: textOf(error) }) }
  return { kind: 'other', words: textOf(error) }
}

const CONNECTION = {
  ECONNREFUSED: { kind: 'refused', words: reasonText('refused') },
  ENOTFOUND: { kind: 'unknown-host', words: reasonText('unknownHost') },
  EAI_AGAIN: { kind: 'unknown-host', words: reasonText('noLookup') },
  EHOSTUNREACH: { kind: 'no-route', words: reasonText('noRoute') },
  ENETUNREACH: { kind: 'no-route', words: reasonText('noNetwork') },
  EHOSTDOWN: { kind: 'no-route', words: reasonText('hostDown') },
  ETIMEDOUT: { kind: 'timeout', words: reasonText('notInTime') },
  ECONNRESET: { kind: 'cut', words: reasonText('cut') },
  EPIPE: { kind: 'cut', words: reasonText('cut') },
} as const satisfies Record<string, { kind: FailureKind; words: string }>

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
