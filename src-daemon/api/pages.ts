import type { IncomingMessage, ServerResponse } from 'node:http'
import { AnswerWriter } from './answer-writer.ts'
import { HTML_TYPE, sendAnswer } from './answer.ts'
import type { ConsoleFiles } from './console-files.ts'
import { HOME_CSP, homePage } from './home-page.ts'
import { methodNotAllowed } from './http-error.ts'
import { JOBS_CSP, jobsPage } from './jobs-page.ts'
import type { ServerLimits } from './limits.ts'
import type { ServerParts } from './ports.ts'
import type { Visit } from './visit.ts'

const ALLOW = 'OPTIONS, HEAD, GET'

export interface PagesOptions {
  readonly parts: Pick<ServerParts, 'jobsPage' | 'files' | 'scrapyd'>
  readonly console: ConsoleFiles | null
  readonly nodeName: string
  readonly isMaster: boolean
  readonly version: string
  readonly hasCancel: boolean
  readonly limits: ServerLimits
}

/** The pages for people and for clients that parse pages: `/`, `/jobs` and the files of the console. */
export class Pages {
  readonly #options: PagesOptions

  constructor(options: PagesOptions) {
    this.#options = options
  }

  handles(visit: Visit): boolean {
    return visit.path === '/' || visit.path === '/jobs' || this.#options.console?.handles(visit) === true
  }

  async serve(request: IncomingMessage, response: ServerResponse, visit: Visit): Promise<void> {
    const { console, limits } = this.#options
    if (console?.handles(visit) === true) {
      await console.serve(request, response, visit)
    } else if (request.method === 'OPTIONS') {
      sendAnswer(request, response, limits, 204, { Allow: ALLOW }, '')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw methodNotAllowed(request.method ?? '', ALLOW)
    } else if (visit.path === '/') {
      await this.#serveHome(request, response, visit)
    } else {
      await this.#serveJobs(request, response, visit)
    }
  }

  async #serveHome(request: IncomingMessage, response: ServerResponse, visit: Visit): Promise<void> {
    const { parts, nodeName, isMaster, version, limits } = this.#options
    const { projects } = await parts.scrapyd.listProjects()
    const page = homePage({
      prefix: visit.prefix,
      base: visit.origin === '' ? '' : visit.origin + visit.prefix,
      nodeName,
      isMaster,
      version,
      projects,
      hasItems: parts.files.hasItems,
    })
    sendAnswer(request, response, limits, 200, pageHeaders(HOME_CSP), page)
  }

  async #serveJobs(request: IncomingMessage, response: ServerResponse, { prefix }: Visit): Promise<void> {
    const { parts, hasCancel } = this.#options
    for (const [name, value] of Object.entries(pageHeaders(JOBS_CSP))) response.setHeader(name, value)
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const writer = new AnswerWriter(response)
    const view = { prefix, hasItems: parts.files.hasItems, hasCancel, now: Date.now() }
    for await (const piece of jobsPage(parts.jobsPage, view)) {
      if (writer.isGone) return
      await writer.write(piece)
    }
    writer.end()
  }
}

function pageHeaders(policy: string): Record<string, string> {
  return { 'Content-Type': HTML_TYPE, 'Content-Security-Policy': policy, 'Cache-Control': 'no-store' }
}
