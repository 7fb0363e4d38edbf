import type { IncomingMessage, ServerResponse } from 'node:http'
import { NotSupportedError, RunnerError, ScrapydServiceError, StorageError } from '../errors.ts'
import { AnswerWriter } from './answer-writer.ts'
import { JSON_TYPE, sendAnswer, TEXT_TYPE } from './answer.ts'
import type { ScrapydApi } from './contract/scrapyd-api.ts'
import type { Webservice } from './contract/webservices.ts'
import { WEBSERVICES } from './contract/webservices.ts'
import { hasOtherBody, readForm } from './form-body.ts'
import { HttpError, methodNotAllowed, notFound } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import { parseQuery } from './parameters.ts'
import type { Parameters } from './parameters.ts'
import { inAscii, toPythonJson } from './python-json.ts'
import type { ServerLog } from './server-log.ts'
import { requesterOf } from './visit.ts'
import type { Visit } from './visit.ts'
import { ANSWERERS } from './webservice-calls.ts'
import type { WebserviceAnswer } from './webservice-calls.ts'
import { readInput } from './webservice-input.ts'
import type { WebserviceInput } from './webservice-input.ts'

/**
 * Scrapyd does not look at a body that is no form: clients send one (`{}`) beside a complete query, and are told what is
 * missing otherwise. Of our own services it could be meant: "pull this project" must not become "pull all projects".
 */
const OURS: ReadonlySet<Webservice['name']> = new Set(['pullcode', 'addproject'])

export interface WebservicesOptions {
  readonly api: ScrapydApi
  readonly nodeName: string
  /** null on a slave. */
  readonly clusterName: string | null
  /** `cancel.json` … */
  readonly disabled: ReadonlySet<string>
  readonly debug: boolean
  readonly limits: ServerLimits
  readonly log: ServerLog
}

/** Scrapyd's web services (`/*.json`), from the table in the contract. */
export class WebservicesRoutes {
  readonly #options: WebservicesOptions
  readonly #services: ReadonlyMap<string, Webservice>

