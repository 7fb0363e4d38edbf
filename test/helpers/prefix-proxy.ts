import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A reverse proxy that serves a daemon below a path, as nginx would: the path is taken off and told in a header. */
export class PrefixProxy {
  readonly #server: Server
  readonly #prefix: string

  private constructor(server: Server, prefix: string) {
    this.#server = server
    this.#prefix = prefix
  }

  static async start(target: string, prefix: string): Promise<PrefixProxy> {
    const { port: targetPort } = new URL(target)
    const server = createServer((incoming, answer) => {
      const { url = '/', method, headers } = incoming
      if (!url.startsWith(`${prefix}/`)) {
        answer.writeHead(404).end('outside the prefix')
        return
      }
      const upstream = request(
        {
          host: '127.0.0.1',
          port: Number(targetPort),
          path: url.slice(prefix.length),
          method,
          headers: { ...headers, 'x-forwarded-prefix': prefix },
        },
        (reply) => {
          answer.writeHead(reply.statusCode ?? 502, reply.headers)
          reply.pipe(answer)
        },
      )
      upstream.on('error', () => answer.destroy())
      answer.on('close', () => upstream.destroy())
      incoming.pipe(upstream)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new PrefixProxy(server, prefix)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#prefix}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
