import { describe, expect, it } from 'vitest'
import { LedgerPlaces } from '../../../src-daemon/cluster/ledger-places.ts'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'
import type { Nodes } from '../../../src-daemon/cluster/nodes.ts'
import { LOCAL_NODE } from '../../../src-daemon/storage/jobs.ts'
import { RemoteJobs } from '../../../src-daemon/storage/remote-jobs.ts'
import { newRow, openLedger } from '../../helpers/ledger-parts.ts'

function places() {
  const { db, jobs, events, writer } = openLedger()
  const run = (id: string, node_id: string) =>
    jobs.insert(newRow({ state: 'finished', project: 'news', spider: 'one', id, node_id }))
  run('there', 's1')
  run('v1.2', 's1')
  run('here', LOCAL_NODE)
  run('gone', 's9')
  return new LedgerPlaces({
    jobs,
    remote: new RemoteJobs(db),
    events,
    writer,
    nodes: { get: (id: string) => (id === 's1' ? {} : null) } as unknown as Nodes,
    target: (id) => ({ id }) as unknown as NodeTarget,
  })
}

describe('LedgerPlaces.whereIs', () => {
  it.each([
    ['there.log', 's1'],
    ['there.jl', 's1'],
    ['there.log.gz', 's1'],
    // ScrapydWeb asks for what LogParser has written beside a log.
    ['there.json', 's1'],
    ['there.txt', 's1'],
    ['v1.2.log', 's1'],
    ['there', undefined],
    ['there.log.exe', undefined],
    ['here.log', undefined],
    ['gone.log', undefined],
    ['nobody.log', undefined],
  ])('finds the node of %s: %s', (file, node) => {
    expect(places().whereIs('news', 'one', file)?.id).toBe(node)
    expect(places().whereIs('news', 'two', file)).toBeNull()
  })
})
