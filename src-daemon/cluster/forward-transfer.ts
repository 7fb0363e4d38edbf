import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { AnswerHead } from './forward-headers.ts'
import { failureOf } from './node-failure.ts'
import { callName, type NodeTarget } from './node-target.ts'

/** What is asked of a node, and how its answer is told to the client. */
export interface Passage {
  readonly target: NodeTarget
  /** Path and query as sent. */
  readonly path: string
  /** Headers for the node, in place of the client's own range and conditions. */
  readonly headers?: OutgoingHttpHeaders
  /** What the client gets for this begin of an answer; `whole`: the node is asked again, for the whole file. */
  readonly answer: (head: AnswerHead) => PassedHead | Refusal | 'whole'
  /** Tells the client that there is no answer. */
  readonly refuse: (refusal: Refusal) => void
}

/** The node's body goes to the client under this head. */
export interface PassedHead {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
}

/** No byte of the node's answer goes to the client. */
export interface Refusal {
  readonly status: number
  readonly message: string
  readonly refused: true
  readonly headers?: OutgoingHttpHeaders
}

/** How long a transfer waits for its node. */
export interface TransferLimits {
  /** Until the node's answer begins. */
  readonly answerMs: number
  /** Longest silence of the node within an answer that the client is ready for. */
  readonly silenceMs: number
}

/** The client may be behind by so much before the node is made to wait. */
const BEHIND_BYTES = 1_048_576
/** A smaller rest of an answer is read so that its connection can be used again. */
const SMALL_BYTES = 65_536

/** One answer on its way from a node to a client. */
export class Transfer {
  readonly passage: Passage
  readonly response: ServerResponse
  readonly #limits: TransferLimits
  #upstream: ClientRequest | null = null
  #answer: IncomingMessage | null = null
  #isRepeated = false
  /** The node cannot serve the range that the client asked for. */
  wantsWhole = false
  readonly #again: () => void
  #bytes = 0
  #timer: NodeJS.Timeout

  constructor(
    passage: Passage,
    response: ServerResponse,
    limits: TransferLimits,
    { again, done }: { again: () => void; done: () => void },
  ) {
    this.passage = passage
    this.#again = again
    this.response = response
    this.#limits = limits
    this.#timer = setTimeout(() => this.#late(), limits.answerMs)
    response.once('close', () => {
      clearTimeout(this.#timer)
      // The client is gone, or has all: http-proxy would leave an unfinished request open.
      if (this.#answer?.complete !== true) this.#upstream?.destroy()
      done()
    })
  }

  connected(upstream: ClientRequest): void {
    this.#upstream = upstream
    // Gone while the request waited for a connection.
    if (this.response.closed) upstream.destroy()
  }

  answered(answer: IncomingMessage): void {
    const { response, passage } = this
    this.#answer = answer
    if (response.closed) {
      answer.destroy()
      return
    }
    const head = passage.answer({ status: answer.statusCode ?? 0, headers: answer.headers })
    if (head === 'whole' && !this.wantsWhole) {
      this.#drain(answer)
      this.#answer = null
      this.wantsWhole = true
      this.#again()
      return
    }
    if (head === 'whole') {
      this.#drain(answer)
      this.failed(new Error('it fails'))
      return
    }
    if ('refused' in head) {
      this.#drain(answer)
      this.#refuse(head)
      return
    }
    // A node that dies within its answer: http-proxy would leave the client waiting.
    answer.once('close', () => {
      if (!answer.complete) response.destroy()
    })
    this.#watchSilence()
    response.writeHead(head.status, head.headers)
    if (response.req.method === 'HEAD') {
      this.#drain(answer)
      response.end()
    } else pour(answer, response)
  }

  mayRepeat(error: Error): boolean {
    if (this.#isRepeated || this.#upstream?.reusedSocket !== true || failureOf(error).kind !== 'cut') return false
    if (this.response.closed || this.#answer !== null) return false
    this.#isRepeated = true
    return true
  }

  failed(error: Error): void {
    const name = callName(this.passage.target)
    this.#refuse({ refused: true, status: 502, message: `${name} cannot be reached: ${failureOf(error).words}` })
  }

  cut(): void {
    this.response.destroy()
  }

  #late(): void {
    const name = callName(this.passage.target)
    const seconds = Math.round(this.#limits.answerMs / 1_000)
    const message =
      this.#upstream === null ? `All connections to ${name} are in use` : `${name} did not answer within ${seconds} s`
    this.#refuse({ refused: true, status: 504, message })
    this.#upstream?.destroy()
  }

  #refuse(refusal: Refusal): void {
    clearTimeout(this.#timer)
    if (this.response.closed || this.response.writableEnded) return
    if (this.response.headersSent) this.response.destroy()
    else this.passage.refuse(refusal)
  }

  #drain(answer: IncomingMessage): void {
    if (Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SMALL_BYTES) answer.resume()
    else if (this.response.req.method === 'HEAD') answer.resume()
    else answer.destroy()
  }

  /** The silence of a node counts only while the client takes what comes. */
  #watchSilence(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const answer = this.#answer
      const bytes = answer?.socket.bytesRead ?? 0
      const isWaiting = answer?.complete !== true && !this.response.writableNeedDrain
      if (isWaiting && bytes === this.#bytes) this.response.destroy()
      else {
        this.#bytes = bytes
        this.#watchSilence()
      }
    }, this.#limits.silenceMs)
  }
}

/** As `pipe`, but for a few large pieces on their way the node is not stopped and started again each time. */
function pour(answer: IncomingMessage, response: ServerResponse): void {
  answer.on('data', (bytes: Buffer) => {
    if (response.write(bytes) || response.writableLength < BEHIND_BYTES) return
    answer.pause()
    response.once('drain', () => answer.resume())
  })
  answer.once('end', () => response.end())
}
