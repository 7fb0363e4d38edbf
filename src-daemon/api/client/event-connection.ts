import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

/**
 * Opens an event stream on a connection of its own and resolves to the answer, whatever its status, once its head is there.
 * By node:http and not by fetch: the web streams of the latter cost a master of many nodes more than the events in them.
 * Rejects as node:http does, also when `signal` is aborted, which ends the stream at any time.
 */
export function openEventConnection(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    const request = send(url, { headers: { Accept: 'text/event-stream', ...headers }, agent: false, signal }, resolve)
    request.once('error', reject)
    request.end()
  })
}
