/** A sentence of the daemon: its name among the messages, and how it is recognised. */
interface Sentence {
  readonly key: string
  readonly pattern: RegExp
}

const SENTENCES: readonly Sentence[] = [
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
