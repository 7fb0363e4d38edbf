/** How much of what a client may do. Every figure can be set by the constructor of the server, so that tests need not wait. */
export interface ServerLimits {
  /** Form bodies, uploads excepted. */
  readonly formBytes: number
  /** JSON bodies. */
  readonly jsonBytes: number
  /** JSON bodies that carry many jobs. */
  readonly bulkJsonBytes: number
  /** An uploaded egg, which is read and dropped. */
  readonly uploadBytes: number
  /** Parameters of one request. */
  readonly parameters: number
  readonly headerBytes: number
  /** From the connection's or the request's begin to the end of its headers. */
  readonly headersMs: number
  /** For a body; every 64 KiB received give a second more. */
  readonly bodyMs: number
  /** An answer of which the client takes no byte for this long is cut off. */
  readonly unreadMs: number
  readonly keepAliveMs: number
  readonly connections: number
  /** After an early answer (413) the rest of the body is read and dropped for so long, so that the client sees the answer. */
  readonly lingerMs: number
  readonly lingerBytes: number
  readonly eventStreams: number
  readonly tailsPerStream: number
  readonly heartbeatMs: number
  /** Open requests get so long to end when the server stops. */
  readonly stopMs: number
}

const KiB = 1_024
const MiB = 1_024 * KiB

export const DEFAULT_LIMITS: ServerLimits = {
  formBytes: MiB,
  jsonBytes: MiB,
  bulkJsonBytes: 4 * MiB,
  uploadBytes: 512 * MiB,
  parameters: 1_000,
  headerBytes: 32 * KiB,
  headersMs: 10_000,
  bodyMs: 20_000,
  unreadMs: 60_000,
  keepAliveMs: 30_000,
  connections: 2_000,
  lingerMs: 3_000,
  lingerBytes: 64 * MiB,
  eventStreams: 500,
  tailsPerStream: 50,
  heartbeatMs: 10_000,
  stopMs: 2_000,
}
