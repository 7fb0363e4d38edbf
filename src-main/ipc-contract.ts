import { z } from 'zod'
import { ENDPOINTS, type EndpointName } from '../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../src-daemon/api/contract/events.ts'

/**
 * Everything that page and main process say to each other. The page takes only types from here; main checks the arguments
 * of every call by these schemas. A password goes from the page to main and never back.
 */

/** The one Electron channel that all calls and messages share: the preload then has nothing to decide. */
export const IPC_CHANNEL = 'scrapyd-service'
/** Where the preload puts the bridge in the page's world. */
export const BRIDGE_NAME = 'scrapydServiceDesktop'

/** What the console may ask a daemon for through main: not what masters and slaves say to each other, and no signing in. */
const NOT_FOR_PAGES = [
  'events',
  'ackEvents',
  'putDispatch',
  'getDispatch',
  'deleteDispatch',
  'getOwner',
  'putOwner',
  'deleteOwner',
  'openapi',
  'createSession',
  'deleteSession',
] as const satisfies readonly EndpointName[]
export type PageEndpoint = Exclude<EndpointName, (typeof NOT_FOR_PAGES)[number]>
const pageEndpoint = z.custom<PageEndpoint>(
  (name) =>
    typeof name === 'string' && Object.hasOwn(ENDPOINTS, name) && !(NOT_FOR_PAGES as readonly string[]).includes(name),
  'is not an endpoint for pages',
)
/** Checked again by the endpoint's own schemas, which its name chooses. */
const endpointInput = z.object({
  params: z.record(z.string(), z.unknown()).optional(),
  query: z.record(z.string(), z.unknown()).optional(),
  body: z.unknown().optional(),
})
/** Names a call, a stream or a tail of one page. */
const callId = z.string().min(1).max(64)
const clusterId = z.string().regex(/^(local|[0-9a-f-]{36})$/)
/** A path or URL of a file of the daemon, relative to its base: `/logs/…`, `/items/…`. */
const fileUrl = z
  .string()
  .max(4_000)
  .regex(/^\/?(logs|items|forward|api\/jobs)\//)

export const httpUrl = z
  .string()
  .trim()
  .max(500)
  .refine((text) => {
    const url = URL.parse(text)
    return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  }, 'The address has to begin with http:// or https://, without a user name in it.')

/** How the certificate of an https master is judged. */
export const certificateRule = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('system') }),
  /** Certificates (PEM) that are trusted beside the system's. */
  z.object({ kind: z.literal('ca'), name: z.string().max(200), pem: z.string().min(1).max(200_000) }),
  /** SHA-256 of the one certificate that is accepted, whoever signed it: `AB:CD:…`. */
  z.object({ kind: z.literal('pinned'), fingerprint: z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/) }),
])
export type CertificateRule = z.infer<typeof certificateRule>

/** What to tell of when the window is not in front. */
export const notificationRule = z.object({ failed: z.boolean(), nodes: z.boolean() })
export type NotificationRule = z.infer<typeof notificationRule>

/** A cluster as it is saved: everything but the password. */
export const savedCluster = z.object({
  id: z.uuid(),
  name: z.string().trim().min(1).max(100),
  url: httpUrl,
  /** Empty: the master asks for no password. */
  username: z.string().max(200),
  certificate: certificateRule,
  notifications: notificationRule,
})
export type SavedCluster = z.infer<typeof savedCluster>

/** A cluster as the form has it. `password: null` keeps the stored one. */
const clusterDraft = savedCluster.extend({ id: z.uuid().nullable(), password: z.string().max(1_000).nullable() })
export type ClusterDraft = z.infer<typeof clusterDraft>

