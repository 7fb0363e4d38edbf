import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiHandlers, ForwardPort, JobsPageRow, ServerParts } from '../../src-daemon/api/ports.ts'
import { HttpServer } from '../../src-daemon/api/server.ts'
import type { HttpServerOptions } from '../../src-daemon/api/server.ts'
import { LocalFileTree } from '../../src-daemon/files/local-file-tree.ts'
import type { JobFiles } from '../../src-daemon/files/local-file-tree.ts'
import { FakeFeed, FakeTails } from './fake-feed.ts'
import { FakeScrapyd } from './fake-scrapyd.ts'

/** What an `/api` handler was called with. */
export interface ApiCall {
  readonly name: string
  readonly input: { readonly params: unknown; readonly query: unknown; readonly body: unknown }
  readonly by: unknown
}

/** A real server on a free port of 127.0.0.1, over parts in memory and files in a folder of its own. */
export class FakeServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'http-server-'))
  readonly logsDir = join(this.folder, 'logs')
  readonly itemsDir = join(this.folder, 'items')
  readonly scrapyd = new FakeScrapyd()
  readonly feed = new FakeFeed()
  readonly tails = new FakeTails()
  readonly apiCalls: ApiCall[] = []
  /** Replies of `/api` handlers by name; one that is not here fails. */
  readonly replies: Record<string, unknown> = {}
  readonly jobs: Record<'pending' | 'running' | 'finished', JobsPageRow[]> = { pending: [], running: [], finished: [] }
  /** Files of jobs by key. */
  readonly jobFiles = new Map<string, JobFiles>()
  readonly errors: unknown[] = []
  /** Where rows that a test makes tell that nobody takes them any more. */
  readonly ended = new EventEmitter()
  port = 0
  url = ''
  #server: HttpServer | null = null

  async start(options: Partial<HttpServerOptions> = {}, forwards: ForwardPort | null = null): Promise<this> {
    mkdirSync(this.logsDir, { recursive: true })
    mkdirSync(this.itemsDir, { recursive: true })
    this.#server = new HttpServer({
      bindAddress: '127.0.0.1',
      httpPort: 0,
      unixSocketPath: null,
      username: null,
      password: null,
      allowedHosts: [],
      allowedOrigins: [],
      prefixHeader: 'x-forwarded-prefix',
      debug: false,
      disabledServices: new Set(),
      parts: this.#parts(forwards),
      log: {
        info: () => undefined,
        warn: () => undefined,
        error: (_message, error) => this.errors.push(error),
      },
      version: '1.2.3',
      nodeName: 'node1',
      clusterName: null,
      consoleDir: null,
      instance: 'instance-1',
      sessionSecret: Buffer.alloc(32, 7),
      ...options,
    })
    const { port, url } = await this.#server.start()
    this.port = port
    this.url = url
    return this
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** `fetch` of a path of this server. */
  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, { redirect: 'manual', ...init })
  }

  post(
    path: string,
    form: Readonly<Record<string, string>> | URLSearchParams,
    init: RequestInit = {},
  ): Promise<Response> {
    return this.get(path, { method: 'POST', body: new URLSearchParams(form), ...init })
  }

  /** The JSON of an answer without what every answer carries. */
  async json(answer: Promise<Response>): Promise<unknown> {
    const response = await answer
    const { node_name: _, ...rest } = (await response.json()) as Record<string, unknown>
    return rest
  }

  #parts(forwards: ForwardPort | null): ServerParts {
    const { logsDir, itemsDir } = this
    const files = new LocalFileTree({ logsDir, itemsDir, locate: (key) => this.jobFiles.get(key) ?? null })
    const { jobs } = this
    return {
      scrapyd: this.scrapyd,
      api: this.#api(),
      files,
      events: this.feed,
      tails: this.tails,
      jobsPage: {
        async *rows(state) {
          await Promise.resolve()
          yield* jobs[state]
        },
      },
      forwards,
    }
  }

  #api(): ApiHandlers {
    return new Proxy({} as ApiHandlers, {
      get: (_, name) => (input: ApiCall['input'], by: unknown) => {
        this.apiCalls.push({ name: String(name), input, by })
        const reply = this.replies[String(name)]
        return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply)
      },
    })
  }
}
