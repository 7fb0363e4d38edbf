/** Sentences of the desktop's main process, by their name among the messages. */
const SENTENCES: Readonly<Record<string, RegExp>> = {
  inUse: /^Another daemon works on this data folder\.$/,
  notNow: /^Its data folder cannot be written now\.$/,
  ended: /^The daemon ended with status (?<code>\d+)\.$/,
  killed: /^The daemon was killed\.$/,
  silent: /^It did not answer within (?<seconds>\d+) s\.$/,
  deaf: /^It runs already \(process (?<pid>\d+)\), but does not answer: (?<detail>.*)$/s,
  unsupported: /^The daemon runs on Linux and macOS\. Connect to a master on a server, or in WSL\.$/,
  sameName: /^There is a cluster of the name (?<name>.*) already\.$/,
  badUrl:
    /^(?:clusters\.\w+: url: )?The address has to begin with http:\/\/ or https:\/\/, without a user name in it\.$/,
  notPem: /^(?<name>.*) is not a certificate in PEM: (?<detail>.*)$/s,
  notExported: /^This is not a file of exported clusters: (?<detail>.*)$/s,
  noCluster: /^No cluster is open\.$/,
  localStopped: /^The local master is not running\.$/,
  otherMachine: /^The file is on another machine: save it instead\.$/,
  textsOnly: /^Only logs and items are opened from here: show it in its folder instead\.$/,
  noStore: /^no secret store \(GNOME Keyring, KWallet\) answers$/,
  noEncryption: /^the system offers no encryption$/,
  refuses: /^the system's secret store refuses \((?<detail>.*)\)$/s,
  refused: /^nothing listens there \(connection refused\)$/,
  unknownHost: /^the host name is not known$/,
  noLookup: /^the host name could not be looked up$/,
  closed: /^the connection was closed$/,
  reset: /^the connection was closed \(reset\)$/,
  cut: /^the connection was closed before the answer was complete$/,
  timedOut: /^the connection timed out$/,
  late: /^it did not answer in time$/,
  noAnswer: /^no answer in time$/,
  halfway: /^its answer stopped halfway$/,
  noRoute: /^there is no route to the host$/,
  noNetwork: /^there is no route to the network$/,
  noAddress: /^the address cannot be used$/,
  badAddress: /^the address is not usable$/,
  isHttps: /^it speaks https: write https:\/\/ in front of it$/,
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

/** What the codes of TLS mean for a certificate, by their name among the messages. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'selfSigned',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknownIssuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknownIssuer',
  UNABLE_TO_GET_ISSUER_CERT: 'unknownIssuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknownIssuer',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'notYetValid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'otherHost',
  HOSTNAME_MISMATCH: 'otherHost',
  PINNED_CERTIFICATE: 'notPinned',
}

/** The message that says what is wrong with a certificate; `other` quotes what TLS says. */
export function certificateMessage(code: string): string {
  return CERTIFICATES[code] ?? 'other'
}
