import type { IncomingMessage, ServerResponse } from 'node:http'
import { UnauthorizedError } from '../errors.ts'
import { HTML_TYPE, sendAnswer, TEXT_TYPE } from './answer.ts'
import { queryObject } from './api-input.ts'
import type { Auth } from './auth.ts'
import type { EndpointInput, EndpointReply } from './contract/endpoints.ts'
import { readForm } from './form-body.ts'
import { readJson } from './json-body.ts'
import type { ServerLimits } from './limits.ts'
import { LOGIN_CSP, loginPage } from './login-page.ts'
import { wantsPage } from './page-request.ts'
import { parseContentType } from './request-body.ts'
import type { Visit } from './visit.ts'

const NO_UPLOADS: ReadonlySet<string> = new Set()

/** User name and password of a sign-in: JSON, or the form of the login page where there is no script. */
export async function readCredentials(
  request: IncomingMessage,
  response: ServerResponse,
  limits: ServerLimits,
): Promise<unknown> {
  if (!isForm(request)) return readJson(request, response, limits, limits.jsonBytes)
  return queryObject(await readForm(request, response, limits, NO_UPLOADS))
}

function isForm(request: IncomingMessage): boolean {
  return parseContentType(request.headers['content-type']).type === 'application/x-www-form-urlencoded'
}

/** Signing in and out, and what a request without credentials gets. */
export class SessionRoutes {
  readonly #auth: Auth
  readonly #nodeName: string
  readonly #limits: ServerLimits

  constructor(auth: Auth, nodeName: string, limits: ServerLimits) {
    this.#auth = auth
    this.#nodeName = nodeName
    this.#limits = limits
  }

  /**
   * 401: the login page for a browser that asks for a page, the Basic challenge for everything else. Not for the console's
   * own requests: the browser would put its password window over the console's login.
   */
  refuse(request: IncomingMessage, response: ServerResponse, visit: Visit): void {
    if (isPageRequest(request)) {
      this.#sendLogin(request, response, visit, request.url ?? '/', false)
      return
    }
    const challenge = { 'WWW-Authenticate': 'Basic realm="Scrapyd", charset="UTF-8"' }
    const headers = { ...(isConsole(request) ? {} : challenge), 'Content-Type': TEXT_TYPE }
    sendAnswer(request, response, this.#limits, 401, headers, 'Unauthorized')
  }

  async create(
    request: IncomingMessage,
    response: ServerResponse,
    visit: Visit,
    { body }: EndpointInput<'createSession'>,
  ): Promise<EndpointReply<'createSession'> | undefined> {
    const next = safeNext(body.next)
    if (!(await this.#auth.accepts(request, body.username, body.password))) {
      if (!isForm(request)) throw new UnauthorizedError('User name or password is wrong')
      this.#sendLogin(request, response, visit, next, true)
      return undefined
    }
    if (this.#auth.isNeeded) {
      response.setHeader('Set-Cookie', this.#auth.sessions.create(visit.prefix, visit.isSecure))
    }
    if (!isForm(request)) return { username: body.username }
    sendAnswer(request, response, this.#limits, 303, { Location: visit.prefix + next }, '')
    return undefined
  }

  /** Who is signed in. A session that is used is prolonged. */
  show(request: IncomingMessage, response: ServerResponse, visit: Visit): EndpointReply<'getSession'> {
    const { isNeeded, username, sessions } = this.#auth
    const cookie = isNeeded ? sessions.prolong(request, visit.prefix, visit.isSecure) : null
    if (cookie !== null) response.setHeader('Set-Cookie', cookie)
    return { username, authentication: isNeeded }
  }

  async end(request: IncomingMessage, response: ServerResponse, visit: Visit): Promise<EndpointReply<'deleteSession'>> {
    response.setHeader('Set-Cookie', await this.#auth.sessions.end(request, visit.prefix, visit.isSecure))
    return { status: 'ok' }
  }

  #sendLogin(
    request: IncomingMessage,
    response: ServerResponse,
    { prefix }: Visit,
    next: string,
    isWrong: boolean,
  ): void {
    const acceptLanguage = request.headers['accept-language']
    const page = loginPage({ prefix, nodeName: this.#nodeName, next: safeNext(next), isWrong, acceptLanguage })
    const headers = {
      'Content-Type': HTML_TYPE,
      'Content-Security-Policy': LOGIN_CSP,
      'Cache-Control': 'no-store',
      Vary: 'Accept, Accept-Language, Cookie',
    }
    sendAnswer(request, response, this.#limits, 401, headers, page)
  }
}

/** A browser that opens an address, not a script or a program. */
function isPageRequest({ method, headers }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && wantsPage(headers)
}

function isConsole({ headers }: IncomingMessage): boolean {
  return headers['x-requested-with'] === 'console'
}

/** Only a place on this daemon: `//host` and `/\host` would be another one. */
function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) && !next.startsWith('/api/session') ? next : '/'
}