  constructor(options: WebservicesOptions) {
    this.#options = options
    this.#services = new Map(
      WEBSERVICES.filter(
        ({ name, masterOnly }) =>
          !(options.disabled.has(`${name}.json`) || options.disabled.has(name)) &&
          (!masterOnly || options.clusterName !== null),
      ).map((service) => [`/${service.name}.json`, service]),
    )
  }

  /** Whether `/NAME.json` is served. */
  has(name: Webservice['name']): boolean {
    return this.#services.has(`/${name}.json`)
  }

  /** False when the path is not one of a web service. */
  handles(visit: Visit): boolean {
    return /^\/[^/]+\.json$/.test(visit.path)
  }

  async serve(request: IncomingMessage, response: ServerResponse, visit: Visit, user: string | null): Promise<void> {
    try {
      await this.#serve(request, response, visit, user)
    } catch (error) {
      this.refuse(request, response, error)
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, visit: Visit, user: string | null): Promise<void> {
    const service = this.#services.get(visit.path)
    if (service === undefined) throw notFound()
    const { limits, clusterName } = this.#options
    const method = request.method ?? 'GET'
    const allow = `OPTIONS, HEAD, ${service.method}`
    if (method === 'OPTIONS') {
      sendAnswer(request, response, limits, 204, { Allow: allow }, '')
      return
    }
    if (method !== service.method && !(method === 'HEAD' && service.method === 'GET')) {
      // In Scrapyd's words, as all messages that it has.
      const expected = `UnsupportedMethod: Expected one of [b'HEAD', b'OPTIONS', b'${service.method}']`
      throw methodNotAllowed(method, allow, expected)
    }
    const query = parseQuery(request.url ?? '', limits.parameters)
    // Scrapyd takes parameters of a POST from the query, too; what the body says wins.
    const parameters =
      service.method === 'GET' || (hasOtherBody(request) && !OURS.has(service.name))
        ? query
        : (await this.#form(request, response, service)).withFallback(query)
    const input = readInput(service, parameters, clusterName !== null)
    if (service.name === 'listjobs') {
      await this.#sendJobs(request, response, input)
      return
    }
    const by = requesterOf(request, user, 'webservice')
    const answer = await ANSWERERS[service.name](this.#options.api, { input, by, base: visit.origin + visit.prefix })
    this.#send(request, response, 200, { ...answer, status: 'ok' })
  }

  #form(request: IncomingMessage, response: ServerResponse, service: Webservice): Promise<Parameters> {
    const uploads = service.parameters.filter(({ kind }) => kind === 'bytes').map(({ name }) => name)
    return readForm(request, response, this.#options.limits, new Set(uploads))
  }

  /** The keys come in Scrapyd's order: what was asked for, then who answers. */
  #send(request: IncomingMessage, response: ServerResponse, status: number, answer: WebserviceAnswer): void {
    const { limits } = this.#options
    const { node_name, ...said } = answer
    const body = `${toPythonJson({ ...said, ...this.#whoAnswers(), ...(node_name === undefined ? {} : { node_name }) })}\n`
    sendAnswer(request, response, limits, status, { 'Content-Type': JSON_TYPE }, body)
  }

  #whoAnswers(): WebserviceAnswer {
    const { nodeName, clusterName } = this.#options
    return { node_name: nodeName, ...(clusterName === null ? {} : { cluster: clusterName }) }
  }

  async #sendJobs(request: IncomingMessage, response: ServerResponse, { texts }: WebserviceInput): Promise<void> {
    const lists = await this.#options.api.listJobs({ project: texts.get('project') ?? null })
    response.setHeader('Content-Type', JSON_TYPE)
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const writer = new AnswerWriter(response)
    try {
      let opening = '{'
      for (const state of ['pending', 'running', 'finished'] as const) {
        await writer.write(`${opening}"${state}": [`)
        let separator = ''
        for await (const rows of lists[state]) {
          if (writer.isGone) return
          if (rows === '') continue
          await writer.write(separator + inAscii(rows))
          separator = ', '
        }
        opening = '], '
      }
      await writer.write(`${opening}${toPythonJson({ status: 'ok', ...this.#whoAnswers() }).slice(1)}\n`)
      writer.end()
    } catch (error) {
      if (!response.headersSent) {
        response.removeHeader('Content-Type')
        throw error
      }
      this.#options.log.error('listjobs.json broke off', error)
      writer.fail()
    }
  }

  /** Answers with an error as Scrapyd words it. */
  refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { debug, limits, log } = this.#options
    const status = statusOf(error)
    if (status >= 500 && status !== 501) log.error(`${request.method} ${request.url?.slice(0, 200)} failed`, error)
    if (error instanceof HttpError)
      for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
    if (debug && !(error instanceof HttpError)) {
      sendAnswer(request, response, limits, status, { 'Content-Type': TEXT_TYPE }, traceback(error))
      return
    }
    this.#send(request, response, status, { status: 'error', message: messageOf(error) })
  }
}

/** What is understood but refused is answered with 200, as Scrapyd does; what this daemon cannot do is not. */
function statusOf(error: unknown): number {
  if (error instanceof HttpError || error instanceof NotSupportedError || error instanceof StorageError) {
    return error.status
  }
  return error instanceof ScrapydServiceError && error.code !== 'internal' ? 200 : 500
}

function messageOf(error: unknown): string {
  if (error instanceof RunnerError) return `RunnerError: ${error.message}`
  return error instanceof ScrapydServiceError ? error.message : 'Internal error: see the log of the daemon'
}

/** With `debug = on` the answer is where the error came from, in the form that Scrapyd's users know. */
function traceback(error: unknown): string {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const frames = (stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  return `Traceback (most recent call last):\n${frames.join('\n')}\n${name}: ${message}\n`
}
