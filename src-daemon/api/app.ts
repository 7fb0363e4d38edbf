import express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'
import { sendAnswer, TEXT_TYPE } from './answer.ts'
import { apiRoutes } from './api-routes.ts'
import type { OwnHandlers } from './api-routes.ts'
import type { Auth } from './auth.ts'
import type { BrowserRules } from './browser-rules.ts'
import { ENDPOINTS } from './contract/endpoints.ts'
import type { EventStreams } from './event-streams.ts'
import type { FilesRoutes } from './files-routes.ts'
import { HttpError, malformed, notFound } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import { openApiDocument } from './openapi.ts'
import type { Pages } from './pages.ts'
import type { ServerParts } from './ports.ts'
import { problemOf, sendProblem } from './problem-answer.ts'
import { hasBody } from './request-body.ts'
import type { ServerLog } from './server-log.ts'
import type { SessionRoutes } from './session-routes.ts'
import { visitOf } from './visit.ts'
import type { Visit } from './visit.ts'
import type { WebservicesRoutes } from './webservices-routes.ts'

export interface AppParts {
  readonly parts: ServerParts
  readonly auth: Auth
  readonly browserRules: BrowserRules
  readonly sessions: SessionRoutes
  readonly webservices: WebservicesRoutes
  readonly files: FilesRoutes
  readonly pages: Pages
  readonly streams: EventStreams
  readonly prefixHeader: string
  readonly isMaster: boolean
  readonly version: string
  readonly limits: ServerLimits
  readonly log: ServerLog
}

const FORWARD_PATH = /^\/forward\/([^/]+)(\/.*)$/s
const OPEN_PATHS: ReadonlySet<string> = new Set([ENDPOINTS.health.path])
const HOST_NAME = /^host$/i
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The way of a request: the rules for browsers, who asks, then the family that its path belongs to. */
export function createApp(options: AppParts): Express {
  const { limits } = options
  const visits = new WeakMap<Request, Visit>()
  const visitFor = (request: Request): Visit => {
    const known = visits.get(request)
    if (known !== undefined) return known
    const visit = visitOf(request, options.prefixHeader)
    visits.set(request, visit)
    return visit
  }

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.set('case sensitive routing', true)
  app.set('strict routing', true)

  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 hears of a rejected handler
  app.use(async (request, response, next) => {
    request.url = originForm(request)
    const visit = visitFor(request)
    if (!(await enter(options, request, response, visit))) return
    if (!(await serve(options, request, response, visit))) next()
  })
  app.use(
    apiRoutes({
      handlers: options.parts.api,
      own: ownHandlers(options, visitFor),
      isMaster: options.isMaster,
      limits,
      log: options.log,
      userOf: () => options.auth.username,
    }),
  )
  app.use((_request, _response, next) => next(notFound()))
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    sendError(options, request, response, visitFor(request), error)
  })
  return app
}

const ABSOLUTE = /^https?:\/\/([^/?]+)(\/.*)?$/is

/** The target without the scheme and the host of this daemon, which clients may name in it (RFC 9112, 3.2.2). */
function originForm({ url, headers: { host = '' } }: Request): string {
  const [, authority, path = '/'] = ABSOLUTE.exec(url) ?? []
  return authority?.toLowerCase() === host.toLowerCase() ? path : url
}

/** Whether the request may go on; otherwise it has been answered. */
async function enter(options: AppParts, request: Request, response: Response, visit: Visit): Promise<boolean> {
  const { auth, browserRules, sessions } = options
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'same-origin')
  // A body where none belongs is not waited for.
  if (SAFE.has(request.method) && hasBody(request)) response.setHeader('Connection', 'close')
  if (!visit.path.startsWith('/')) throw malformed('The request target is not a path')
  // A proxy and this daemon could each believe another one of them.
  if (request.rawHeaders.filter((name, index) => index % 2 === 0 && HOST_NAME.test(name)).length > 1) {
    throw malformed('There is more than one Host header')
  }
  browserRules.check(request)
  if (browserRules.allowOrigin(request, response)) return false
  if (OPEN_PATHS.has(visit.path)) return true
  if (visit.path === ENDPOINTS.createSession.path && request.method === 'POST') return true
  if (await auth.admits(request)) return true
  sessions.refuse(request, response, visit)
  return false
}

/** False when the path belongs to none of these: then it is one of `/api`, or of nobody. */
async function serve(options: AppParts, request: Request, response: Response, visit: Visit): Promise<boolean> {
  const { webservices, files, pages, auth, parts } = options
  // Pages first: the console may have a .json of its own beside its index.
  if (pages.handles(visit)) await pages.serve(request, response, visit)
  else if (webservices.handles(visit)) await webservices.serve(request, response, visit, auth.username)
  else if (files.handles(visit)) await files.serve(request, response, visit)
  else {
    const [, id, rest] = FORWARD_PATH.exec(request.url) ?? []
    if (id === undefined || rest === undefined || parts.forwards === null) return false
    parts.forwards.serve(id, rest, request, response)
  }
  return true
}

function ownHandlers(options: AppParts, visitFor: (request: Request) => Visit): OwnHandlers {
  const { auth, sessions, streams, files } = options
  let document: Record<string, unknown> | null = null
  return {
    health: () => Promise.resolve({ status: 'ok' }),
    openapi: () => {
      const { version, isMaster, webservices } = options
      document ??= openApiDocument({ version, isMaster, hasService: (name) => webservices.has(name) })
      return Promise.resolve(document)
    },
    events: (request, response, input) =>
      Promise.resolve(streams.open(request, response, input, auth.leaseOf(request))),
    addTail: (_request, _response, input) => streams.addTail(input),
    dropTail: (_request, _response, input) => Promise.resolve(streams.dropTail(input)),
    createSession: (request, response, input) => sessions.create(request, response, visitFor(request), input),
    getSession: (request, response) => Promise.resolve(sessions.show(request, response, visitFor(request))),
    deleteSession: async (request, response) => {
      const reply = await sessions.end(request, response, visitFor(request))
      streams.endForbidden()
      return reply
    },
    getLog: (request, response, { params, query }) =>
      files.serveJobFile(request, response, 'log', params.key, { ...query, download: query.download === true }),
    getOutput: (request, response, { params, query }) =>
      files.serveJobFile(request, response, 'output', params.key, { ...query, download: false }),
  }
}

/** What no family has answered by itself: refusals at the edge, files that are not there, unknown paths. */
function sendError(options: AppParts, request: Request, response: Response, visit: Visit, error: unknown): void {
  const { limits, log, webservices } = options
  if (webservices.handles(visit)) {
    webservices.refuse(request, response, error)
    return
  }
  if (visit.path.startsWith('/api/')) {
    sendProblem(request, response, limits, asHttpError(error))
    return
  }
  const { status, title, detail } = problemOf(asHttpError(error))
  if (status === 500 || status === 503) log.error(`${request.method} ${visit.path.slice(0, 200)} failed`, error)
  const headers = error instanceof HttpError ? error.headers : {}
  const text = detail === title ? `${title}\n` : `${title}: ${detail}\n`
  sendAnswer(request, response, limits, status, { ...headers, 'Content-Type': TEXT_TYPE }, text)
}

/** Express refuses a path parameter that is not properly encoded with an error of its own. */
function asHttpError(error: unknown): unknown {
  return error instanceof URIError ? malformed('The path is not properly encoded') : error
}
