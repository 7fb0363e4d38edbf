import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { reasonText } from '../../../src-daemon/api/contract/reasons.ts'
import SkeletonRows from '../../../src-renderer/components/base/SkeletonRows.vue'
import TimeText from '../../../src-renderer/components/base/TimeText.vue'
import ResultStrip from '../../../src-renderer/components/job/ResultStrip.vue'
import AddNodeDialog from '../../../src-renderer/components/node/AddNodeDialog.vue'
import NodeNote from '../../../src-renderer/components/node/NodeNote.vue'
import NodeRow from '../../../src-renderer/components/node/NodeRow.vue'
import AttentionList from '../../../src-renderer/components/overview/AttentionList.vue'
import CommitChip from '../../../src-renderer/components/project/CommitChip.vue'
import PairRows from '../../../src-renderer/components/run/PairRows.vue'
import SlotRail from '../../../src-renderer/components/shell/SlotRail.vue'
import StatusBar from '../../../src-renderer/components/shell/StatusBar.vue'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useOverviewStore } from '../../../src-renderer/stores/overview.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport
beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

const show = (component: Parameters<typeof showInConsole>[0], props: Record<string, unknown> = {}) =>
  showInConsole(component, { transport, props })

async function goLive(): Promise<void> {
  useLiveStore().start()
  transport.live()
  await flushPromises()
}

const nodeNamed = (name: string) => {
  const found = cluster.nodes.find((node) => node.name === name)
  if (found === undefined) throw new Error(`the sample has no node ${name}`)
  return found
}

describe('a moment', () => {
  it('is copied in its ISO form by a click, and opens nothing below it', async () => {
    const copied = vi.fn<(text: string) => Promise<void>>(() => Promise.resolve())
    vi.stubGlobal('navigator', { ...navigator, userAgent: 'x', languages: ['en'], clipboard: { writeText: copied } })
    const { wrapper } = await show(TimeText, { at: '2020-11-19T09:02:00.000Z' })
    const outside = vi.fn()
    document.body.addEventListener('click', outside, { once: true })
    await wrapper.trigger('click')
    expect(copied).toHaveBeenCalledWith('2020-11-19T09:02:00.000Z')
    expect(outside).not.toHaveBeenCalled()
    vi.unstubAllGlobals()
  })
})

describe('skeleton rows', () => {
  it('show nothing for 150 ms', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const { wrapper } = await show(SkeletonRows, { rows: 3 })
    vi.advanceTimersByTime(149)
    await nextTick()
    expect(wrapper.findAll('.bone')).toHaveLength(0)
    vi.advanceTimersByTime(1)
    await nextTick()
    expect(wrapper.findAll('.skeleton > div')).toHaveLength(3)
    vi.useRealTimers()
  })
})

describe('a commit', () => {
  const commit = 'a81d40f3c2b1908d7e6f5a4b3c2d1e0f9a8b7c6d'

  it.each([
    [undefined, 'a81d40f', false],
    [{ status: 'same', distance: 0 }, 'a81d40f', false],
    [{ status: 'behind', distance: 2 }, 'a81d40f2 behind', true],
    [{ status: 'ahead', distance: 1 }, 'a81d40f1 ahead', true],
    [{ status: 'dirty', distance: 0 }, 'a81d40flocal changes', true],
    [{ status: 'other', distance: 0 }, 'a81d40fother commit', true],
  ])('is seven characters, amber with a word where it differs: %o', async (view, text, isAmber) => {
    const { wrapper } = await show(CommitChip, { commit, view })
    expect(wrapper.text().replaceAll(/\s+/g, ' ')).toBe(text)
    expect(wrapper.classes('drift')).toBe(isAmber)
  })

  it('has its subject, author and age as a tip; a folder has no git', async () => {
    const code = {
      subject: 'Retry twice',
      author: '王芳',
      committed_at: new Date(Date.now() - 7_300_000).toISOString(),
    }
    const { wrapper } = await show(CommitChip, { commit, code })
    expect(wrapper.attributes('data-tip')).toBe('Retry twice\n王芳\n2 h ago')
    expect((await show(CommitChip, { commit: null })).wrapper.text()).toBe('no git')
  })
})