/** Arguments by the name of the call. */
export const IPC_ARGUMENTS = {
  'desktop.state': z.tuple([]),
  'clusters.save': z.tuple([clusterDraft]),
  'clusters.remove': z.tuple([z.uuid()]),
  'clusters.test': z.tuple([clusterDraft]),
  'clusters.check': z.tuple([]),
  'clusters.open': z.tuple([clusterId, z.string().max(1_000).nullable()]),
  'clusters.close': z.tuple([z.enum(['chosen', 'unauthorized'])]),
  'clusters.import': z.tuple([]),
  'clusters.export': z.tuple([]),
  'clusters.chooseCertificate': z.tuple([]),
  'local.start': z.tuple([]),
  'local.stop': z.tuple([]),
  'local.setBackground': z.tuple([z.boolean()]),
  'local.setNotifications': z.tuple([notificationRule]),
  'local.followLog': z.tuple([callId]),
  'local.unfollowLog': z.tuple([callId]),
  'local.openLog': z.tuple([]),
  'projects.choose': z.tuple([]),
  'projects.inspect': z.tuple([z.string().min(1).max(4_000)]),
  'projects.add': z.tuple([z.string().min(1).max(4_000), z.string().min(1).max(200)]),
  'session.call': z.tuple([callId, pageEndpoint, endpointInput]),
  'session.bytes': z.tuple([callId, z.enum(['getLog', 'getOutput']), endpointInput]),
  'session.abort': z.tuple([callId]),
  'session.follow': z.tuple([callId, z.string().max(80).nullable()]),
  'session.unfollow': z.tuple([callId]),
  'files.save': z.tuple([fileUrl]),
  'files.stopSaving': z.tuple([callId]),
  'files.open': z.tuple([fileUrl]),
  'files.reveal': z.tuple([fileUrl]),
} as const satisfies Record<string, z.ZodTuple>

export type IpcCall = keyof typeof IPC_ARGUMENTS
export type IpcArguments<C extends IpcCall> = z.output<(typeof IPC_ARGUMENTS)[C]>

/** What each call answers. */
export interface IpcReplies {
  'desktop.state': DesktopState
  'clusters.save': ClusterEntry
  'clusters.remove': null
  'clusters.test': TestResult
  'clusters.check': null
  'clusters.open': TestResult
  'clusters.close': null
  /** Clusters that came in; null: the dialog was closed. */
  'clusters.import': number | null
  'clusters.export': boolean
  'clusters.chooseCertificate': ChosenCertificate | null
  'local.start': LocalState
  'local.stop': LocalState
  'local.setBackground': LocalState
  'local.setNotifications': LocalState
  'local.followLog': null
  'local.unfollowLog': null
  'local.openLog': null
  'projects.choose': ProjectFolder | null
  'projects.inspect': ProjectFolder
  'projects.add': null
  'session.call': unknown
  'session.bytes': { readonly bytes: Uint8Array; readonly size: number }
  'session.abort': null
  'session.follow': null
  'session.unfollow': null
  /** Whether it was saved, whole; how far it is comes in messages. */
  'files.save': boolean
  'files.stopSaving': null
  'files.open': null
  'files.reveal': null
}

/** An answer as it travels: errors keep their name and fields (a rejected Electron call would keep only a text). */
export type IpcAnswer<C extends IpcCall> =
  | { readonly ok: true; readonly value: IpcReplies[C] }
  | { readonly ok: false; readonly error: IpcError }

export interface IpcError {
  readonly name: string
  readonly message: string
  /** Stable name of the problem (`conflict`, `node-unreachable`, …). */
  readonly code: string
  /** HTTP status of the daemon's answer; 0 where there was none. */
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
}

/** What main says on its own. */
export type IpcMessage =
  | { readonly type: 'events'; readonly stream: string; readonly events: readonly FeedEvent[] }
  /** `error: null`: the daemon ended it. */
  | { readonly type: 'stream-end'; readonly stream: string; readonly error: IpcError | null }
  | { readonly type: 'clusters'; readonly clusters: readonly ClusterEntry[] }
  | { readonly type: 'local'; readonly local: LocalState }
  /** `isAnew`: the text takes the place of what was told before. */
  | { readonly type: 'local-log'; readonly stream: string; readonly text: string; readonly isAnew: boolean }
  | SavingMessage
  /** A route of the console (deep link, notification, menu). */
  | { readonly type: 'navigate'; readonly path: string }
  | { readonly type: 'command'; readonly command: 'palette' | 'shortcuts' }
  /** The page shows another cluster (or the clusters): it loads itself anew. */
  | { readonly type: 'reload' }

/** How far a file is that is being saved; `part` 0…1, or null when that cannot be said. */
export interface SavingMessage {
  readonly type: 'saving'
  readonly id: string
  readonly name: string
  readonly part: number | null
  readonly state: 'going' | 'saved' | 'stopped' | 'failed'
}

