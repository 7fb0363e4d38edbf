import { flushPromises } from '@vue/test-utils'
import { expect, it } from 'vitest'
import type { Forward } from '../../../src-daemon/api/contract/values.ts'
import ForwardsPage from '../../../src-renderer/pages/ForwardsPage.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
const forward = (id: string, node: string, open = 0): Forward => ({
  id,
  node,
  url: `http://${node}:6800/`,
  created_at: ago(600),
  last_used_at: ago(180),
  open,
})

async function show(prepare: (transport: FakeTransport) => void = () => {}) {
  const transport = sampleTransport()
  let forwards = [forward('f1', 'crawl-01')]
  transport.answers.listForwards = () => ({ forwards })
  prepare(transport)
  const { wrapper } = await showInConsole(whenReady(ForwardsPage), { transport, path: '/forwards' })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  const rows = () => wrapper.findAll('.forwards-table .tr:not(.head)').map((row) => row.text())
  return { transport, wrapper, rows, answer: (next: Forward[]) => (forwards = next) }
}

it('shows forwards as they are made, used and gone, without asking again', async () => {
  const { transport, wrapper, rows } = await show()
  expect(rows()).toEqual([expect.stringMatching(/^crawl-01.*3 min ago0Drop$/)])
  transport.events(
    { type: 'forward', forward: forward('f1', 'crawl-01', 2) },
    { type: 'forward', forward: forward('f2', 'crawl-02') },
  )
  await flushPromises()
  expect(rows()).toEqual([expect.stringMatching(/^crawl-01.*now2Drop$/), expect.stringMatching(/^crawl-02/)])
  transport.events({ type: 'forward-removed', id: 'f1' }, { type: 'forward-removed', id: 'f2' })
  await flushPromises()
  expect(wrapper.text()).toContain('No live forwards')
  expect(transport.callsTo('listForwards')).toHaveLength(1)
})

it('reads them anew when the stream was cut, and takes what comes meanwhile for newer', async () => {
  const { transport, rows, answer } = await show()
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const { listForwards } = transport.answers
  transport.answers.listForwards = async (input) => {
    const reply = await listForwards?.(input)
    await held
    return reply
  }
  answer([forward('f1', 'crawl-01'), forward('f2', 'crawl-02')])
  transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 1_000, reason: 'cut' })
  await flushPromises()
  transport.live({ resumed: true })
  await flushPromises()
  transport.events({ type: 'forward-removed', id: 'f1' }, { type: 'forward', forward: forward('f3', 'crawl-03') })
  await flushPromises()
  release()
  await wait(() => rows().length === 2)
  expect(rows().map((row) => row.slice(0, 8))).toEqual(['crawl-02', 'crawl-03'])
})

it('drops one; one that could not be dropped stays, and is said', async () => {
  const { transport, wrapper, rows } = await show()
  const drop = () => wrapper.find('.forwards-table button').trigger('click')
  transport.answers.deleteForward = () => {
    throw new CallError('refused', 'not now', { status: 500 })
  }
  await drop()
  await flushPromises()
  expect(rows()).toHaveLength(1)
  transport.answers.deleteForward = () => ({ status: 'ok' })
  await drop()
  await flushPromises()
  expect(rows()).toHaveLength(0)
  expect(transport.callsTo('deleteForward').map(({ input }) => input.params)).toEqual([{ id: 'f1' }, { id: 'f1' }])
})
