/** Takes credentials out of URLs: git prints the remote's address in its errors. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@'"]+@/gi, '$1***@')
}

/**
 * Cuts what git prints into whole lines. Progress is overwritten in place (`\r`): only the last state of such a line is
 * passed on. Credentials are taken out.
 */
export class GitOutput {
  readonly #sink: (text: string) => void
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(sink: (text: string) => void) {
    this.#sink = sink
  }

  write(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n')
    // The part before the last `\r` will be overwritten anyway: a progress of hours does not pile up here.
    const rest = lines.pop() ?? ''
    this.#rest = rest.slice(rest.lastIndexOf('\r', rest.length - 2) + 1)
    for (const line of lines) this.#pass(line)
  }

  end(): void {
    if (this.#rest !== '') this.#pass(this.#rest)
    this.#rest = ''
  }

  #pass(line: string): void {
    this.#sink(`${withoutCredentials(lastState(line)).trimEnd()}\n`)
  }
}

function lastState(line: string): string {
  const bare = line.endsWith('\r') ? line.slice(0, -1) : line
  return bare.slice(bare.lastIndexOf('\r') + 1)
}