describe('the last results of a spider', () => {
  it('stand oldest first, each leads to its job and says its state', async () => {
    const jobs = (['finished', 'failed', 'cancelled', 'lost'] as const).map((outcome, index) => ({
      key: `k${index}`,
      state: 'finished' as const,
      outcome,
    }))
    const { wrapper } = await show(ResultStrip, { jobs: [...jobs, { key: 'k4', state: 'running', outcome: null }] })
    expect(
      wrapper.findAll('a').map((cell) => [cell.attributes('href'), cell.classes()[0], cell.attributes('aria-label')]),
    ).toEqual([
      ['/jobs/k0', 'strip-finished', 'Finished'],
      ['/jobs/k1', 'strip-failed', 'Failed'],
      ['/jobs/k2', 'strip-cancelled', 'Cancelled'],
      ['/jobs/k3', 'strip-lost', 'Lost'],
      ['/jobs/k4', 'strip-running', 'Running'],
    ])
  })
})

describe('the slots of a node', () => {
  it.each([
    ['hq-01', 0, '3 of 12'],
    ['crawl-01', 0, '12 of 12, full'],
    ['crawl-02', 1, '4 of 8, 1 starting'],
    ['上海-02', 0, '1 of 8, takes no new jobs'],
    ['crawl-03', 0, 'last known 2 of 8'],
    ['legacy-scrapyd', 0, '4 slots, not asked yet'],
  ])('are said beside their picture: %s', async (name, starting, words) => {
    const { wrapper } = await show(NodeRow, { node: nodeNamed(name), details: null, starting })
    expect(wrapper.find('.slots-cell .small').text()).toBe(words)
    expect(wrapper.find('.slots').classes('away')).toBe(name === 'crawl-03')
  })
})

describe('a node that refuses', () => {
  const words = async (node: ReturnType<typeof nodeNamed>) =>
    (await show(NodeNote, { node })).wrapper.text().replaceAll(/\s+/g, ' ')

  it('is said with its address, and what to do there', async () => {
    expect(await words(nodeNamed('crawl-03'))).toMatch(
      /^Connection refused by 10\.20\.0\.23:6800\..*Start the daemon there with systemctl start scrapyd-service\.$/,
    )
    const stock = { ...nodeNamed('crawl-03'), identity: 'scrapyd' as const }
    expect(await words(stock)).not.toContain('systemctl')
    expect(await words({ ...stock, last_error: reasonText('noAnswer', { seconds: 5 }) })).toMatch(
      /^No answer within 5 s/,
    )
  })

  it('is said in Chinese', async () => {
    await show(NodeNote, { node: nodeNamed('crawl-03') })
    await showLanguage('zh-CN')
    await nextTick()
    expect(document.body.textContent).toContain('10.20.0.23:6800 拒绝连接。')
    expect(document.body.textContent).toContain('在该机器上执行 systemctl start scrapyd-service 启动服务。')
    await showLanguage('en')
  })
})

describe('what needs attention', () => {
  it('is one line where nothing does, with the last failure', async () => {
    const { wrapper } = await show(AttentionList)
    const ended_at = new Date(Date.now() - 3 * 3_600_000 - 5_000).toISOString()
    transport.answers.overview = () => ({ attention: [], last_failures: [{ ended_at }] })
    await useOverviewStore().load()
    await nextTick()
    expect(wrapper.find('.boxed').text()).toBe('Nothing needs attention. Last failure 3 h ago.')
  })

  it('says in the page’s language why a spider fails', async () => {
    const { wrapper } = await show(AttentionList)
    await goLive()
    await useOverviewStore().load()
    await showLanguage('zh-CN')
    await nextTick()
    expect(wrapper.text()).toContain("退出码 1：ModuleNotFoundError: No module named 'dateutil'")
    await showLanguage('en')
  })
})

