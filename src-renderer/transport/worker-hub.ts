import { CallError } from './call-error.ts'
import { ALIVE_INTERVAL, type TabMessage, type WorkerMessage } from './hub-messages.ts'
import type { HubSubscriber, StreamHub } from './stream-hub.ts'
import type { TailRequest } from './transport.ts'

/** What a page needs of a hub, wherever it lives. */
export type Hub = Pick<StreamHub, 'add' | 'remove' | 'addTail' | 'dropTail' | 'reconnect'>

type WorkerPort = Pick<MessagePort, 'postMessage' | 'addEventListener' | 'start'>

/** A page's end of the hub in the SharedWorker. It has one subscriber: this page. */
export class WorkerHub implements Hub {
  readonly #port: WorkerPort
  readonly #base: string
  readonly #tails = new Map<string, TailRequest>()
  #subscriber: HubSubscriber | null = null
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(port: WorkerPort, base: string) {
    this.#port = port
    this.#base = base
    port.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => this.#receive(data))
    port.start()
  }

  add(subscriber: HubSubscriber): void {
    this.#subscriber = subscriber
    this.#join()
    this.#timer = setInterval(() => this.#say({ type: 'alive' }), ALIVE_INTERVAL)
    // A page in the back/forward cache runs no code: it leaves and joins again.
    addEventListener('pagehide', this.#onPageHide)
    addEventListener('pageshow', this.#onPageShow)
  }

  remove(): void {
    this.#subscriber = null
    clearInterval(this.#timer)
    removeEventListener('pagehide', this.#onPageHide)
    removeEventListener('pageshow', this.#onPageShow)
    this.#say({ type: 'leave' })
  }

  addTail(_subscriber: HubSubscriber, id: string, request: TailRequest): void {
    this.#tails.set(id, request)
    this.#say({ type: 'tail', id, request })
  }

  dropTail(id: string): void {
    this.#tails.delete(id)
    this.#say({ type: 'drop-tail', id })
  }

  reconnect(): void {
    this.#say({ type: 'reconnect' })
  }

  readonly #onPageHide = () => this.#say({ type: 'leave' })
  readonly #onPageShow = (event: PageTransitionEvent) => {
    if (event.persisted) this.#join()
  }

  #join(): void {
    this.#say({ type: 'join', base: this.#base })
    for (const [id, request] of this.#tails) this.#say({ type: 'tail', id, request })
  }

  #receive(message: WorkerMessage): void {
    const subscriber = this.#subscriber
    if (subscriber === null) return
    if (message.type === 'events') subscriber.onEvents(message.events)
    else if (message.type === 'status') subscriber.onStatus(message.status)
    else if (message.type === 'forgotten') this.#join()
    else if (message.type === 'piece') {
      const { tail, key, offset, length, state } = message.piece
      // Where it stands, should the worker forget this tab.
      if (state === 'end' || state === 'gone') this.#tails.delete(tail)
      else this.#tails.set(tail, { key, offset: offset + length })
      subscriber.onPiece(message.piece)
    } else {
      const { failure, message: text, status, code } = message.error
      this.#tails.delete(message.id)
      subscriber.onTailError(message.id, new CallError(failure, text, { status, code }))
    }
  }

  #say(message: TabMessage): void {
    this.#port.postMessage(message)
  }
}
