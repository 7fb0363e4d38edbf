import { z } from 'zod'

/** The answers of a stock Scrapyd's web services (1.3 and newer), as far as they are used. */

const text = z.string()
const texts = z.record(z.string(), z.coerce.string())
const common = { status: z.literal('ok'), node_name: z.string().default('') }

export const statusReply = z.object({
  ...common,
  pending: z.int().min(0),
  running: z.int().min(0),
  finished: z.int().min(0),
})

export const scheduleReply = z.object({ ...common, jobid: text })
export const cancelReply = z.object({ ...common, prevstate: z.enum(['pending', 'running']).nullable() })
export const projectsReply = z.object({ ...common, projects: z.array(text) })
export const spidersReply = z.object({ ...common, spiders: z.array(text) })
export const versionsReply = z.object({ ...common, versions: z.array(text) })

const named = { id: text, project: text, spider: text }
/** `null`: the file is gone; left out by versions before 1.4. */
const fileUrl = text.nullish().transform((value) => value ?? null)

const pending = z.object({
  ...named,
  version: text.nullish().transform((value) => value ?? null),
  settings: texts.default({}),
  args: texts.default({}),
})
const running = z.object({ ...named, pid: z.int().nullish(), start_time: text, log_url: fileUrl })
const finished = z.object({ ...named, start_time: text, end_time: text, log_url: fileUrl })

export const jobsReply = z.object({
  ...common,
  pending: z.array(pending),
  running: z.array(running),
  finished: z.array(finished),
})

/** What every web service answers when it refuses, with HTTP 200. */
export const errorReply = z.object({ status: z.literal('error'), message: z.string() })

export type ScrapydPending = z.infer<typeof pending>
export type ScrapydRunning = z.infer<typeof running>
export type ScrapydFinished = z.infer<typeof finished>
export type ScrapydJobs = z.infer<typeof jobsReply>
