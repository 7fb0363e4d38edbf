import { type IncomingMessage, request as httpRequest } from 'node:http'
import { type Agent, request as httpsRequest } from 'node:https'

/**
 * Opens an event stream on a connection of its own and resolves to the answer, whatever its status, once its head is there.
 * By node:http and not by fetch: the web streams of the latter cost a master of many nodes more than the events in them.
 * `agent` judges the other side of https; without one Node does. Rejects as node:http does, also when `signal` is aborted, which ends the stream at any time.
 */
export function openEventConnection(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  agent: Agent | undefined = undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isSecure = url.startsWith('https:')
    const send = isSecure ? httpsRequest : httpRequest
    const options = {
      headers: { Accept: 'text/event-stream', ...headers },
      agent: (isSecure && agent) ?? false,
      signal,
    }
    const request = send(url, options, resolve)
    request.once('error', reject)
    request.end()
  })
}
