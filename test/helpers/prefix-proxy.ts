import { createServer, request, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A reverse proxy that serves a daemon below a path, or by https, as nginx would: the path is taken off and told in a header. */
export class PrefixProxy {
  readonly #server: Server
  readonly #base: string

  private constructor(server: Server, base: string) {
    this.#server = server
    this.#base = base
  }

  static async start(target: string, prefix: string, tls: ServerOptions | null = null): Promise<PrefixProxy> {
    const { port: targetPort } = new URL(target)
    const serve: RequestListener = (incoming, answer) => {
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
    }
    const server = tls === null ? createServer(serve) : createSecureServer(tls, serve)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return new PrefixProxy(server, `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}${prefix}`)
  }

  get url(): string {
    return this.#base
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
