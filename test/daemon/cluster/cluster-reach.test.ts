import { describe, expect, it } from 'vitest'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { clusterReach } from '../../../src-daemon/cluster/cluster-reach.ts'
import type { Reach } from '../../../src-daemon/jobs/job-desk.ts'
import type { LocalProjects } from '../../../src-daemon/node/projects-port.ts'
import { isNameOf } from '../../../src-daemon/projects/project-versions.ts'
import { clusterParts, loaded, usable } from './cluster-parts.ts'

const COMMIT = 'c0ffee00112233445566778899aabbccddeeff00'
const OTHER = '0ddba11000112233445566778899aabbccddeeff'

/** A master without projects; its two slaves have `news` at `COMMIT`. */
async function world() {
  const parts = clusterParts()
  const nodes = await loaded(parts, 7001, 7002)
  for (const node of nodes) {
    await usable(parts, node)
    at(node, COMMIT)
    node.known = { ...node.known, spiders: { news: ['herald'] } }
  }
  const reach = clusterReach({
    local: {} as Reach,
    projects: { list: () => [] } as unknown as LocalProjects,
    nodes: parts.nodes,
    nodeName: 'master1',
    isAllCodeSame: true,
    isVersion: isNameOf,
    passLocalCancel: async () => {},
    passRemoteCancel: () => {},
    whyPending: () => null,
  })
  return { parts, reach, first: nodes[0]!, second: nodes[1]! }
}

function at(node: ClusterNode, commit: string | null): void {
  node.known = { ...node.known, projects: node.known.projects.map((code) => ({ ...code, commit })) }
}

describe('the reach of a cluster whose master has no code', () => {
  it('has the spiders that its slaves have', async () => {
    const { reach } = await world()
    await expect(reach.requireSpider('news', 'herald', null)).resolves.toBeUndefined()
    await expect(reach.requireSpider('news', 'none', null)).rejects.toThrow("spider 'none' not found")
    await expect(reach.requireSpider('none', 'herald', null)).rejects.toThrow("project 'none' not found")
  })

  it('has the versions that are checked out on its slaves now, and no other', async () => {
    const { reach, second } = await world()
    await expect(reach.requireSpider('news', 'herald', COMMIT)).resolves.toBeUndefined()
    await expect(reach.requireSpider('news', 'herald', 'C0FFEE0')).resolves.toBeUndefined()
    await expect(reach.requireSpider('news', 'herald', OTHER)).rejects.toThrow(`version '${OTHER}' not found`)
    at(second, OTHER)
    await expect(reach.requireSpider('news', 'herald', OTHER)).resolves.toBeUndefined()
    at(second, null)
    await expect(reach.requireSpider('news', 'herald', OTHER)).rejects.toThrow(`version '${OTHER}' not found`)
  })

  it('leaves the eggs of a stock Scrapyd to itself', async () => {
    const { parts, reach, second } = await world()
    at(second, null)
    await parts.nodes.update(second, { kind: 'scrapyd' }, false)
    await expect(reach.requireSpider('news', 'herald', '1700000000')).resolves.toBeUndefined()
  })

  it('knows its nodes by name and by host, and itself', async () => {
    const { reach } = await world()
    expect(reach.requireNode('127.0.0.1:7002')).toBe('127.0.0.1:7002')
    expect(reach.requireNode('master1')).toBe('master1')
    expect(() => reach.requireNode('nobody')).toThrow("node 'nobody' not found")
  })
})
