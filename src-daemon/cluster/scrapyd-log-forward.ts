import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendProblem } from './forward-answers.ts'
import type { AnswerHead } from './forward-headers.ts'
import { hrefOf } from './forward-path.ts'
import type { Forwards } from './forwards.ts'
import type { JobPlace } from './job-places.ts'
import { NodeCallError } from './node-failure.ts'
import { requestNode } from './node-request.ts'

type NodePlace = Extract<JobPlace, { kind: 'node' }>

const TIMEOUT_MS = 10_000
const USUAL_LIMIT = 262_144

/**
 * Answers `GET /api/jobs/{key}/log?offset&limit&download` for a job on a stock Scrapyd, which has whole files and ranges
 * only: its size is asked first, then the bytes are streamed. Tells errors by itself.
 */
export async function forwardScrapydLog(
  forwards: Pick<Forwards, 'forwardTo'>,
  { target, project, spider, id }: NodePlace,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = hrefOf('logs', [project, spider, `${id}.log`], false)
  const query = new URL(request.url ?? '', 'http://localhost').searchParams
  const isDownload = ['1', 'true', 'on', 'yes'].includes(query.get('download') ?? '')
  if (isDownload) {
    const disposition = `attachment; filename="${id.replaceAll(/[^A-Za-z0-9._-]/g, '_')}.log"`
    const named = ({ status, headers }: AnswerHead) => ({
      status,
      headers: { ...headers, 'content-disposition': disposition },
    })
    forwards.forwardTo(target, path, request, response, { problems: true, head: named })
    return
  }
  try {
    const { status, headers } = await requestNode(target, { method: 'HEAD', path, timeoutMs: TIMEOUT_MS, mostBytes: 0 })
    const size = Number(headers['content-length'] ?? Number.NaN)
    if (status === 404) sendProblem(response, 404, `the log of job '${id}' is not on ${target.name} (any more)`, {})
    else if (status !== 200 || !Number.isSafeInteger(size)) {
      sendProblem(response, 502, `${target.name} answers HTTP ${status} for the log of job '${id}'`, {})
    } else {
      const offset = Number(query.get('offset') ?? 0)
      const start = offset < 0 ? Math.max(0, size + offset) : Math.min(offset, size)
      const end = Math.min(start + Number(query.get('limit') ?? USUAL_LIMIT), size)
      if (end <= start) sendNothing(response, size)
      else {
        forwards.forwardTo(target, path, request, response, {
          problems: true,
          headers: { range: `bytes=${start}-${end - 1}` },
          head: (head) => asWhole(head, size),
        })
      }
    }
  } catch (error) {
    const isOfNode = error instanceof NodeCallError
    sendProblem(response, isOfNode ? 502 : 500, isOfNode ? error.message : 'Internal error', {})
  }
}

/** The piece as `/api` tells it: an answer of its own, with the size of the file beside it. */
function asWhole({ status, headers }: AnswerHead, size: number): AnswerHead {
  if (status !== 206) return { status: status === 200 ? 501 : status, headers }
  const { 'content-range': _, ...rest } = headers
  return { status: 200, headers: { ...rest, 'x-log-size': String(size) } }
}

function sendNothing(response: ServerResponse, size: number): void {
  response
    .writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': 0,
      'X-Log-Size': size,
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'private, no-cache',
    })
    .end()
}
