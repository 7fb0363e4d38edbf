import type {
  BRIDGE_NAME,
  DesktopBridge,
  IpcAnswer,
  IpcArguments,
  IpcCall,
  IpcError,
  IpcMessage,
  IpcReplies,
} from '../../src-main/ipc-contract.ts'
import { CallError } from './call-error.ts'

declare global {
  interface Window {
    readonly [BRIDGE_NAME]?: DesktopBridge
  }
}

const NAME: typeof BRIDGE_NAME = 'scrapydServiceDesktop'

/** The page's end of the typed IPC: calls main answers, and messages that main sends. */
export class Desktop {
  readonly #bridge: DesktopBridge
  readonly #listeners = new Set<(message: IpcMessage) => void>()

  constructor(bridge: DesktopBridge) {
    this.#bridge = bridge
    bridge.listen((message) => {
      for (const listener of this.#listeners) listener(message)
    })
  }

  /** Throws CallError with the name and fields that main gave. */
  async invoke<C extends IpcCall>(call: C, ...args: IpcArguments<C>): Promise<IpcReplies[C]> {
    // What a page holds may be reactive, which no structured clone takes.
    const plain = JSON.parse(JSON.stringify(args)) as unknown[]
    const answer = (await this.#bridge.invoke(call, plain)) as IpcAnswer<C>
    if (answer.ok) return answer.value
    throw callError(answer.error)
  }

  /** Calls `listener` with every message; the answer ends that. */
  onMessage(listener: (message: IpcMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  pathOf(file: File): string {
    return this.#bridge.pathOf(file)
  }
}

/** The desktop app around this page; null in a browser. */
export function findDesktop(): Desktop | null {
  const bridge = window[NAME]
  return bridge === undefined ? null : new Desktop(bridge)
}

/** The error that main told, as the console knows errors. */
export function callError({ message, code, status, fields }: IpcError): CallError {
  const failure = code === 'unauthorized' ? 'unauthorized' : code === 'node-unreachable' ? 'unreachable' : 'refused'
  return new CallError(failure, message, { status, code, fields })
}
