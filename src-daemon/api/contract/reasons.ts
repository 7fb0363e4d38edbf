import { PROJECT_REASONS } from './project-reasons.ts'
import { PULL_REASONS } from './pull-reasons.ts'

/**
 * Every sentence by which a daemon says why a job waits or how it ended, why a node or a project cannot be used, what
 * became of a pull, and the usual ones by which it refuses. They stand in answers and in the database as text; the console
 * knows them by these forms and shows them in its own language, so that a sentence that is not here is shown in English
 * everywhere. `{…}` are names, figures and quoted words, or sentences themselves. Of forms that one text fits the first counts.
 */
export const REASONS = {
  // Why a job waits.
  noNode: 'Waits: no node takes jobs',
  notInCluster: 'Waits: the node {node} is not in this cluster',
  nowhere: 'Waits: no node has {project}',
  noSpider: "Waits: no node's {project} has the spider {spider}",
  notThere: 'Waits: {node} does not have {project}',
  onlyOffline: 'Waits: {node}, the only node that has {project}, is offline',
  allOffline: 'Waits: all {n} nodes that have {project} are offline',
  thisPaused: 'Waits: this node is paused',
  paused: 'Waits: {node} is paused',
  pausedMany: 'Waits: {nodes} are paused',
  fullHere: 'Waits: no free slot ({used} of {total} in use)',
  fullOn: 'Waits: no free slot on {node} ({used} of {total})',
  fullAll: 'Waits: no free slot on the {n} nodes that have {project}',
  queueOf: 'Waits in the queue of {node}',

  // Why one of several nodes takes no job, behind its name.
  isOffline: 'is offline',
  isPaused: 'is paused',
  notSeen: 'was not seen yet',
  runsNone: 'the master runs no jobs itself (master_runs_jobs)',
  notKnown: 'what happens there is not known yet',
  notKnownWith: 'what happens there is not known yet ({detail})',
  nodePaused: 'This node is paused',
  nodeFull: 'All {n} slots of this node are in use',
  nodeLacks: 'does not have {project}',
  nodeCannot: 'cannot start this spider',
  nodeForeign: 'belongs to another master',
  nodeTakesNone: 'takes no job now',
  tooLate: 'The request arrived too late',
  takenBack: 'The master took this dispatch back',
  noProject: "project '{project}' not found",
  noSuchSpider: "spider '{spider}' not found",
  noSuchSpiderOf: "spider '{spider}' not found; modules that cannot be loaded: {modules}",
  stockArgument: "a stock Scrapyd cannot pass on the spider argument '{name}'",

  // How a job was cancelled or lost.
  cancelled: 'Cancelled before it was started',
  cancelledBefore: 'Cancelled by {who} before it was started',
  cancelledAfterBy: 'Cancelled by {who} after {seconds} s',
  cancelledKilledBy: 'Cancelled by {who} after {seconds} s; it did not close in time and was killed',
  cancelledAfter: 'Cancelled after {seconds} s',
  cancelledKilled: 'Cancelled after {seconds} s; it did not close in time and was killed',
  projectRemoved: 'Cancelled: the project {project} was removed',
  nodeGone: 'Its node is not in the cluster any more',
  nodeRemoved: 'The node {node} was removed from the cluster',
  givenUp: 'Given up while {node} was offline; run again elsewhere',
  givenUpBy: 'Given up by {who} while {node} was offline; run again elsewhere',
  rebooted: 'The machine was restarted while the spider ran',
  databaseGone: 'The database of {node} is gone; what became of the job there is unknown',
  databaseOlder: '{node} does not know this job any more (its database is an older copy)',
  stockRestarted: '{node}, a stock Scrapyd, was restarted and has forgotten the job',
  stockForgot: '{node}, a stock Scrapyd, does not know the job any more',
  stockUnanswered:
    '{node}, a stock Scrapyd, did not answer when it was given the job, and does not know it; it may have run there',
  unreachable: 'cannot be reached ({detail})',

  // How a job failed.
  gone: 'Killed, status unknown: spider and supervisor are gone without a record',
  goneWith: 'Killed, status unknown: spider and supervisor are gone without a record: {detail}',
  memory: 'Ended by {signal}, not sent by us (out of memory?)',
  signal: 'Ended by {signal}, not sent by us',
  exitCode: 'Exit code {code}',
  exitCodeWith: 'Exit code {code}: {detail}',
  shutdown: 'Stopped by a signal that was not sent by us (finish_reason: shutdown)',
  oneError: '1 error logged, no response and no item',
  oneErrorWith: '1 error logged, no response and no item: {detail}',
  nothing: '{n} errors logged, no response and no item',
  nothingWith: '{n} errors logged, no response and no item: {detail}',

  // Why a job could not be started.
  notStarted: 'The spider could not be started',
  notAdopted: 'Could not be taken over after a restart: {detail}',
  notRun: 'the run could not be started: {detail}',
  claimLost: 'the process that had claimed the run ended before the spider was started',
  noOutput: 'the output of the run cannot be written: {detail}',
  noFolder: 'the folder {path} does not exist',
  noPython:
    'the interpreter {python} was not found; name another interpreter in [python] (for one project) or as python in [scrapyd]',
  pythonDenied:
    'the interpreter {python} may not be executed; name another interpreter in [python] (for one project) or as python in [scrapyd]',
  pythonFailed: 'the interpreter {python} cannot be started: {detail}',
  pythonEnded: '{python} ended with exit code {code} before the spider was started and printed nothing',
  pythonEndedWith: '{python} ended with exit code {code} before the spider was started: {detail}',
  pythonKilled: '{python} was ended by {signal} before the spider was started and printed nothing',
  pythonKilledWith: '{python} was ended by {signal} before the spider was started: {detail}',

  // Why a node cannot be reached.
  refused: 'connection refused',
  refusedHint: 'connection refused: is the daemon running, and does it listen on this address?',
  unknownHost: 'its host name is not known',
  noLookup: 'its host name cannot be looked up',
  noRoute: 'no route to its host',
  noNetwork: 'no route to its network',
  hostDown: 'its host is down',
  notInTime: 'no connection in time',
  noConnection: 'no connection within {seconds} s',
  noAnswer: 'no answer within {seconds} s',
  cut: 'it closed the connection without an answer',
  offline: 'offline: {detail}',
  offlineNow: 'offline ({detail})',
  neverSeen: 'not seen yet',
  getsItLater: 'it gets this when it is back',
  othersFirst: 'something else still waits for it',
  notTls: 'it does not speak HTTPS',
  notTlsHint: 'it does not speak HTTPS: write http:// instead of https://',
  isTls: 'it speaks HTTPS: write https:// in front of it',
  notHttp: 'it does not speak HTTP',
  certificate: 'its certificate is not trusted ({detail})',
  tooLarge: 'its answer is larger than {n} bytes',

  // Why a node that answers cannot be used.
  asksPassword: 'it asks for a user name and a password',
  wrongPassword: 'its user name or password is wrong',
  refusesPassword: 'it refuses the user name and password',
  redirects: 'it redirects to {place}',
  answersHttp: 'it answers HTTP {status}',
  refusal: 'it answers, but refuses: {detail}',
  notScrapyd: 'this is not a Scrapyd',
  hasNo: 'it has no {service}',
  serviceHttp: 'its {service} answers HTTP {status}',
  serviceNoJson: 'its {service} answers HTTP {status} and no JSON',
  serviceElse: 'its {service} answers something else ({detail})',
  isMaster: 'it is this master itself',
  isAMaster: "it is a master itself (of the cluster '{cluster}')",
  otherVersion: 'its version ({version}) and this one do not understand each other',
  wasOurs:
    'It was a Scrapyd Service daemon and answers as a stock Scrapyd now: remove it and add it again if that is meant',
  noCapacity: 'This is a stock Scrapyd server, which does not tell its capacity: add ?max_proc=N to its URL',
  isOurselves: 'This is the master itself; it is a node of its cluster anyway',
  isOtherMaster: "This is a master itself (of the cluster '{cluster}')",
  twin: 'This is the same daemon as {host}, listed twice, or a copy of its database: remove one of the two',
  foreign: "It belongs to the master '{master}' ({id}); take it over explicitly, or remove it there",

  // Why something that was asked for is refused.
  noJob: "job '{id}' not found",
  noNodeNamed: "node '{node}' not found",
  noVersion: "version '{version}' not found",
  alreadyEnded: "job '{id}' has already ended ({outcome})",
  sameDaemon: '{host} is the same daemon as {node}, which is in the cluster',
  ownedBy: "{host} belongs to the master '{master}': take it over explicitly",

  ...PULL_REASONS,
  ...PROJECT_REASONS,
} as const

export type ReasonKey = keyof typeof REASONS

type Placeholders<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never
type Values<K extends ReasonKey> = [Placeholders<(typeof REASONS)[K]>] extends [never]
  ? []
  : [values: Readonly<Record<Placeholders<(typeof REASONS)[K]>, string | number>>]

/** A sentence with its values. */
export function reasonText<K extends ReasonKey>(key: K, ...[values]: Values<K>): string {
  const known = (values ?? {}) as Readonly<Record<string, string | number>>
  return REASONS[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(known[name] ?? whole))
}
