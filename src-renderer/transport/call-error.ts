import type { Problem } from '../../src-daemon/api/contract/problem.ts'

/**
 * Why a call did not succeed. `unreachable`: no answer at all; `unauthorized`: the session is over; `refused`: the daemon
 * answered with a problem document, whose words are for the operator.
 */
export type CallFailure = 'unreachable' | 'unauthorized' | 'refused'

/** A call that failed, in the words of the daemon where it gave any. */
export class CallError extends Error {
  readonly failure: CallFailure
  /** HTTP status; 0 where there was no answer. */
  readonly status: number
  /** Stable name of the problem (`job-not-found`, `conflict`, …); empty where there was no answer. */
  readonly code: string
  /** Messages by the name of the field they belong to. */
  readonly fields: Readonly<Record<string, string>>

  constructor(
    failure: CallFailure,
    message: string,
    details: Partial<Pick<CallError, 'status' | 'code' | 'fields'>> = {},
  ) {
    super(message)
    this.name = 'CallError'
    this.failure = failure
    this.status = details.status ?? 0
    this.code = details.code ?? ''
    this.fields = details.fields ?? {}
  }

  /** Reads the problem document of an answer that is not a success. */
  static async fromResponse(response: Response): Promise<CallError> {
    const problem = await readProblem(response)
    return new CallError(
      response.status === 401 ? 'unauthorized' : 'refused',
      problem?.detail ?? problem?.title ?? `${response.status} ${response.statusText}`.trim(),
      {
        status: response.status,
        code: problem?.code ?? '',
        fields: Object.fromEntries((problem?.errors ?? []).map(({ field, message }) => [field, message])),
      },
    )
  }
}

async function readProblem(response: Response): Promise<Partial<Problem> | null> {
  try {
    const value: unknown = await response.json()
    return typeof value === 'object' && value !== null ? (value as Partial<Problem>) : null
  } catch {
    // Not every proxy between us and the daemon answers with a problem document; the status has to do then.
    return null
  }
}

/**
 * Sent with every request: without it a browser answers 401 with a password window of its own, over the console's login.
 */
export const CONSOLE_HEADER = { 'x-requested-with': 'console' } as const

/** Whether an error is only the end of a call that nobody waits for any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
