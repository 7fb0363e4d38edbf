import { z } from 'zod'

/** An error of `/api`: `application/problem+json` (RFC 9457), extended by a stable `code` and errors per field. */
export const problem = z.object({
  type: z.string().default('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof problem>
