import { describe, expect, it } from 'vitest'
import { nodeIdOf } from '../../../src-daemon/cluster/node-url.ts'
import type { NodePatch } from '../../../src-daemon/storage/nodes.ts'
import { newRow } from '../../helpers/ledger-parts.ts'
import { clusterParts, host, loaded } from './cluster-parts.ts'

const address = (port: number, more = {}) => ({ ...host(port), ...more })

describe('nodes', () => {
  it('of the configuration have ids that depend on their addresses alone', async () => {
    const parts = clusterParts()
    await parts.nodes.load([host(7002), host(7001)])
    expect(parts.nodes.list().map((node) => node.name)).toEqual(['127.0.0.1:7001', '127.0.0.1:7002'])
    expect(parts.nodes.byName('127.0.0.1:7001')!.id).toBe(nodeIdOf('http://127.0.0.1:7001'))
    expect(parts.nodes.byName('nobody')).toBeNull()
    expect(() => parts.nodes.require('nobody')).toThrow("node 'nobody' not found")
  })

  it('are remembered: added ones stay, removed ones stay away, those not configured any more go', async () => {
    const parts = clusterParts()
    await loaded(parts, 7001, 7002, 7003)
    const added = await parts.nodes.add(address(7004))
    await parts.nodes.remove(nodeIdOf('http://127.0.0.1:7001'))
    parts.close()
    const again = clusterParts(parts.dir)
    await again.nodes.load([host(7001), host(7002)])
    expect(
      again.nodes
        .list()
        .map((node) => node.id)
        .toSorted(),
    ).toEqual([nodeIdOf('http://127.0.0.1:7002'), added.id].toSorted())
    const back = await again.nodes.add(address(7001))
    expect(back.id).toBe(nodeIdOf('http://127.0.0.1:7001'))
  })

  it('that were added, and are configured later, stay away when they are removed', async () => {
    const parts = clusterParts()
    const { id } = await parts.nodes.add(address(7001))
    parts.close()
    const configured = clusterParts(parts.dir)
    await configured.nodes.load([host(7001)])
    await configured.nodes.remove(id)
    configured.close()
    const again = clusterParts(parts.dir)
    await again.nodes.load([host(7001)])
    expect(again.nodes.list()).toEqual([])
  })

  it('that were online before a restart have to show it again', async () => {
    const parts = clusterParts()
    const [first, second] = await loaded(parts, 7001, 7002)
    await parts.nodes.setState(first!, 'online', null)
    await parts.nodes.setState(second!, 'offline', 'no answer')
    parts.close()
    const again = clusterParts(parts.dir)
    const [one, two] = await loaded(again, 7001, 7002)
    expect(one!.row.state).toBe('unknown')
    expect(two!.row).toMatchObject({ state: 'offline', last_error: 'no answer' })
  })

  it('use the credentials of the cluster, unless they have their own, which the configuration may change', async () => {
    const parts = clusterParts()
    await parts.nodes.load([host(7001), host(7002, { username: 'own', password: 'p1' })])
    const [first, second] = parts.nodes.list()
    expect(parts.nodes.credentials(first!)).toEqual({ username: 'all', password: 'secret' })
    expect(parts.nodes.credentials(second!)).toEqual({ username: 'own', password: 'p1' })
    await parts.nodes.update(first!, { username: 'set', password: 'at run time' }, false)
    parts.close()
    const again = clusterParts(parts.dir)
    await again.nodes.load([host(7001), host(7002, { username: 'own', password: 'p2' })])
    const [one, two] = again.nodes.list()
    expect(again.nodes.credentials(one!)).toEqual({ username: 'set', password: 'at run time' })
    expect(again.nodes.credentials(two!)).toEqual({ username: 'own', password: 'p2' })
  })

  it('keep over restarts what was set at run time, until the configuration says something else of them', async () => {
    const own = { username: 'own', password: 'p1', maxProc: 2 }
    let parts = clusterParts()
    await parts.nodes.load([host(7001, own)])
    const restart = async (configured: Parameters<typeof host>[1]) => {
      parts.close()
      parts = clusterParts(parts.dir)
      await parts.nodes.load([host(7001, configured)])
      const [node] = parts.nodes.list()
      return { ...parts.nodes.credentials(node!), maxProc: node!.row.max_proc }
    }
    const set = (patch: NodePatch) => parts.nodes.update(parts.nodes.list()[0]!, patch, false)
    await set({ password: 'p2', max_proc: 3 })
    expect(await restart(own)).toEqual({ username: 'own', password: 'p2', maxProc: 3 })
    expect(await restart(own)).toEqual({ username: 'own', password: 'p2', maxProc: 3 })
    // Another capacity says nothing of the password, and the other way round.
    expect(await restart({ ...own, maxProc: 4 })).toEqual({ username: 'own', password: 'p2', maxProc: 4 })
    await set({ max_proc: 5 })
    expect(await restart({ ...own, maxProc: 4, password: 'p3' })).toEqual({ ...own, password: 'p3', maxProc: 5 })
    await set({ username: null, password: null })
    expect(await restart({ ...own, maxProc: 4, password: 'p3' })).toMatchObject({ username: 'all', password: 'secret' })
    // The way back to what was configured first is a change, too; so is an entry that loses its credentials.
    expect(await restart(own)).toEqual(own)
    expect(await restart({})).toEqual({ username: 'all', password: 'secret', maxProc: null })
    expect(JSON.stringify(parts.store.all())).not.toMatch(/p1|p3/)
  })

  it('are never shown with their credentials', async () => {
    const parts = clusterParts()
    const node = await parts.nodes.add(address(7001, { username: 'reporter', password: 'p-secret' }))
    await parts.nodes.setState(node, 'offline', 'no answer')
    const told = JSON.stringify([parts.nodes.views(), parts.events.read(0, 100)])
    expect(told).toContain('7001')
    expect(told).not.toMatch(/p-secret|reporter/)
  })

  it('are added once, also by two who ask at the same time', async () => {
    const parts = clusterParts()
    const added: string[] = []
    parts.nodes.onAdded((node) => added.push(node.id))
    const results = await Promise.allSettled([parts.nodes.add(address(7001)), parts.nodes.add(address(7001))])
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(added).toHaveLength(1)
    await expect(parts.nodes.add(address(7001))).rejects.toThrow('127.0.0.1:7001 is in the cluster already')
  })

  it('that were removed are not written to any more, and begin anew when they are back', async () => {
    const parts = clusterParts()
    const [node] = await loaded(parts, 7001)
    await parts.nodes.update(node!, { feed: 'f', cursor: 7, cursor_at: 9 }, false)
    await parts.nodes.setState(node!, 'online', null)
    await parts.writer.write(() => parts.store.addTask(node!.id, 'addproject', '{"project":"news"}', 1))
    await parts.nodes.remove(node!.id)
    const head = parts.events.head()
    await parts.nodes.setState(node!, 'offline', 'late')
    expect(parts.events.head()).toBe(head)
    expect(parts.store.history(node!.id)).toEqual([])
    const back = await parts.nodes.add(address(7001))
    expect(back.row).toMatchObject({ feed: null, cursor: 0, cursor_at: 0, state: 'unknown', last_error: null })
    expect(parts.nodes.waiting(back)).toEqual([])
  })

  it('have the loads of the ledger', async () => {
    const parts = clusterParts()
    const [first, second] = await loaded(parts, 7001, 7002)
    await parts.writer.write(() => {
      for (const state of ['assigned', 'starting', 'pending', 'running', 'running', 'finished'] as const) {
        parts.jobs.insert(newRow({ state, node_id: first!.id, node: 'x' }))
      }
      parts.jobs.insert(newRow({ state: 'pending' }))
    })
    expect(parts.nodes.loadOf(first!)).toEqual({ pending: 3, running: 2 })
    expect(parts.nodes.views().map(({ pending, running }) => [pending, running])).toEqual([
      [3, 2],
      [0, 0],
    ])
    expect(parts.nodes.loadOf(second!)).toEqual({ pending: 0, running: 0 })
  })

  it('have a history of their ups and downs, newest first, and what waits for them', async () => {
    const parts = clusterParts()
    const [node] = await loaded(parts, 7001)
    await parts.nodes.setState(node!, 'online', null)
    await parts.nodes.setState(node!, 'offline', 'no answer')
    expect(parts.store.history(node!.id).map(({ state, reason }) => [state, reason])).toEqual([
      ['offline', 'no answer'],
      ['online', null],
    ])
    await parts.writer.write(() => {
      parts.store.addTask(node!.id, 'addproject', '{"project":"news"}', 1)
      parts.store.addTask(node!.id, 'pause', '{"note":null}', 2)
    })
    expect(parts.nodes.view(node!).waiting).toEqual(['addproject news', 'pause'])
  })

  it('get a name that no other has', async () => {
    const parts = clusterParts()
    const [first, second] = await loaded(parts, 7001, 7002)
    await parts.nodes.update(first!, { name: 'slave' }, false)
    expect(parts.nodes.uniqueName(second!, 'slave')).toBe('slave (127.0.0.1:7002)')
    expect(parts.nodes.uniqueName(first!, 'slave')).toBe('slave')
    expect(parts.nodes.uniqueName(first!, 'master1')).toBe('master1 (127.0.0.1:7001)')
  })
})
