import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What becomes of one request on its way: `before` it is not passed on at all, `after` its answer is not. */
export type Loss = 'before' | 'after'

/** Stands between a master and one of its slaves, and loses what a test wants to be lost. */
export class DroppingProxy {
  readonly #target: number
  readonly #server: Server
  /** What was asked, with the status that came back; null: nothing came back. */
  readonly seen: { readonly method: string; readonly path: string; readonly status: number | null }[] = []
  #lose: (method: string, path: string) => Loss | null = () => null
  /** Requests for which this is true are kept until `release`. */
  #keeps: (method: string, path: string) => boolean = () => false
  #kept: (() => void)[] = []

  constructor(targetPort: number) {
    this.#target = targetPort
    this.#server = createServer((incoming, response) => void this.#pass(incoming, response))
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.release()
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Loses what the function names, until the next call. */
  lose(which: (method: string, path: string) => Loss | null): void {
    this.#lose = which
  }

  /** Holds requests back before they reach the slave, until `release`. */
  keep(which: (method: string, path: string) => boolean): void {
    this.#keeps = which
  }

  get kept(): number {
    return this.#kept.length
  }

  /** Passes on what was kept, also when nobody waits for its answer any more. */
  release(): void {
    this.#keeps = () => false
    for (const pass of this.#kept.splice(0)) pass()
  }

  /** Cuts every connection that is open now. */
  cut(): void {
    this.#server.closeAllConnections()
  }

  /** How often a path was asked for. */
  count(method: string, begin: string): number {
    return this.seen.filter((one) => one.method === method && one.path.startsWith(begin)).length
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = incoming
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const loss = this.#lose(method, path)
    if (loss === 'before') return this.#drop(method, path, response)
    if (this.#keeps(method, path)) await new Promise<void>((resolve) => this.#kept.push(resolve))
    const outgoing = request(
      { host: '127.0.0.1', port: this.#target, method, path, headers: incoming.headers, agent: false },
      (answer) => {
        if (loss === 'after') {
          // The slave has done it; nobody will hear of it.
          answer.resume().once('end', () => this.#drop(method, path, response))
          return
        }
        this.seen.push({ method, path, status: answer.statusCode ?? null })
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
        answer.once('close', () => response.destroy())
      },
    )
    outgoing.once('error', () => response.destroy())
    if (!path.startsWith('/api/dispatch')) response.once('close', () => outgoing.destroy())
    outgoing.end(Buffer.concat(chunks))
  }

  #drop(method: string, path: string, response: ServerResponse): void {
    this.seen.push({ method, path, status: null })
    response.destroy()
  }
}
