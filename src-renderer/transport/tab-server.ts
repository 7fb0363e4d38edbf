import { ALIVE_LIMIT, type TabMessage, type WorkerMessage } from './hub-messages.ts'
import { StreamHub, type HubSubscriber } from './stream-hub.ts'

/** The part of a MessagePort that a tab's client needs (a real port, or a test's channel). */
export type TabPort = Pick<MessagePort, 'postMessage' | 'addEventListener' | 'start'>

/** Serves the tabs of one browser from one hub per daemon. Runs inside the SharedWorker. */
export class TabServer {
  readonly #hubs = new Map<string, StreamHub>()
  readonly #createHub: (base: string) => StreamHub

  constructor(createHub: (base: string) => StreamHub = (base) => new StreamHub({ base })) {
    this.#createHub = createHub
  }

  connect(port: TabPort): void {
    const say = (message: WorkerMessage) => port.postMessage(message)
    const subscriber: HubSubscriber = {
      onEvents: (events) => say({ type: 'events', events }),
      onStatus: (status) => say({ type: 'status', status }),
      onPiece: (piece) => say({ type: 'piece', piece }),
      onTailError: (id, { failure, message, status, code }) =>
        say({ type: 'tail-error', id, error: { failure, message, status, code } }),
    }
    let hub: StreamHub | null = null
    let silence: ReturnType<typeof setTimeout> | undefined
    const leave = () => {
      clearTimeout(silence)
      hub?.remove(subscriber)
      hub = null
    }
    port.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => {
      if (data.type === 'join') {
        leave()
        hub = this.#hub(data.base)
        hub.add(subscriber)
      } else if (hub === null) {
        if (data.type !== 'leave') say({ type: 'forgotten' })
        return
      } else if (data.type === 'tail') hub.addTail(subscriber, data.id, data.request)
      else if (data.type === 'drop-tail') hub.dropTail(data.id)
      else if (data.type === 'reconnect') hub.reconnect()
      else if (data.type === 'leave') return leave()
      clearTimeout(silence)
      silence = setTimeout(leave, ALIVE_LIMIT)
    })
    port.start()
  }

  #hub(base: string): StreamHub {
    const hub = this.#hubs.get(base) ?? this.#createHub(base)
    this.#hubs.set(base, hub)
    return hub
  }
}