/** The bridge in the page's world. */
export interface DesktopBridge {
  invoke(call: string, args: readonly unknown[]): Promise<unknown>
  listen(listener: (message: IpcMessage) => void): void
  /** Path of a file or folder that was dropped onto the page. */
  pathOf(file: object): string
}

/** What the desktop shows as it starts. */
export interface DesktopState {
  readonly platform: string
  readonly version: string
  /** null: passwords are stored. Else why the system cannot encrypt them. */
  readonly noEncryption: string | null
  readonly clusters: readonly ClusterEntry[]
  readonly local: LocalState
  /** The cluster whose console the page shows; null: the clusters screen. */
  readonly open: OpenCluster | null
  /** Id of the cluster that the clusters screen begins with. */
  readonly selected: string | null
  /** Why the clusters screen is shown instead of that cluster. */
  readonly notice: 'unauthorized' | 'password-needed' | null
  /** Route that the console begins with; told once. */
  readonly path: string | null
}

export interface OpenCluster {
  readonly id: string
  readonly name: string
  /** Base URL with a slash at its end. */
  readonly base: string
  readonly isLocal: boolean
}

export interface ClusterEntry extends SavedCluster {
  readonly hasPassword: boolean
  /** null while it was never asked; `asking` keeps the last one. */
  readonly result: TestResult | null
  readonly isAsking: boolean
}

/** What a master says when it is tried: exactly one thing is right or wrong. */
export type TestResult =
  | {
      readonly kind: 'connected'
      readonly ms: number
      readonly node: string
      readonly version: string
      readonly cluster: string
      readonly nodes: number
      readonly offline: number
      readonly running: number
      readonly username: string | null
    }
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** Something answers, but no master: a slave (`reason`: of which master, empty of none), a stock Scrapyd, another web server. */
  | { readonly kind: 'not-a-master'; readonly found: 'slave' | 'scrapyd' | 'other'; readonly reason: string }
  | { readonly kind: 'wrong-password'; readonly username: string }
  | { readonly kind: 'password-needed' }
  /** `code`: the one of TLS (`CERT_HAS_EXPIRED`, …), by which the page says it in its own words. */
  | {
      readonly kind: 'certificate'
      readonly reason: string
      readonly code: string
      readonly peer: PeerCertificate | null
    }
  | { readonly kind: 'failed'; readonly reason: string }

export interface PeerCertificate {
  readonly subject: string
  readonly issuer: string
  readonly validTo: string
  /** SHA-256, `AB:CD:…` */
  readonly fingerprint: string
}

export interface ChosenCertificate {
  readonly name: string
  readonly pem: string
  readonly subject: string
  readonly validTo: string
}

/** The master that runs on this computer. */
export type LocalState = {
  readonly dataDir: string
  /** Goes on when the app quits. */
  readonly background: boolean
  readonly notifications: NotificationRule
} & (
  | { readonly state: 'stopped' }
  | { readonly state: 'unsupported'; readonly reason: string }
  | {
      readonly state: 'starting'
      readonly since: number
      readonly steps: readonly LocalStep[]
    }
  | { readonly state: 'running'; readonly since: number; readonly url: string; readonly python: string }
  /** It died and is started again at `retryAt`. */
  | { readonly state: 'waiting'; readonly retryAt: number; readonly attempt: number; readonly reason: string }
  | { readonly state: 'failed'; readonly reason: string; readonly help: string | null }
  | { readonly state: 'stopping' }
)

export interface LocalStep {
  readonly step: 'folder' | 'port' | 'python' | 'answer'
  readonly state: 'doing' | 'done'
  readonly detail: string
}

/** A folder that somebody wants to add as a project, and whether its spiders can run. */
export interface ProjectFolder {
  readonly path: string
  readonly name: string
  /** Folder of its scrapy.cfg; null: there is none, and `problem` says so. */
  readonly projectDir: string | null
  readonly settings: string | null
  readonly python: string | null
  readonly pythonVersion: string | null
  readonly scrapyVersion: string | null
  readonly problem: 'no-folder' | 'no-scrapy-cfg' | 'no-python' | 'no-scrapy' | null
  /** The command that sets it right; null where there is none. */
  readonly remedy: string | null
}
