import { z } from 'zod'
import { forward, job, jobKey, node, project, pull, ratePoint } from './values.ts'

/**
 * What `GET /api/events` sends (server-sent events; `event:` = `type`, `data:` = the JSON, `id:` = the cursor).
 * Numbered events carry `seq`, without gaps within a feed; the others are ephemeral and have none.
 */

/** Numbered: every transition of a job, with the whole row after it. */
const jobEvent = z.object({ type: z.literal('job'), seq: z.int(), at: z.string(), job })
/** Numbered: a job was removed from the ledger by retention. */
const jobRemoved = z.object({
  type: z.literal('job-removed'),
  seq: z.int(),
  at: z.string(),
  key: jobKey,
})
/** Numbered: a node was added, changed state, was paused … (master only). */
const nodeEvent = z.object({ type: z.literal('node'), seq: z.int(), at: z.string(), node })
const nodeRemoved = z.object({
  type: z.literal('node-removed'),
  seq: z.int(),
  at: z.string(),
  id: z.string(),
})
/** Numbered: a project was added, pulled, its spider list or commit changed. */
const projectEvent = z.object({
  type: z.literal('project'),
  seq: z.int(),
  at: z.string(),
  project,
})
const projectRemoved = z.object({
  type: z.literal('project-removed'),
  seq: z.int(),
  at: z.string(),
  name: z.string(),
})

export const numberedEvent = z.discriminatedUnion('type', [
  jobEvent,
  jobRemoved,
  nodeEvent,
  nodeRemoved,
  projectEvent,
  projectRemoved,
])
export type NumberedEvent = z.infer<typeof numberedEvent>

/** First on every stream. `stream` names this connection (log tails are added to it by PUT). */
const hello = z.object({
  type: z.literal('hello'),
  feed: z.string(),
  stream: z.string(),
  node_name: z.string(),
  /** Highest number committed as the stream began. */
  head: z.int(),
  /** Whether what follows the cursor comes next; else a `reset` does. */
  resumes: z.boolean().optional(),
  now: z.string(),
})
/** The cursor cannot be served (unknown feed, too old, in the future): forget everything, `snapshot` events follow. */
const reset = z.object({ type: z.literal('reset'), feed: z.string(), reason: z.string() })
/** A page of the state as of `head`; after the page with `done` come numbered events from `head + 1`. */
const snapshot = z.object({
  type: z.literal('snapshot'),
  head: z.int(),
  jobs: z.array(job),
  nodes: z.array(node),
  projects: z.array(project),
  done: z.boolean(),
})
/** Load and latency of a node, at most one per node and second. */
const load = z.object({
  type: z.literal('load'),
  node: z.string(),
  pending: z.int(),
  running: z.int(),
  max_proc: z.int().nullable(),
  latency_ms: z.number().nullable(),
})
/** Live figures of a running job. */
const stats = z.object({
  type: z.literal('stats'),
  key: jobKey,
  pages: z.int().nullable(),
  items: z.int().nullable(),
  errors: z.int().nullable(),
  rate: ratePoint.nullable(),
})
/** A piece of a tailed log: bytes `offset` … `offset + length` of the file, as UTF-8 cut at character boundaries. */
const log = z.object({
  type: z.literal('log'),
  tail: z.string(),
  key: jobKey,
  offset: z.int(),
  /** Bytes, before decoding. */
  length: z.int(),
  text: z.string(),
  /** `end`: the job ended and the file was sent whole; `gone`: the file was removed; `away`: its node is unreachable. */
  state: z.enum(['live', 'end', 'gone', 'away']),
})
/** Progress of a pull. */
const pullEvent = z.object({ type: z.literal('pull'), pull })

/** A forward was made, or is used (master only). */
const forwardEvent = z.object({ type: z.literal('forward'), forward })
/** A forward was dropped, or went because nobody used it. */
const forwardRemoved = z.object({ type: z.literal('forward-removed'), id: z.string() })

export const ephemeralEvent = z.discriminatedUnion('type', [
  hello,
  reset,
  snapshot,
  load,
  stats,
  log,
  pullEvent,
  forwardEvent,
  forwardRemoved,
])
export type EphemeralEvent = z.infer<typeof ephemeralEvent>

export const feedEvent = z.union([numberedEvent, ephemeralEvent])
export type FeedEvent = NumberedEvent | EphemeralEvent

/** `<feed>:<seq>`, the place in a feed up to which a follower has everything. */
export const cursorPattern = /^([0-9a-z]{8,40}):(\d{1,15})$/
