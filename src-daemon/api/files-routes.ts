import { basename } from 'node:path'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AnswerWriter } from './answer-writer.ts'
import { HTML_TYPE, sendAnswer, TEXT_TYPE } from './answer.ts'
import { clampRange } from './byte-range.ts'
import { directoryPage } from './directory-page.ts'
import { FOREIGN_HEADERS, sendFile } from './file-answer.ts'
import { methodNotAllowed, notFound } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import type { FileTree, FolderRow, TreeKind } from './ports.ts'
import { parseTreePath } from './tree-path.ts'
import type { Visit } from './visit.ts'

const ALLOW = 'OPTIONS, HEAD, GET'
const TREE_PATH = /^\/(logs|items)(\/.*)?$/s

export interface LogPart {
  readonly offset: number
  readonly limit: number
  /** The whole file, to be saved by the browser. */
  readonly download: boolean
}

/** `/logs/…` and `/items/…`, and the files of single jobs. */
export class FilesRoutes {
  readonly #files: FileTree
  readonly #limits: ServerLimits

  constructor(files: FileTree, limits: ServerLimits) {
    this.#files = files
    this.#limits = limits
  }

  handles({ path }: Visit): boolean {
    return TREE_PATH.test(path)
  }

  async serve(request: IncomingMessage, response: ServerResponse, visit: Visit): Promise<void> {
    const [, kind, rest = ''] = TREE_PATH.exec(visit.path) ?? []
    if ((kind !== 'logs' && kind !== 'items') || (kind === 'items' && !this.#files.hasItems)) throw notFound()
    if (request.method === 'OPTIONS') {
      sendAnswer(request, response, this.#limits, 204, { Allow: ALLOW }, '')
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed(request.method ?? '', ALLOW)
    await this.#serveTree(request, response, visit, kind, rest)
  }

  async #serveTree(
    request: IncomingMessage,
    response: ServerResponse,
    visit: Visit,
    kind: TreeKind,
    rest: string,
  ): Promise<void> {
    const { segments, isFolder } = parseTreePath(rest)
    const entry = await this.#files.find(kind, segments)
    if (entry === null || (entry.kind === 'file' && isFolder)) throw notFound('File not found')
    if (entry.kind === 'remote') {
      entry.forward(request, response)
    } else if (entry.kind === 'file') {
      await sendFile(request, response, { path: entry.path })
    } else if (isFolder) {
      const shown = ['', kind, ...segments, ''].join('/')
      await sendFolder(request, response, shown, entry.entries)
    } else {
      const location = `${visit.prefix}/${kind}/${segments.map((name) => `${encodeURIComponent(name)}/`).join('')}`
      sendAnswer(request, response, this.#limits, 302, { Location: location, 'Content-Type': TEXT_TYPE }, 'Found\n')
    }
  }

  /** `GET /api/jobs/{key}/log` and `…/output`. */
  async serveJobFile(
    request: IncomingMessage,
    response: ServerResponse,
    kind: 'log' | 'output',
    key: string,
    { offset, limit, download }: LogPart,
  ): Promise<void> {
    const entry = await this.#files.ofJob(kind, key)
    if (entry.kind === 'remote') {
      entry.forward(request, response)
      return
    }
    const headers = (size: number) => ({
      'X-Log-Size': String(size),
      ...(download ? { 'Content-Disposition': attachment(entry.path) } : {}),
    })
    const part = (size: number) => clampRange(offset, limit, size)
    await sendFile(request, response, { path: entry.path, headers, ...(download ? {} : { part }) })
  }
}

async function sendFolder(
  request: IncomingMessage,
  response: ServerResponse,
  shownPath: string,
  entries: readonly FolderRow[],
): Promise<void> {
  for (const [name, value] of Object.entries(FOREIGN_HEADERS)) response.setHeader(name, value)
  // With the origin kept, or the links in it would be followed without the session.
  response.setHeader(
    'Content-Security-Policy',
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  )
  response.setHeader('Content-Type', HTML_TYPE)
  response.setHeader('Cache-Control', 'no-store')
  const writer = new AnswerWriter(response)
  if (request.method !== 'HEAD') {
    for (const piece of directoryPage(shownPath, entries)) {
      if (writer.isGone) return
      await writer.write(piece)
    }
    writer.end()
  } else response.end()
}

function attachment(path: string): string {
  const name = basename(path)
  const ascii = name.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll("'", '%27')}`
}
