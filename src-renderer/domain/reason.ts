/** A sentence of the daemon: its name among the messages, and how it is recognised. */
interface Sentence {
  readonly key: string
  readonly pattern: RegExp
}

const SENTENCES: readonly Sentence[] = [
  { key: 'noNode', pattern: /^Waits: no node takes jobs$/ },
  { key: 'notInCluster', pattern: /^Waits: the node (?<node>.+) is not in this cluster$/ },
  { key: 'nowhere', pattern: /^Waits: no node has (?<project>.+)$/ },
  { key: 'noSpider', pattern: /^Waits: no node's (?<project>.+) has the spider (?<spider>.+)$/ },
  { key: 'notThere', pattern: /^Waits: (?<node>.+) does not have (?<project>.+)$/ },
  { key: 'onlyOffline', pattern: /^Waits: (?<node>.+), the only node that has (?<project>.+), is offline$/ },
  { key: 'allOffline', pattern: /^Waits: all (?<n>\d+) nodes that have (?<project>.+) are offline$/ },
  { key: 'thisPaused', pattern: /^Waits: this node is paused$/ },
  { key: 'paused', pattern: /^Waits: (?<nodes>.+) (?:is|are) paused$/ },
  { key: 'fullHere', pattern: /^Waits: no free slot \((?<used>\d+) of (?<total>\d+) in use\)$/ },
  { key: 'fullOn', pattern: /^Waits: no free slot on (?<node>.+) \((?<used>\d+) of (?<total>\d+)\)$/ },
  { key: 'fullAll', pattern: /^Waits: no free slot on the (?<n>\d+) nodes that have (?<project>.+)$/ },
  { key: 'queueOf', pattern: /^Waits in the queue of (?<node>.+)$/ },
  { key: 'cancelled', pattern: /^Cancelled before it was started$/ },
  { key: 'projectRemoved', pattern: /^Cancelled: the project (?<project>.+) was removed$/ },
  { key: 'nodeGone', pattern: /^Its node is not in the cluster any more$/ },
  { key: 'nodeRemoved', pattern: /^The node (?<node>.+) was removed from the cluster$/ },
  { key: 'givenUp', pattern: /^Given up(?: by (?<who>.+?))? while (?<node>.+) was offline; run again elsewhere$/ },
  {
    key: 'refused',
    pattern: /^connection refused(?:: is the daemon running, and does it listen on this address\?)?$/i,
  },
  { key: 'unknownHost', pattern: /^its host name (?:is not known|cannot be looked up)$/ },
  { key: 'noRoute', pattern: /^(?:no route to its (?:host|network)|its host is down)$/ },
  { key: 'noConnection', pattern: /^no connection within (?<seconds>[\d.]+) s$/ },
  { key: 'noAnswer', pattern: /^no answer within (?<seconds>[\d.]+) s$/ },
  { key: 'cut', pattern: /^it closed the connection without an answer$/ },
  { key: 'asksPassword', pattern: /^it asks for a user name and a password$/ },
  { key: 'wrongPassword', pattern: /^its user name or password is wrong$/ },
  { key: 'cancelledBefore', pattern: /^Cancelled by (?<who>.+) before it was started$/ },
  { key: 'cancelledAfter', pattern: /^Cancelled by (?<who>.+) after (?<seconds>\d+) s$/ },
  {
    key: 'cancelledKilled',
    pattern: /^Cancelled by (?<who>.+) after (?<seconds>\d+) s; it did not close in time and was killed$/,
  },
  { key: 'rebooted', pattern: /^The machine was restarted while the spider ran$/ },
  {
    key: 'gone',
    pattern: /^Killed, status unknown: spider and supervisor are gone without a record(?:: (?<detail>.*))?$/s,
  },
  { key: 'memory', pattern: /^Ended by (?<signal>SIGKILL), not sent by us \(out of memory\?\)$/ },
  { key: 'signal', pattern: /^Ended by (?<signal>\w+), not sent by us$/ },
  { key: 'exitCode', pattern: /^Exit code (?<code>\d+)$/ },
  { key: 'exitCodeWith', pattern: /^Exit code (?<code>\d+): (?<detail>.*)$/s },
  { key: 'shutdown', pattern: /^Stopped by a signal that was not sent by us/ },
  { key: 'nothing', pattern: /^(?<n>\d+) errors? logged, no response and no item$/ },
  { key: 'nothingWith', pattern: /^(?<n>\d+) errors? logged, no response and no item: (?<detail>.*)$/s },
]

/** Finds the sentence that a reason is; null: other words, to be shown as they are. */
export function matchReason(reason: string): { key: string; values: Record<string, string> } | null {
  for (const { key, pattern } of SENTENCES) {
    const match = pattern.exec(reason)
    if (match !== null) return { key, values: { ...match.groups } }
  }
  return null
}