describe('the rail', () => {
  it('shows twelve of many nodes, those that are away first, and how many more there are', async () => {
    for (let count = 0; count < 44; count += 1)
      cluster.nodes.push({ ...nodeNamed('crawl-02'), id: `m${count}`, name: `many-${count}`, running: 1 })
    const { wrapper } = await showInConsole(
      { components: { SlotRail }, template: '<div><SlotRail /></div>' },
      {
        transport,
      },
    )
    await goLive()
    const lines = wrapper.findAll('.rail a').map((line) => line.text().replaceAll(/\s+/g, ' '))
    expect(lines).toHaveLength(13)
    expect(lines[0]).toMatch(/crawl-03 ?14 min/)
    expect(lines[1]).toMatch(/上海-02 ?1 \/ 8/)
    expect(lines[3]).toMatch(/crawl-01 ?12 \/ 12/)
    expect(lines[12]).toContain('+ 38 more')
  })
})

describe('the status bar', () => {
  it('says at once, in amber, that the stream is cut, and of when the data is', async () => {
    const { wrapper } = await show(StatusBar)
    await goLive()
    expect(wrapper.find('.bar-state').text()).toBe('Live')
    expect(wrapper.text()).toMatch(/hq-01 · 10\.20\.0\.10:6800/)
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 4_000, reason: 'cut' })
    await nextTick()
    expect(wrapper.find('.bar-state .c-warn').exists()).toBe(true)
    expect(wrapper.text()).toMatch(/Reconnecting, next try in \d s ?data of \d\d:\d\d:\d\d/)
    transport.live({ resumed: true })
    await nextTick()
    expect(wrapper.find('.bar-state .c-online').exists()).toBe(true)
  })
})

describe('the names of arguments', () => {
  it('are suggested from earlier jobs, without those that are there', async () => {
    const rows = [
      { id: 1, name: 'since', value: '' },
      { id: 2, name: '', value: '' },
    ]
    const { wrapper } = await show(PairRows, {
      modelValue: rows,
      problems: new Map(),
      suggestions: ['since', 'channel', 'max_pages'],
      addLabel: 'Add',
      nameLabel: 'Argument',
    })
    const fields = wrapper.findAllComponents({ name: 'ElAutocomplete' })
    const suggest = fields[1]?.props('fetchSuggestions') as (text: string, show: (found: unknown) => void) => void
    const found = vi.fn()
    suggest('', found)
    suggest('CHAN', found)
    expect(found.mock.calls).toEqual([[[{ value: 'channel' }, { value: 'max_pages' }]], [[{ value: 'channel' }]]])
  })
})

describe('a node of another master', () => {
  it('is taken over only after the question', async () => {
    const bodies: unknown[] = []
    transport.answers.addNode = ({ body }) => {
      bodies.push(body)
      throw new CallError('refused', reasonText('ownedBy', { host: 'crawl-09', master: 'hq-02' }), { status: 409 })
    }
    await show(AddNodeDialog)
    const field = await wait(() => document.querySelector<HTMLInputElement>('#node-host'))
    field.value = 'crawl-09:6800'
    field.dispatchEvent(new Event('input', { bubbles: true }))
    await nextTick()
    document.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }))
    const button = await wait(() =>
      [...document.querySelectorAll('button')].find((each) => each.textContent?.includes('Take over')),
    )
    for (const answer of [false, true]) {
      button.click()
      await flushPromises()
      expect(useConfirmationStore().question?.text).toContain('The other one loses it')
      useConfirmationStore().answer(answer)
      await flushPromises()
    }
    expect(bodies).toMatchObject([{ takeover: false }, { takeover: true }])
  })
})
