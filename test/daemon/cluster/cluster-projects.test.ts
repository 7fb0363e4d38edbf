import { describe, expect, it } from 'vitest'
import { ClusterProjects, type ClusterProjectsParts } from '../../../src-daemon/cluster/cluster-projects.ts'
import type { LocalNode } from '../../../src-daemon/node/local-node.ts'
import type { LocalProjects } from '../../../src-daemon/node/projects-port.ts'
import { clusterParts, loaded } from './cluster-parts.ts'

const ANN = { name: 'ann', via: 'webservice', address: null, idempotencyKey: null } as const

/** A master that takes every project, and two slaves that nobody has seen yet. */
async function world() {
  const parts = clusterParts()
  const [first, second] = await loaded(parts, 7001, 7002)
  const local = { addProject: async () => ({ spiders: 1 }), dropPending: async () => {} } as unknown as LocalNode
  const projects = new ClusterProjects({
    ...parts,
    isAllCodeSame: true,
    local,
    projects: { list: () => [] } as unknown as LocalProjects,
    reach: { requireProject: () => {} },
  } as unknown as ClusterProjectsParts)
  return { parts, projects, first: first!, second: second! }
}

describe('what slaves that are away miss of projects', () => {
  it('is the last word on each project, however often it was said', async () => {
    const { parts, projects, first, second } = await world()
    await parts.writer.write(() => parts.store.addTask(first.id, 'pause', '{"note":null}', 1))
    await projects.add('news', '/old')
    await projects.add('other', null)
    for (let again = 0; again < 5; again++) await projects.add('news', '/new')
    expect(parts.nodes.waiting(first)).toEqual(['pause', 'addproject other', 'addproject news'])
    expect(parts.store.tasks(first.id).map(({ body }) => JSON.parse(body))).toEqual([
      { note: null },
      { project: 'other', path: null },
      { project: 'news', path: '/new' },
    ])
    const rows = await projects.remove('news', ANN)
    expect(rows.map(({ status, message }) => [status, message])).toEqual(
      [first, second].map(() => ['error', 'offline (not seen yet); it gets this when it is back']),
    )
    expect(parts.nodes.waiting(first)).toEqual(['pause', 'addproject other', 'delproject news'])
    expect(parts.nodes.waiting(second)).toEqual(['addproject other', 'delproject news'])
  })
})
