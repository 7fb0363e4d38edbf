import { reasonText } from '../api/contract/reasons.ts'
import { nodeSelf, type NodeSelf } from '../api/contract/values.ts'
import { type FailureKind, NodeCallError } from './node-failure.ts'
import { requestNode } from './node-request.ts'
import type { NodeTarget } from './node-target.ts'
import { ScrapydNode, ScrapydRefusal } from './scrapyd-node.ts'

/** What a host turned out to be. */
export type ProbeResult =
  | { readonly kind: 'slave'; readonly name: string; readonly version: string; readonly self: NodeSelf }
  | {
      readonly kind: 'scrapyd'
      readonly name: string
      readonly projects: readonly string[]
      readonly pending: number
      readonly running: number
    }
  /** `problem`: why it cannot be used as it is, in words. `answered` = something is there. */
  | { readonly kind: 'unknown'; readonly problem: string; readonly answered: boolean }

export interface ProbeOptions {
  readonly timeoutMs: number
  /** This master's own id: a node that answers with it is the master itself. */
  readonly instance: string
  readonly signal?: AbortSignal
}

const MOST_BYTES = 4_194_304

/** Asks a host what it is: one of our daemons, a stock Scrapyd, or something else. Never throws because of the host. */
export async function probeNode(target: NodeTarget, options: ProbeOptions): Promise<ProbeResult> {
  try {
    return (await asDaemon(target, options)) ?? (await asScrapyd(target, options.timeoutMs))
  } catch (error) {
    if (error instanceof ScrapydRefusal) return nothing(reasonText('refusal', { detail: error.words }), true)
    if (!(error instanceof NodeCallError)) throw error
    return nothing(withHint(error), ANSWERS.has(error.kind))
  }
}

/** What failed, and what to do about it. */
function withHint({ kind, words }: NodeCallError): string {
  if (kind === 'not-tls') return reasonText('notTlsHint')
  if (kind === 'refused') return reasonText('refusedHint')
  return kind === 'not-scrapyd' ? `${words}: ${reasonText('notScrapyd')}` : words
}

/** Failures that are an answer; a node that is silent or hangs up is away, not something else. */
const ANSWERS: ReadonlySet<FailureKind> = new Set([
  'certificate',
  'not-tls',
  'wrong-password',
  'not-scrapyd',
  'too-large',
  'status',
])

/** null: it is none of ours. */
async function asDaemon(
  target: NodeTarget,
  { timeoutMs, instance, signal }: ProbeOptions,
): Promise<ProbeResult | null> {
  const { status, headers, body } = await requestNode(target, {
    path: '/api/node',
    isRepeatable: true,
    timeoutMs,
    mostBytes: MOST_BYTES,
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 401 || status === 403) {
    const missing = target.username === null && target.password === null
    return nothing(missing ? reasonText('asksPassword') : reasonText('wrongPassword'), true)
  }
  if (status === 400 && target.url.startsWith('http:') && /https/i.test(body.toString('latin1', 0, 2_000))) {
    return nothing(reasonText('isTls'), true)
  }
  if (status >= 300 && status < 400) return nothing(reasonText('redirects', { place: placeOf(headers.location) }), true)
  // A stock Scrapyd knows no such path. Anything else (a proxy's 502) says nothing of what is there.
  if (status !== 200 && status !== 404 && status !== 405) return nothing(reasonText('answersHttp', { status }), true)
  if (status !== 200) return null
  const answer = parseJson(body)
  if (typeof answer !== 'object' || answer === null || !('feed' in answer) || !('instance' in answer)) return null
  if (answer.instance === instance) return nothing(reasonText('isMaster'), true)
  const self = nodeSelf.safeParse(answer)
  if (!self.success) {
    const version = 'version' in answer ? String(answer.version) : 'unknown'
    return nothing(reasonText('otherVersion', { version }), true)
  }
  const { node_name, version, identity, cluster_name } = self.data
  if (identity === 'master') return nothing(reasonText('isAMaster', { cluster: String(cluster_name) }), true)
  return { kind: 'slave', name: node_name, version, self: self.data }
}

async function asScrapyd(target: NodeTarget, timeoutMs: number): Promise<ProbeResult> {
  const scrapyd = new ScrapydNode(() => target, { timeoutMs })
  const [{ node_name, pending, running }, projects] = await Promise.all([
    scrapyd.daemonStatus(),
    scrapyd.listProjects(),
  ])
  return { kind: 'scrapyd', name: node_name, projects, pending, running }
}

function nothing(problem: string, answered: boolean): ProbeResult {
  return { kind: 'unknown', problem, answered }
}

/** The place of a redirect without what may be a secret in it. */
function placeOf(location: string | undefined): string {
  const url = URL.parse(location ?? '')
  return url === null ? 'another place' : `${url.protocol}//${url.host}`
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return null
  }
}
