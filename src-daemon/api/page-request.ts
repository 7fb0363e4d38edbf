import type { IncomingHttpHeaders } from 'node:http'

const JAVA = /^Java\//

/** Whether a page is asked for, as browsers do. Java's own client names `text/html` in every request, whatever it is after. */
export function wantsPage(headers: IncomingHttpHeaders): boolean {
  return headers.accept?.includes('text/html') === true && !JAVA.test(headers['user-agent'] ?? '')
}
