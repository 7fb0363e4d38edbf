import type { Request, RequestHandler, Response, Router } from 'express'
import { checkInput, queryObject } from './api-input.ts'
import { JSON_TYPE, sendAnswer } from './answer.ts'
import type { Endpoint, EndpointInput, EndpointName } from './contract/endpoints.ts'
import type { Requester } from './contract/scrapyd-api.ts'
import { endpointRouter } from './endpoint-routes.ts'
import { HttpError, methodNotAllowed } from './http-error.ts'
import { readJson } from './json-body.ts'
import type { ServerLimits } from './limits.ts'
import { parseQuery } from './parameters.ts'
import type { ApiHandlers, HandledEndpoint, ServerOwnEndpoint } from './ports.ts'
import { sendProblem } from './problem-answer.ts'
import type { ServerLog } from './server-log.ts'
import { readCredentials } from './session-routes.ts'
import { requesterOf } from './visit.ts'

/** An endpoint that the server answers itself, not as JSON of a handler. */
export type OwnHandler<N extends ServerOwnEndpoint> = (
  request: Request,
  response: Response,
  input: EndpointInput<N>,
) => Promise<unknown>

export type OwnHandlers = { readonly [N in ServerOwnEndpoint]: OwnHandler<N> }

export interface ApiRoutesOptions {
  readonly handlers: ApiHandlers
  /** Resolve to the reply, or to `undefined` when they have answered already. */
  readonly own: OwnHandlers
  readonly isMaster: boolean
  readonly limits: ServerLimits
  readonly log: ServerLog
  /** User name of an admitted request. */
  readonly userOf: (request: Request) => string | null
}

type AnyHandler = (input: EndpointInput<EndpointName>, by: Requester) => Promise<unknown>
type AnyOwnHandler = OwnHandler<ServerOwnEndpoint>

/** The `/api` family, from the table in the contract. */
export function apiRoutes(options: ApiRoutesOptions): Router {
  const { limits, log, isMaster } = options

  function handlerOf(name: EndpointName, endpoint: Endpoint): RequestHandler {
    return (request, response) => {
      answer(name, endpoint, request, response).catch((error: unknown) => {
        const { status } = sendProblem(request, response, limits, error)
        if (status === 500 || status === 503) log.error(`${request.method} ${request.path} failed`, error)
      })
    }
  }

  async function answer(name: EndpointName, endpoint: Endpoint, request: Request, response: Response): Promise<void> {
    if (endpoint.scope === 'cluster' && !isMaster) {
      throw new HttpError(404, 'master-only', `${endpoint.path} is answered by the master only; this daemon is a slave`)
    }
    const input = checkInput(endpoint, {
      params: request.params,
      query: queryObject(parseQuery(request.url, limits.parameters)),
      body: await bodyOf(name, endpoint, request, response),
    }) as EndpointInput<EndpointName>
    const own = (options.own as Readonly<Record<string, AnyOwnHandler | undefined>>)[name]
    if (own !== undefined) {
      const reply = await own(request, response, input as EndpointInput<ServerOwnEndpoint>)
      if (reply !== undefined) send(request, response, reply)
      return
    }
    const by = requesterOf(request, options.userOf(request), 'api')
    send(request, response, await (options.handlers[name as HandledEndpoint] as AnyHandler)(input, by))
  }

  function send(request: Request, response: Response, reply: unknown): void {
    const body = `${JSON.stringify(reply ?? null)}\n`
    sendAnswer(request, response, limits, 200, { 'Content-Type': JSON_TYPE, 'Cache-Control': 'no-store' }, body)
  }

  function bodyOf(name: EndpointName, { method }: Endpoint, request: Request, response: Response): Promise<unknown> {
    if (method === 'GET' || method === 'DELETE') return Promise.resolve({})
    if (name === 'createSession') return readCredentials(request, response, limits)
    return readJson(request, response, limits, name === 'createJobs' ? limits.bulkJsonBytes : limits.jsonBytes)
  }

  return endpointRouter(handlerOf, (allow) => (request, response) => {
    if (request.method === 'OPTIONS') sendAnswer(request, response, limits, 204, { Allow: allow }, '')
    else sendProblem(request, response, limits, methodNotAllowed(request.method, allow))
  })
}
