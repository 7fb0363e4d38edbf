import type { z } from 'zod'
import type { Endpoint } from './contract/endpoints.ts'
import { ValidationError } from './http-error.ts'
import type { FieldError } from './http-error.ts'
import type { Parameters } from './parameters.ts'
import { decodeUtf8, PythonValueError } from './python-text.ts'

/** A query as an object: a key that is given several times has a list. */
export function queryObject(parameters: Parameters): Record<string, string | string[]> {
  const found = new Map<string, string | string[]>()
  for (const { name, value } of parameters.list) {
    const key = text(Buffer.from(name, 'latin1'), 'query')
    const added = text(value, key)
    const known = found.get(key)
    if (known === undefined) found.set(key, added)
    else found.set(key, Array.isArray(known) ? [...known, added] : [known, added])
  }
  return Object.fromEntries(found)
}

function text(bytes: Buffer, field: string): string {
  try {
    const value = decodeUtf8(bytes)
    if (!value.includes('\0')) return value
  } catch (error) {
    if (error instanceof PythonValueError) throw new ValidationError([{ field, message: error.message }])
    throw error
  }
  throw new ValidationError([{ field, message: 'NUL characters are not allowed' }])
}

/** Checks the three parts of a request. Throws ValidationError with everything that is wrong. */
export function checkInput(
  endpoint: Endpoint,
  parts: { readonly params: unknown; readonly query: unknown; readonly body: unknown },
): { params: unknown; query: unknown; body: unknown } {
  const errors: FieldError[] = []
  const check = (schema: z.ZodType, value: unknown): unknown => {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    errors.push(...fieldErrors(result.error.issues))
    return undefined
  }
  const input = {
    params: check(endpoint.params, parts.params),
    query: check(endpoint.query, parts.query),
    body: check(endpoint.body, parts.body),
  }
  if (errors.length > 0) throw new ValidationError(errors)
  return input
}

const MOST_ERRORS = 20

function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  return issues.flatMap((issue) => errorsOf(issue, [])).slice(0, MOST_ERRORS)
}

function errorsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): FieldError[] {
  const path = [...above, ...issue.path]
  const field = path.join('.') || 'body'
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'is not known here' }))
  }
  if (issue.code === 'invalid_union') {
    // What was meant is the form that fits best; where that cannot be told, all are named.
    const [best, second] = issue.errors.toSorted((a, b) => a.length - b.length)
    if (best !== undefined && best.length < (second?.length ?? Infinity)) {
      return best.flatMap((inner) => errorsOf(inner, path))
    }
    const first = issue.errors.flatMap(([inner]) => (inner === undefined ? [] : errorsOf(inner, path)))
    const forms = new Set(first.map((error) => `${error.field}: ${error.message}`))
    return [{ field, message: [...forms].join(', or ') || issue.message }]
  }
  return [{ field, message: issue.message }]
}
