import { z } from 'zod'
import type { Endpoint } from './contract/endpoints.ts'
import { endpointList } from './endpoint-routes.ts'
import { problem } from './contract/problem.ts'
import * as values from './contract/values.ts'
import { WEBSERVICES } from './contract/webservices.ts'
import type { ParameterKind, Webservice, WebserviceParameter } from './contract/webservices.ts'

type Json = Record<string, unknown>

/** Schemas that stand in `components`, by the name they have there. */
const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Job: values.job,
  JobDetail: values.jobDetail,
  Node: values.node,
  NodeDetail: values.nodeDetail,
  NodeSelf: values.nodeSelf,
  Project: values.project,
  ProjectCode: values.projectCode,
  SpiderList: values.spiderList,
  Pull: values.pull,
  Overview: values.overview,
  LogIndex: values.logIndex,
  Forward: values.forward,
  Problem: problem,
}

export interface OpenApiOptions {
  readonly version: string
  readonly isMaster: boolean
  /** Web services that are switched on. */
  readonly hasService: (name: Webservice['name']) => boolean
}

/** Both families as an OpenAPI 3.1 document, made from the tables that the routes are made from. */
export function openApiDocument({ version, isMaster, hasService }: OpenApiOptions): Json {
  const schemas: Record<string, unknown> = {}
  const toSchema = schemaWriter(schemas)
  for (const component of Object.values(COMPONENTS)) toSchema(component, 'output')

  const paths: Record<string, Json> = {}
  for (const service of WEBSERVICES) {
    if (!hasService(service.name)) continue
    paths[`/${service.name}.json`] = { [service.method.toLowerCase()]: webserviceOperation(service, isMaster) }
  }
  for (const [name, endpoint] of endpointList) {
    if (endpoint.scope === 'cluster' && !isMaster) continue
    const operation = endpointOperation(name, endpoint, toSchema)
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operation }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Scrapyd Service',
      version,
      summary: 'The web services of Scrapyd for automation, and the API of console and cluster.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the document, so that the prefix of a proxy counts.
    servers: [{ url: '../' }],
    security: [{ basic: [] }, {}],
    paths,
    components: { schemas, securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
  }
}

type SchemaWriter = (schema: z.ZodType, io: 'input' | 'output') => Json

/** Writes schemas as JSON; those that are components are collected in `schemas` and referred to. */
function schemaWriter(schemas: Record<string, unknown>): SchemaWriter {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id })
  return (schema, io) => {
    const {
      $schema: _,
      $defs,
      ...own
    } = z.toJSONSchema(schema, {
      io,
      metadata: registry,
      unrepresentable: 'any',
      override: ({ jsonSchema }) => simplify(jsonSchema),
    }) as Json
    for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) schemas[id] ??= withReferences(definition)
    return withReferences(own) as Json
  }
}

/** Leaves out what zod says beside the point: unknown keys are tolerated, and an integer is an integer. */
function simplify(schema: Json): void {
  if (schema['additionalProperties'] === false) delete schema['additionalProperties']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  if (schema['format'] === 'date-time') delete schema['pattern']
}

function withReferences(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as unknown
}

function endpointOperation(name: string, endpoint: Endpoint, toSchema: SchemaWriter): Json {
  const hasBody = endpoint.method !== 'GET' && endpoint.method !== 'DELETE' && !isEmpty(endpoint.body)
  return {
    operationId: name,
    summary: endpoint.summary,
    tags: [endpoint.scope],
    ...(endpoint.open === true ? { security: [] } : {}),
    parameters: [
      ...parametersOf(endpoint.params, 'path', toSchema),
      ...parametersOf(endpoint.query, 'query', toSchema),
    ],
    ...(hasBody ? { requestBody: jsonContent(toSchema(endpoint.body, 'input')) } : {}),
    responses: {
      200: { description: 'OK', content: replyContent(endpoint, toSchema) },
      default: {
        description: 'Problem',
        content: { 'application/problem+json': { schema: toSchema(problem, 'output') } },
      },
    },
  }
}

function replyContent({ kind, reply }: Endpoint, toSchema: SchemaWriter): Json {
  const schema = toSchema(reply, 'output')
  switch (kind) {
    case 'json':
      return { 'application/json': { schema } }
    case 'stream':
      return { 'text/event-stream': { schema } }
    case 'bytes':
      return { 'text/plain': { schema } }
  }
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query', toSchema: SchemaWriter): Json[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !field.safeParse(undefined).success,
    schema: toSchema(field, 'output'),
  }))
}

const isEmpty = (schema: z.ZodType) => schema instanceof z.ZodObject && Object.keys(schema.shape).length === 0

const jsonContent = (schema: Json): Json => ({ content: { 'application/json': { schema } } })

const KINDS: Readonly<Record<ParameterKind, Json>> = {
  text: { type: 'string' },
  float: { type: 'number' },
  setting: { type: 'array', items: { type: 'string', pattern: '^[^=]+=' } },
  signal: { type: 'string' },
  bytes: { type: 'string', contentMediaType: 'application/zip' },
}

function webserviceOperation(service: Webservice, isMaster: boolean): Json {
  const parameters = service.parameters.filter(({ masterOnly }) => isMaster || masterOnly !== true)
  return {
    operationId: `webservice_${service.name}`,
    summary: service.summary,
    tags: ['webservice'],
    ...(service.method === 'GET'
      ? { parameters: parameters.map((parameter) => queryParameter(parameter)) }
      : { requestBody: formContent(parameters, service.openArguments) }),
    responses: {
      200: { description: 'Also an error that Scrapyd answers so: see `status`', ...jsonContent(WEBSERVICE_ANSWER) },
      default: { description: 'Refused as it was sent, or not supported', ...jsonContent(WEBSERVICE_ANSWER) },
    },
  }
}

const WEBSERVICE_ANSWER: Json = {
  type: 'object',
  required: ['node_name', 'status'],
  properties: {
    node_name: { type: 'string' },
    cluster: { type: 'string' },
    status: { enum: ['ok', 'error'] },
    message: { type: 'string' },
  },
}

function queryParameter({ name, kind, required, description }: WebserviceParameter): Json {
  return { name, in: 'query', required, description, schema: KINDS[kind] }
}

function formContent(parameters: readonly WebserviceParameter[], isOpen: boolean): Json {
  const schema: Json = {
    type: 'object',
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(
      parameters.map(({ name, kind, description }) => [name, { ...KINDS[kind], description }]),
    ),
    additionalProperties: isOpen ? { type: 'string', description: 'Spider argument' } : true,
  }
  return { content: { 'application/x-www-form-urlencoded': { schema }, 'multipart/form-data': { schema } } }
}
