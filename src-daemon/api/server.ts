import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createApp } from './app.ts'
import { Auth } from './auth.ts'
import { BrowserRules } from './browser-rules.ts'
import { guardConnections, serverOptions } from './connections.ts'
import { ConsoleFiles } from './console-files.ts'
import { EventStreams } from './event-streams.ts'
import { FilesRoutes } from './files-routes.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { ServerLimits } from './limits.ts'
import { listenOnAddress, listenOnSocket } from './listener.ts'
import { Pages } from './pages.ts'
import type { ServerParts } from './ports.ts'
import type { ServerLog } from './server-log.ts'
import { SessionRoutes } from './session-routes.ts'
import type { SignedOutStore } from './sessions.ts'
import { WebservicesRoutes } from './webservices-routes.ts'

export interface HttpServerOptions {
  readonly bindAddress: string
  /** 0: any free port. */
  readonly httpPort: number
  readonly unixSocketPath: string | null
  /** `false`: the Unix socket is the only door. */
  readonly listensOnTcp?: boolean
  /** Both set: everything but `/healthz` needs them. */
  readonly username: string | null
  readonly password: string | null
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  /** Lower case. */
  readonly prefixHeader: string
  readonly debug: boolean
  /** `cancel.json` … */
  readonly disabledServices: ReadonlySet<string>
  readonly parts: ServerParts
  readonly log: ServerLog
  readonly version: string
  readonly nodeName: string
  /** null on a slave; the master adds it to every answer of a web service. */
  readonly clusterName: string | null
  /** Folder of the built console; null (or nothing built in it): a plain page. */
  readonly consoleDir: string | null
  /** Id of the instance: names the session cookie. */
  readonly instance: string
  /** 32 random bytes that outlive a restart: sessions are signed with them. */
  readonly sessionSecret: Buffer
  /** Where sign-outs are kept. */
  readonly signedOut?: SignedOutStore
  readonly limits?: Partial<ServerLimits>
}

export interface ListeningAt {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:6800`, or `unix:PATH` */
  readonly url: string
}

/** The daemon's HTTP side: serves any ServerParts, a single node's or a cluster's. */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #limits: ServerLimits
  readonly #streams: EventStreams
  #servers: Server[] = []

  constructor(options: HttpServerOptions) {
    const { parts, nodeName, log } = options
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#streams = new EventStreams({ feed: parts.events, tails: parts.tails, nodeName, limits: this.#limits, log })
  }

  /** Throws ConflictError when the address or the socket is taken. */
  async start(): Promise<ListeningAt> {
    const { bindAddress, httpPort, unixSocketPath, listensOnTcp = true } = this.#options
    const app = await this.#createApp()
    try {
      const at = listensOnTcp
        ? listeningAt(await listenOnAddress(this.#createServer(app), bindAddress, httpPort))
        : { host: '', port: 0, url: `unix:${unixSocketPath}` }
      if (unixSocketPath !== null) await listenOnSocket(this.#createServer(app), unixSocketPath)
      this.#streams.start()
      return at
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends event streams, gives open requests a moment, then closes what is left. */
  async stop(): Promise<void> {
    this.#streams.stop()
    const servers = this.#servers.filter(({ listening }) => listening)
    this.#servers = []
    const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    for (const server of servers) server.closeIdleConnections()
    const moment = new AbortController()
    await Promise.race([closed, wait(this.#limits.stopMs, undefined, { signal: moment.signal }).catch(() => undefined)])
    moment.abort()
    for (const server of servers) server.closeAllConnections()
    await closed
  }

  #createServer(app: ReturnType<typeof createApp>): Server {
    const server = createServer(serverOptions(this.#limits))
    guardConnections(server, this.#limits)
    server.on('request', app)
    // The body is asked for where it is read, so that one that is refused is not sent at all.
    server.on('checkContinue', app)
    this.#servers.push(server)
    return server
  }

  async #createApp() {
    const { parts, nodeName, clusterName, version, log, debug } = this.#options
    const limits = this.#limits
    const isMaster = clusterName !== null
    const auth = new Auth(this.#options)
    const webservices = new WebservicesRoutes({
      api: parts.scrapyd,
      nodeName,
      clusterName,
      disabled: this.#options.disabledServices,
      debug,
      limits,
      log,
    })
    const pages = new Pages({
      parts,
      console: await ConsoleFiles.load(this.#options.consoleDir, limits),
      nodeName,
      isMaster,
      version,
      hasCancel: webservices.has('cancel'),
      limits,
    })
    return createApp({
      parts,
      auth,
      browserRules: new BrowserRules(this.#options),
      sessions: new SessionRoutes(auth, nodeName, limits),
      webservices,
      files: new FilesRoutes(parts.files, limits),
      pages,
      streams: this.#streams,
      prefixHeader: this.#options.prefixHeader,
      isMaster,
      version,
      limits,
      log,
    })
  }
}

function listeningAt({ address, port, family }: AddressInfo): ListeningAt {
  return { host: address, port, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}` }
}
