/** Sentences of the desktop's main process, by their name among the messages. */
const SENTENCES: Readonly<Record<string, RegExp>> = {
  inUse: /^Another daemon works on this data folder\.$/,
  notNow: /^Its data folder cannot be written now\.$/,
  ended: /^The daemon ended with status (?<code>\d+)\.$/,
  killed: /^The daemon was killed\.$/,
  silent: /^It did not answer within (?<seconds>\d+) s\.$/,
  deaf: /^It runs already \(process (?<pid>\d+)\), but does not answer: (?<detail>.*)$/s,
  unsupported: /^The daemon runs on Linux and macOS\. Connect to a master on a server, or in WSL\.$/,
  noStore: /^no secret store \(GNOME Keyring, KWallet\) answers$/,
  noEncryption: /^the system offers no encryption$/,
  refuses: /^the system's secret store refuses \((?<detail>.*)\)$/s,
  refused: /^nothing listens there \(connection refused\)$/,
  unknownHost: /^the host name is not known$/,
  noLookup: /^the host name could not be looked up$/,
  closed: /^the connection was closed$/,
  timedOut: /^the connection timed out$/,
  noRoute: /^there is no route to the host$/,
  noNetwork: /^there is no route to the network$/,
  noHttps: /^it does not speak https$/,
  noHttp: /^it does not speak HTTP$/,
}

/** Finds the sentence that a reason is; null: other words, to be shown as they are. */
export function matchDesktopReason(reason: string): { key: string; values: Record<string, string> } | null {
  for (const [key, pattern] of Object.entries(SENTENCES)) {
    const match = pattern.exec(reason)
    if (match !== null) return { key, values: { ...match.groups } }
  }
  return null
}
