/** One message of a server-sent event stream. */
export interface SseMessage {
  readonly event: string
  readonly data: string
  readonly id: string
}

/**
 * Cuts the text of an event stream into messages (WHATWG HTML, 9.2.6). Comments, which servers send as heartbeats, give
 * none. Lines end in LF or CRLF; our daemons send no lone CR.
 */
export class SseParser {
  #rest = ''
  #event = ''
  #data: string[] = []
  #id = ''

  /** Messages that are complete with this piece of the stream. */
  push(text: string): SseMessage[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    const messages: SseMessage[] = []
    for (const line of lines) {
      const message = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (message !== null) messages.push(message)
    }
    return messages
  }

  #line(line: string): SseMessage | null {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return null
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
    else if (field === 'id') this.#id = value
    return null
  }

  #dispatch(): SseMessage | null {
    const message =
      this.#data.length === 0 ? null : { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id }
    this.#event = ''
    this.#data = []
    return message
  }
}
