import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { InvalidParameterError, ScrapydServiceError } from '../errors.ts'
import { sendAnswer } from './answer.ts'
import type { Problem } from './contract/problem.ts'
import { HttpError, ValidationError } from './http-error.ts'
import type { ServerLimits } from './limits.ts'

/** An error as `/api` tells it (RFC 9457). What is not one of ours says nothing of its inside. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof ScrapydServiceError) || error.code === 'internal') {
    return problem(500, 'internal', 'Internal error: see the log of the daemon')
  }
  const { status, code, message } = error
  const errors = fieldErrors(error)
  return { ...problem(status, code, message), ...(errors === null ? {} : { errors }) }
}

function problem(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code }
}

function fieldErrors(error: ScrapydServiceError): Problem['errors'] | null {
  if (error instanceof ValidationError) return [...error.errors]
  if (error instanceof InvalidParameterError) return [{ field: error.parameter, message: error.message }]
  return null
}

/** Answers with the problem document of an error. */
export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  limits: ServerLimits,
  error: unknown,
): Problem {
  const document = problemOf(error)
  const headers = error instanceof HttpError ? error.headers : {}
  const body = `${JSON.stringify(document)}\n`
  sendAnswer(
    request,
    response,
    limits,
    document.status,
    { ...headers, 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' },
    body,
  )
  return document
}
