import { z } from 'zod'
import { projectCode } from '../api/contract/values.ts'

/** What a node last said of itself, kept in `nodes.known` so that it can be shown while the node is away. */
export const known = z.object({
  version: z.string().nullable().default(null),
  python: z.string().nullable().default(null),
  scrapy: z.string().nullable().default(null),
  disk_free_bytes: z.int().nullable().default(null),
  disk_total_bytes: z.int().nullable().default(null),
  projects: z.array(projectCode).default([]),
  /** Names of the spiders by project, as far as they were asked for. */
  spiders: z.record(z.string(), z.array(z.string())).default({}),
  /** What a node says that is not followed event by event (a stock Scrapyd's own jobs are mirrored all the same). */
  load: z.object({ pending: z.int(), running: z.int() }).default({ pending: 0, running: 0 }),
})
export type Known = z.infer<typeof known>

/** Reads `nodes.known`; what an older program wrote and does not fit is forgotten. */
export function readKnown(text: string): Known {
  try {
    return known.parse(JSON.parse(text))
  } catch {
    return known.parse({})
  }
}
