import type { Logger } from '../logger.ts'
import { hrefOf } from './forward-path.ts'
import type { NodeRequest, NodeAnswer } from './node-request.ts'
import type { ScrapydNode } from './scrapyd-node.ts'

/** What the end of a spider's log says of how it ended. A stock Scrapyd says nothing of it. */
export interface ScrapydLogEnd {
  /** Of `Spider closed (…)`; null when the log has no such line (killed, crashed, or a log level above INFO). */
  readonly finishReason: string | null
  /** Numbers of Scrapy's last stats; null when they were not logged. */
  readonly stats: Readonly<Record<string, number>> | null
}

/** So much of a log's end holds the stats and what may come after them. */
const LOG_END_BYTES = 16_384

/** Reads the last bytes of a log. */
export function readLogEnd(text: string): ScrapydLogEnd {
  const closed = [...text.matchAll(/ INFO: Spider closed \((\w{1,100})\)/g)].at(-1)
  const dump = text.lastIndexOf('Dumping Scrapy stats:')
  if (dump === -1) return { finishReason: closed?.[1] ?? null, stats: null }
  const end = text.indexOf('}', dump)
  const body = text.slice(dump, end === -1 ? undefined : end)
  const stats = Object.fromEntries(
    [...body.matchAll(/'([^'\n]{1,200})': (-?\d+(?:\.\d+)?)[,}\n]?/g)].map(([, name, value]) => [name, Number(value)]),
  )
  const reason = closed?.[1] ?? /'finish_reason': '(\w{1,100})'/.exec(body)?.[1] ?? null
  return { finishReason: reason, stats }
}

/** A job, as far as its log is named after it. */
interface LogOwner {
  readonly project: string
  readonly spider: string
  readonly id: string
}

/** Asks a stock Scrapyd for the logs of jobs that have ended. What cannot be had is null: nothing depends on it. */
export class ScrapydLogEnds {
  readonly #node: ScrapydNode
  readonly #signal: AbortSignal
  readonly #log: Logger

  constructor(node: ScrapydNode, signal: AbortSignal, log: Logger) {
    this.#node = node
    this.#signal = signal
    this.#log = log
  }

  /** What the end of the log says. */
  async end(job: LogOwner): Promise<ScrapydLogEnd | null> {
    const head = await this.#ask(job, { method: 'HEAD', mostBytes: 0 })
    const size = Number(head?.headers['content-length'] ?? 0)
    if (size === 0) return null
    // Twisted fails on `bytes=-N` where N is more than the file has.
    const range = `bytes=${Math.max(0, size - LOG_END_BYTES)}-${size - 1}`
    const answer = await this.#ask(job, { headers: { range }, mostBytes: 2 * LOG_END_BYTES })
    return answer === null ? null : readLogEnd(answer.body.toString())
  }

  /** When the log was written to for the last time; UTC, in milliseconds. */
  async lastChange(job: LogOwner): Promise<number | null> {
    const answer = await this.#ask(job, { method: 'HEAD', mostBytes: 0 })
    const moment = Date.parse(answer?.headers['last-modified'] ?? '')
    return Number.isNaN(moment) ? null : moment
  }

  async #ask(
    { project, spider, id }: LogOwner,
    call: Pick<NodeRequest, 'method' | 'headers' | 'mostBytes'>,
  ): Promise<NodeAnswer | null> {
    try {
      const path = hrefOf('logs', [project, spider, `${id}.log`], false)
      const answer = await this.#node.readFile({ path, signal: this.#signal, ...call })
      return answer.status === 200 || answer.status === 206 ? answer : null
    } catch (error) {
      this.#log.debug(`the log of job ${id} could not be asked for: ${String(error)}`)
      return null
    }
  }
}
