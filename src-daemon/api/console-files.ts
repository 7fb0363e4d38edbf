import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { HTML_TYPE, sendAnswer } from './answer.ts'
import { methodNotAllowed } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import type { Visit } from './visit.ts'

const CONSOLE_CSP =
  "default-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; " +
  "form-action 'self'; frame-ancestors 'none'"

const TYPES: Readonly<Record<string, string>> = {
  '.html': HTML_TYPE,
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
}
const PACKED = { br: '.br', gzip: '.gz' } as const
/** vite names assets by their content: `index-BxQ2k9Zd.js`. */
const HASHED = /-[\w-]{8,}\.\w+$/
const ALLOW = 'OPTIONS, HEAD, GET'

interface ConsoleFile {
  readonly path: string
  readonly type: string
  readonly etag: string
  readonly isHashed: boolean
  /** Ready-packed copies that lie beside it. */
  readonly packed: ReadonlySet<keyof typeof PACKED>
}

/**
 * The built console. What may be served is listed once, at the start: a path that is not in the list does not exist,
 * whatever it looks like.
 */
export class ConsoleFiles {
  readonly #files: ReadonlyMap<string, ConsoleFile>
  readonly #limits: ServerLimits

  private constructor(files: ReadonlyMap<string, ConsoleFile>, limits: ServerLimits) {
    this.#files = files
    this.#limits = limits
  }

  /** null when there is no built console in the folder. */
  static async load(folder: string | null, limits: ServerLimits): Promise<ConsoleFiles | null> {
    if (folder === null) return null
    const names = await readdir(folder, { recursive: true }).catch(() => [])
    const present = new Set(names)
    if (!present.has('index.html')) return null
    const files = new Map<string, ConsoleFile>()
    for (const name of names) {
      const type = TYPES[extname(name)]
      if (type === undefined) continue
      const path = join(folder, name)
      const stats = await stat(path)
      if (!stats.isFile()) continue
      const packed = (['br', 'gzip'] as const).filter((encoding) => present.has(name + PACKED[encoding]))
      files.set(`/${name.replaceAll('\\', '/')}`, {
        path,
        type,
        etag: `"${stats.size.toString(36)}-${Math.round(stats.mtimeMs).toString(36)}"`,
        isHashed: HASHED.test(name),
        packed: new Set(packed),
      })
    }
    return new ConsoleFiles(files, limits)
  }

  handles({ path }: Visit): boolean {
    return path === '/' || this.#files.has(path)
  }

  async serve(request: IncomingMessage, response: ServerResponse, visit: Visit): Promise<void> {
    const file = this.#files.get(visit.path === '/' ? '/index.html' : visit.path)
    if (file === undefined) return
    if (request.method === 'OPTIONS') {
      sendAnswer(request, response, this.#limits, 204, { Allow: ALLOW }, '')
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed(request.method ?? '', ALLOW)
    response.setHeader('Content-Security-Policy', CONSOLE_CSP)
    if (file.type === HTML_TYPE) await this.#servePage(request, response, file, visit)
    else await this.#serveAsset(request, response, file)
  }

  async #servePage(
    request: IncomingMessage,
    response: ServerResponse,
    { path }: ConsoleFile,
    { prefix }: Visit,
  ): Promise<void> {
    const page = withBase(await readFile(path, 'utf8'), prefix)
    const etag = `"${createHash('sha256').update(page).digest('base64url').slice(0, 16)}"`
    const headers = { 'Content-Type': HTML_TYPE, 'Cache-Control': 'no-cache', ETag: etag }
    this.#send(request, response, headers, page)
  }

  async #serveAsset(request: IncomingMessage, response: ServerResponse, file: ConsoleFile): Promise<void> {
    const accepted = request.headers['accept-encoding']?.toString() ?? ''
    const encoding = (['br', 'gzip'] as const).find(
      (name) => file.packed.has(name) && new RegExp(`\\b${name}\\b(?!\\s*;\\s*q=0(\\.0*)?\\s*(,|$))`).test(accepted),
    )
    const headers = {
      'Content-Type': file.type,
      'Cache-Control': file.isHashed ? 'private, max-age=31536000, immutable' : 'no-cache',
      ETag: encoding === undefined ? file.etag : file.etag.replace(/"$/, `-${encoding}"`),
      Vary: 'Accept-Encoding',
      ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
    }
    const suffix = encoding === undefined ? '' : PACKED[encoding]
    this.#send(request, response, headers, await readFile(file.path + suffix))
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    body: string | Buffer,
  ): void {
    const isKnown = request.headers['if-none-match'] === headers['ETag']
    sendAnswer(request, response, this.#limits, isKnown ? 304 : 200, headers, isKnown ? '' : body)
  }
}

/** Relative addresses in the page count from the daemon's base; the links are for those without JavaScript. */
function withBase(page: string, prefix: string): string {
  const links = `<noscript><a href="${prefix}/jobs">Jobs</a> <a href="${prefix}/logs/">Logs</a></noscript>`
  return page
    .replace(/<head[^>]*>/i, (tag) => `${tag}<base href="${prefix}/">`)
    .replace(/<body[^>]*>/i, (tag) => `${tag}${links}`)
}
