import { describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src-daemon/api/contract/endpoints.ts'
import { buildPath, ROUTES } from '../../../src-renderer/transport/routes.ts'

describe('ROUTES', () => {
  it('says of each endpoint what the contract says', () => {
    for (const [name, [method, path]] of Object.entries(ROUTES)) {
      const endpoint = ENDPOINTS[name as keyof typeof ENDPOINTS]
      expect([name, method, path]).toEqual([name, endpoint.method, endpoint.path])
    }
  })
})

describe('buildPath', () => {
  it.each([
    ['/api/jobs', {}, {}, 'api/jobs'],
    [
      '/api/projects/{project}/spiders',
      { project: '新京报/../x y' },
      {},
      'api/projects/%E6%96%B0%E4%BA%AC%E6%8A%A5%2F..%2Fx%20y/spiders',
    ],
    [
      '/api/jobs',
      {},
      { state: ['pending', 'running'], q: 'a&b', cursor: undefined, limit: 5 },
      'api/jobs?state=pending&state=running&q=a%26b&limit=5',
    ],
  ])('fills %s', (path, params, query, expected) => {
    expect(buildPath(path, params, query)).toBe(expected)
  })
})
