import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src-daemon/api/contract/endpoints.ts'
import { WEBSERVICES } from '../../../src-daemon/api/contract/webservices.ts'
import { openApiDocument } from '../../../src-daemon/api/openapi.ts'

interface Operation {
  readonly parameters?: { name: string; required: boolean }[]
  readonly responses: Record<string, unknown>
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, unknown> }
}

const document = (isMaster: boolean) =>
  openApiDocument({ version: '1.2.3', isMaster, hasService: () => true }) as unknown as Document

describe('the OpenAPI document', () => {
  it.each([true, false])('is valid (master: %s)', async (isMaster) => {
    const specification = openApiDocument({ version: '1.2.3', isMaster, hasService: () => true })
    const { valid, errors } = await new Validator().validate(specification)
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
  })

  it('describes every route of both families', () => {
    const { paths } = document(true)
    for (const { method, path } of Object.values(ENDPOINTS)) expect(paths[path]).toHaveProperty(method.toLowerCase())
    for (const { name, method } of WEBSERVICES) {
      expect(paths[`/${name}.json`]).toHaveProperty(method.toLowerCase())
    }
    expect(document(false).paths).not.toHaveProperty('/api/nodes')
  })

  it('says of every route what it answers when it refuses', () => {
    const operations = Object.values(document(true).paths).flatMap((path) => Object.values(path))
    for (const { responses } of operations) expect(Object.keys(responses)).toEqual(['200', 'default'])
  })

  it('names what is required, and refers to common schemas', () => {
    const { paths, components } = document(true)
    const parameters = paths['/api/jobs']?.['get']?.parameters ?? []
    expect(parameters.some(({ required }) => required)).toBe(false)
    expect(paths['/api/jobs/{key}']?.['get']?.parameters).toMatchObject([{ name: 'key', in: 'path', required: true }])
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(['Job', 'Node', 'Problem']))
    expect(JSON.stringify(paths)).toContain('"#/components/schemas/Job"')
    expect(JSON.stringify(document(true))).not.toContain('$defs')
  })
})
