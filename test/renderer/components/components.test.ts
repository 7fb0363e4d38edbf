import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import AppButton from '../../../src-renderer/components/base/AppButton.vue'
import StateBadge from '../../../src-renderer/components/base/StateBadge.vue'
import TimeText from '../../../src-renderer/components/base/TimeText.vue'
import SlotsStrip from '../../../src-renderer/components/node/SlotsStrip.vue'
import AttentionList from '../../../src-renderer/components/overview/AttentionList.vue'
import PullDock from '../../../src-renderer/components/pull/PullDock.vue'
import RunDialog from '../../../src-renderer/components/run/RunDialog.vue'
import CommandPalette from '../../../src-renderer/components/shell/CommandPalette.vue'
import ConfirmDialog from '../../../src-renderer/components/shell/ConfirmDialog.vue'
import StaleStrip from '../../../src-renderer/components/shell/StaleStrip.vue'
import ToastList from '../../../src-renderer/components/shell/ToastList.vue'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import LoginPage from '../../../src-renderer/pages/LoginPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useConnectionStore } from '../../../src-renderer/stores/connection.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useOverviewStore } from '../../../src-renderer/stores/overview.ts'
import { useRecentStore } from '../../../src-renderer/stores/recent.ts'
import { useSessionStore } from '../../../src-renderer/stores/session.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob, sampleOverview, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { showInConsole, sampleTransport } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(
  component: Parameters<typeof showInConsole>[0],
  options: { props?: Record<string, unknown>; path?: string; live?: boolean } = {},
) {
  return showInConsole(component, { transport, ...options })
}

/** Fills the stores as a live stream does. */
async function goLive(): Promise<void> {
  useLiveStore().start()
  transport.live()
  await flushPromises()
}

const body = () => document.body.textContent ?? ''
const button = (text: string) =>
  [...document.querySelectorAll('button')].find((element) => element.textContent?.includes(text))
const press = (target: Element | null | undefined, key: string, init: KeyboardEventInit = {}) =>
  target?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))

async function type(input: Element | null | undefined, text: string): Promise<void> {
  if (!(input instanceof HTMLInputElement)) throw new Error('no such field')
  input.value = text
  input.dispatchEvent(new Event('input', { bubbles: true }))
  await nextTick()
}

describe('AppButton', () => {
  it('says what it is doing while it works, and takes no second press', async () => {
    const { wrapper } = await show(AppButton, { props: { busy: true, busyText: 'Cancelling…' } })
    await wrapper.trigger('click')
    expect(wrapper.emitted('click')).toBeUndefined()
    expect(wrapper.attributes('aria-busy')).toBe('true')
    expect(wrapper.text()).toBe('Cancelling…')
  })

  it('keeps its width while it works', async () => {
    const { wrapper } = await show(AppButton, { props: { busyText: 'Cancelling…' } })
    vi.spyOn(wrapper.element as HTMLElement, 'offsetWidth', 'get').mockReturnValue(123)
    await wrapper.setProps({ busy: true })
    expect(wrapper.attributes('style')).toContain('min-width: 123px')
    expect(wrapper.find('.glyph-starting').exists()).toBe(true)
    await wrapper.setProps({ busy: false })
    expect(wrapper.attributes('style') ?? '').not.toContain('min-width')
  })

  it('has a name when it is an icon only', async () => {
    const { wrapper } = await show(AppButton, { props: { icon: 'close', label: 'Close' } })
    expect(wrapper.attributes('aria-label')).toBe('Close')
  })
})

describe('StateBadge', () => {
  it('has a word for those who see and for those who hear', async () => {
    const { wrapper } = await show(StateBadge, { props: { state: 'failed' } })
    expect(wrapper.text()).toBe('Failed')
    const bare = await show(StateBadge, { props: { state: 'failed', bare: true } })
    expect(bare.wrapper.attributes('aria-label')).toBe('Failed')
    const cancelling = await show(StateBadge, { props: { state: 'running', cancelling: true } })
    expect(cancelling.wrapper.text()).toBe('Cancelling…')
    expect(cancelling.wrapper.classes()).toContain('c-starting')
  })
})

describe('SlotsStrip', () => {
  it('is cells up to 24 slots, with those that start, and a bar above', async () => {
    const { wrapper } = await show(SlotsStrip, { props: { used: 5, capacity: 8, starting: 1 } })
    expect(wrapper.findAll('b')).toHaveLength(8)
    expect(wrapper.findAll('b.on')).toHaveLength(5)
    expect(wrapper.findAll('b.begins')).toHaveLength(1)
    expect(wrapper.attributes('aria-label')).toBe('5 of 8')
    const bar = await show(SlotsStrip, { props: { used: 41, capacity: 64 } })
    expect(bar.wrapper.classes()).toContain('slot-bar')
  })

  it('shows more jobs than slots without lying about the capacity', async () => {
    const { wrapper } = await show(SlotsStrip, { props: { used: 10, capacity: 8 } })
    expect(wrapper.findAll('b.on')).toHaveLength(10)
    expect(wrapper.attributes('aria-label')).toBe('10 of 8')
  })
})

describe('TimeText', () => {
  it('is a time element with date, zone and UTC as its tip', async () => {
    const { wrapper } = await show(TimeText, { props: { at: '2020-11-19T09:02:00.000Z' } })
    expect(wrapper.element.tagName).toBe('TIME')
    expect(wrapper.attributes('datetime')).toBe('2020-11-19T09:02:00.000Z')
    expect(wrapper.attributes('data-tip')).toMatch(/2020.*\n09:02:00 UTC/s)
    const none = await show(TimeText, { props: { at: null } })
    expect(none.wrapper.text()).toBe('–')
  })
})

describe('StaleStrip', () => {
  it('comes after three seconds without the stream, and goes with it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'Date'] })
    const { wrapper } = await show(StaleStrip)
    const live = useLiveStore()
    live.start()
    transport.live()
    const now = Date.now()
    transport.status({ state: 'waiting', since: now, retryAt: now + 9_000, reason: 'x' })
    vi.advanceTimersByTime(2_000)
    await nextTick()
    expect(wrapper.text()).toBe('')
    vi.advanceTimersByTime(2_000)
    await nextTick()
    expect(wrapper.text()).toMatch(/Reconnecting to hq-01, next try in 5 s.*Showing the state of/)
    await wrapper.find('button').trigger('click')
    expect(transport.reconnects).toBe(1)
    transport.live({ resumed: true })
    await nextTick()
    expect(wrapper.text()).toBe('')
    expect(useConnectionStore().isStale).toBe(false)
    vi.useRealTimers()
  })
})

describe('ConfirmDialog', () => {
  it('asks with verbs, and the safe answer has the focus', async () => {
    await show(ConfirmDialog)
    const answer = useConfirmationStore().ask({
      title: 'Cancel sina_finance?',
      text: 'Items stay.',
      yes: 'Cancel job',
      no: 'Keep running',
      danger: true,
    })
    await wait(() => document.querySelector('[role="dialog"]'))
    await wait(() => document.activeElement?.textContent?.includes('Keep running'))
    button('Cancel job')?.click()
    await expect(answer).resolves.toBe(true)
    const other = useConfirmationStore().ask({ title: 'Remove?', text: '', yes: 'Remove', no: 'Keep', danger: true })
    await wait(() => document.activeElement?.textContent?.includes('Keep'))
    press(document.activeElement, 'Escape', { code: 'Escape' })
    await expect(other).resolves.toBe(false)
  })
})

describe('ToastList', () => {
  it('speaks politely of what was done and at once of errors', async () => {
    const { wrapper } = await show(ToastList)
    const open = vi.fn()
    useToastsStore().done('Scheduled 3 jobs', { label: 'Open', run: open })
    useToastsStore().error('Could not cancel', '<img src=x onerror=alert(1)>')
    await nextTick()
    expect(wrapper.find('[role="status"]').text()).toContain('Scheduled 3 jobs')
    expect(wrapper.find('[role="alert"]').text()).toContain('<img src=x onerror=alert(1)>')
    expect(wrapper.find('img').exists()).toBe(false)
    await wrapper
      .findAll('button')
      .find((one) => one.text() === 'Open')
      ?.trigger('click')
    expect(open).toHaveBeenCalledOnce()
  })
})

describe('LoginPage', () => {
  it('says that name or password are wrong, and goes on when they are right', async () => {
    const { wrapper } = await show(LoginPage)
    useLiveStore().start()
    useSessionStore().end()
    transport.answers.createSession = ({ body: credentials }) => {
      if (credentials?.password !== 'right') throw new CallError('unauthorized', 'no', { status: 401 })
      return { username: 'operator' }
    }
    transport.answers.getSession = () => ({ username: 'operator', authentication: true })
    const [name, password] = wrapper.findAll('input')
    await name?.setValue('operator')
    await password?.setValue('wrong')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(wrapper.text()).toContain('User name or password is wrong.')
    expect(password?.element.value).toBe('')
    await password?.setValue('right')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(useSessionStore()).toMatchObject({ isSignedOut: false, username: 'operator' })
    expect(transport.reconnects).toBe(1)
  })
})

describe('AttentionList', () => {
  it('says what, why and since when, each with the one action that solves it', async () => {
    const { wrapper, router } = await show(AttentionList)
    await goLive()
    await useOverviewStore().load()
    await nextTick()
    const rows = wrapper.findAll('.attention').map((row) => row.text().replaceAll(/\s+/g, ' '))
    expect(rows[0]).toMatch(
      /crawl-03 is offline ?Connection refused by 10\.20\.0\.23:6800\. 2 jobs stay there\. ?1[34] min ?Open node/,
    )
    expect(rows[1]).toMatch(/xinhua_finance failed 4 times in a row.*No module named 'dateutil'.*Open log/)
    expect(rows[2]).toMatch(
      /newspapers differs between nodes ?crawl-02 is 2 commits behind the master \(3f9c1e2, not a81d40f\)\. ?Pull code/,
    )
    expect(rows[3]).toMatch(/10 jobs wait.*Resume 上海-02/)
    await wrapper.findAll('.attention .btn')[2]?.trigger('click')
    await flushPromises()
    expect(transport.callsTo('pullProject')[0]?.input).toMatchObject({
      params: { project: 'newspapers' },
      body: { nodes: ['crawl-02'] },
    })
    expect(router.currentRoute.value.query['pull']).toBe('newspapers')
  })

  it('is one line when there is nothing to do', async () => {
    const { wrapper } = await show(AttentionList)
    transport.answers.overview = () => ({ attention: [], last_failures: [] })
    await useOverviewStore().load()
    await nextTick()
    expect(wrapper.text()).toContain('Nothing needs attention.')
  })
})

describe('PullDock', () => {
  it('follows a pull node by node, and shows first what went wrong', async () => {
    const { wrapper, router } = await show(PullDock, {
      props: { project: 'newspapers' },
      path: '/projects?pull=newspapers',
    })
    await goLive()
    expect(wrapper.text()).toMatch(/newspapers, 5 nodes.*3 of 5 done/s)
    expect(wrapper.find('pre').text()).toContain('fatal: Not possible to fast-forward')
    expect(wrapper.findAll('pre .c-failed')).toHaveLength(1)
    await wrapper.findAll('.pull-step')[1]?.trigger('click')
    await flushPromises()
    expect(wrapper.find('pre').text()).toContain('Fast-forward')
    const [pull] = cluster.pulls
    transport.events({
      type: 'pull',
      pull: {
        ...pull,
        ended_at: new Date().toISOString(),
        steps: pull?.steps.map((step) => ({ ...step, state: 'ok' })),
      },
    })
    await nextTick()
    expect(wrapper.text()).toContain('5 of 5 done')
    press(document.body, 'Escape')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
  })

  it('is as high as one makes it, from 160 px to 70 % of the window', async () => {
    const { wrapper } = await show(PullDock, { props: { project: 'newspapers' }, path: '/projects?pull=newspapers' })
    const height = () => Number.parseInt((wrapper.find('.dock').element as HTMLElement).style.height, 10)
    const handle = wrapper.find('[role="separator"]')
    const most = Math.round(innerHeight * 0.7)
    expect(height()).toBe(340)
    await handle.trigger('keydown', { key: 'ArrowUp' })
    expect(height()).toBe(364)
    for (let count = 0; count < 30; count += 1) await handle.trigger('keydown', { key: 'ArrowUp' })
    expect(height()).toBe(most)
    for (let count = 0; count < 60; count += 1) await handle.trigger('keydown', { key: 'ArrowDown' })
    expect(height()).toBe(160)
  })
})

describe('RunDialog', () => {
  const open = async (props: { project?: string; spiders?: string[]; rerun?: string | null }, path = '/projects') => {
    const { router } = await show(RunDialog, { props: { project: '', spiders: [], rerun: null, ...props }, path })
    await goLive()
    await wait(() => document.querySelector('.run-form'))
    return router
  }

  it('shows the same as curl while it is typed, and marks wrong rows at the field', async () => {
    await open({ project: 'newspapers', spiders: ['sina_finance'] })
    expect(document.querySelector('.curl pre')?.textContent).toContain('-d project=newspapers')
    button('Add argument')?.click()
    await nextTick()
    const [name, value] = document.querySelectorAll('.pair input')
    await type(value, '2026-11-22')
    expect(body()).toContain('The name is missing.')
    expect(button('Run 1 spider')?.hasAttribute('disabled')).toBe(true)
    await type(name, 'since')
    expect(document.querySelector('.curl pre')?.textContent).toContain('-d since=2026-11-22')
    expect(button('Run 1 spider')?.hasAttribute('disabled')).toBe(false)
    button('Add argument')?.click()
    await nextTick()
    await type(document.querySelectorAll('.pair')[1]?.querySelector('input'), 'since')
    expect(body()).toContain('This name is there already.')
  })

  it('warns of a spider that is running already, and does not stop anybody', async () => {
    await open({ project: 'newspapers', spiders: ['sina_finance'] })
    await nextTick()
    expect(body()).toMatch(/sina_finance is running already on crawl-01, \d+ min\./)
    expect(button('Run 1 spider')?.hasAttribute('disabled')).toBe(false)
  })

  it('schedules one spider and opens its job', async () => {
    const router = await open({ project: 'newspapers', spiders: ['bbc_world'] })
    press(document.querySelector('.run-form'), 'Enter', { ctrlKey: true })
    await flushPromises()
    expect(transport.callsTo('createJobs')[0]?.input.body).toEqual({
      jobs: [{ project: 'newspapers', spider: 'bbc_world', priority: 0, args: {}, settings: {} }],
    })
    expect(router.currentRoute.value.name).toBe('job')
  })

  it('keeps what was typed when the job is refused, and says why', async () => {
    await open({ project: 'newspapers', spiders: ['asahi'] })
    button('Run 1 spider')?.click()
    await flushPromises()
    expect(body()).toContain('The job was refused.')
    expect(body()).toContain("spider 'asahi' could not be loaded: SyntaxError")
  })

  it('shows what became of each spider of a batch, and sends the refused again', async () => {
    await open({ project: 'newspapers', spiders: ['bbc_world', 'asahi'] })
    button('Run 2 spiders')?.click()
    await flushPromises()
    expect(
      [...document.querySelectorAll('.batch-row')].map((row) => row.textContent?.trim().replaceAll(/\s+/g, ' ')),
    ).toEqual([
      expect.stringMatching(/bbc_world ?scheduled/),
      expect.stringMatching(/asahi ?spider 'asahi' could not be loaded: SyntaxError/),
    ])
    expect(body()).toContain('2 of 2 sent, 1 refused')
    button('Run the 1 failed again')?.click()
    await flushPromises()
    expect(transport.callsTo('createJobs')[1]?.input.body).toMatchObject({ jobs: [{ spider: 'asahi' }] })
  })

  it('stays until every spider of a batch is answered', async () => {
    const router = await open({ project: 'newspapers', spiders: ['bbc_world', 'nhk_news'] }, '/projects?run=newspapers')
    let answer = (_: unknown) => {}
    transport.answers.createJobs = () => new Promise((resolve) => (answer = resolve))
    button('Run 2 spiders')?.click()
    await flushPromises()
    expect(body()).toContain('0 of 2 sent')
    expect(button('Stop sending')).toBeDefined()
    document.querySelector<HTMLElement>('[role="dialog"] [aria-label="Close"]')?.click()
    await flushPromises()
    expect(router.currentRoute.value.query).toHaveProperty('run')
    answer({ results: [1, 2].map(() => ({ ok: true, job: null, duplicate: false, error: null, code: null })) })
    await flushPromises()
    expect(body()).toContain('2 of 2 sent')
    document.querySelector<HTMLElement>('[role="dialog"] [aria-label="Close"]')?.click()
    await flushPromises()
    expect(router.currentRoute.value.query).not.toHaveProperty('run')
  })

  it('repeats an earlier job with its arguments', async () => {
    const job = cluster.jobs.find(({ spider }) => spider === 'xinhua_finance')
    await open({ rerun: job?.key ?? '' }, `/jobs?rerun=${job?.key}`)
    await flushPromises()
    expect(document.querySelector('.curl pre')?.textContent).toMatch(
      /spider=xinhua_finance[\s\S]*since=2026-11-22[\s\S]*setting=CONCURRENT_REQUESTS=32/,
    )
  })

  it('sends arguments, settings, priority and node as they were, after what was changed', async () => {
    const job = sampleJob({ pinned_node: 'crawl-01', priority: 7, args: { since: 'monday' } })
    cluster.jobs.push(job)
    await open({ rerun: job.key })
    await flushPromises()
    await type(document.querySelectorAll('.pair input')[1], 'tuesday')
    button('Run 1 spider')?.click()
    await flushPromises()
    const { project, spider, settings } = job
    expect(transport.callsTo('createJobs')[0]?.input.body).toEqual({
      jobs: [{ project, spider, settings, priority: 7, args: { since: 'tuesday' }, node: 'crawl-01' }],
    })
  })

  it('stays until all spiders of a batch are answered', async () => {
    const { createJobs } = transport.answers
    let release = () => {}
    transport.answers.createJobs = async (input) => {
      await new Promise<void>((resolve) => (release = resolve))
      return createJobs?.(input)
    }
    const router = await open({ project: 'newspapers', spiders: ['bbc_world', 'asahi'] }, '/projects?run=newspapers')
    button('Run 2 spiders')?.click()
    await flushPromises()
    expect(body()).toMatch(/bbc_world ?sending.*asahi ?sending.*0 of 2 sent/s)
    press(document.body, 'Escape')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ run: 'newspapers' })
    release()
    await flushPromises()
    expect(body()).toContain('2 of 2 sent, 1 refused')
    button('Close')?.click()
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
  })

  it('takes many names from a paste', async () => {
    await open({ project: 'newspapers', spiders: [] })
    const field = document.querySelector('#run-spiders')
    const event = new Event('paste', { bubbles: true, cancelable: true })
    Object.assign(event, { clipboardData: { getData: () => 'bbc_world, nhk_news\n人民日报' } })
    field?.dispatchEvent(event)
    await nextTick()
    expect(button('Run 3 spiders')).toBeDefined()
  })
})

describe('CommandPalette', () => {
  const open = async () => {
    const { wrapper, router } = await show(CommandPalette)
    await goLive()
    const input = await wait(() => document.querySelector<HTMLInputElement>('[role="combobox"]'))
    const options = () => [...document.querySelectorAll('[role="option"]')]
    const find = async (query: string) => {
      await type(input, query)
      await flushPromises()
      return options()
    }
    return { wrapper, router, input, options, find }
  }

  it('goes to a spider by ↵ and runs it by ⌘↵', async () => {
    const { router, input, find, wrapper } = await open()
    await wait(() => transport.callsTo('listSpiders').length === 5)
    await flushPromises()
    const [first] = await find('sina')
    expect(first?.textContent).toMatch(/sina_finance/)
    expect(first?.querySelector('mark')?.textContent).toBe('sina')
    expect(input.getAttribute('aria-activedescendant')).toBe(first?.id)
    press(input, 'Enter')
    await flushPromises()
    expect(router.currentRoute.value.name).toBe('job')
    press(input, 'Enter', { ctrlKey: true })
    await flushPromises()
    expect(router.currentRoute.value.query).toMatchObject({ run: 'newspapers', spider: ['sina_finance'] })
    expect(wrapper.emitted('close')).toHaveLength(2)
  })

  it('changes nothing when ↵ is pressed before anything is typed, in a cluster where nothing runs', async () => {
    cluster.jobs.splice(0)
    transport.answers.overview = () => ({ ...sampleOverview(cluster), attention: [] })
    const { input, options, wrapper, router } = await open()
    await wait(() => options().length > 0 && !/Needs attention|Running now/.test(body()))
    expect(options().map(({ textContent }) => textContent)).not.toContainEqual(expect.stringMatching(/Pause|Resume/))
    press(input, 'Enter')
    await flushPromises()
    expect(wrapper.emitted('close')).toHaveLength(1)
    expect(router.currentRoute.value.query).toHaveProperty('run')
    expect(transport.calls.map(({ name }) => name)).not.toContain('patchNode')
  })

  it('leads back to what was looked at, but for what is shown', async () => {
    const { router, input, options } = await open()
    const job = cluster.jobs.find(({ spider }) => spider === 'sina_finance')
    const recent = useRecentStore()
    recent.visit({ path: '/nodes/n4', kind: 'nodes', title: 'crawl-03', detail: '' })
    recent.visit({ path: `/jobs/${job?.key}`, kind: 'jobs', title: 'sina_finance', detail: 'newspapers' })
    recent.visit({ path: '/', kind: 'projects', title: 'this page', detail: '' })
    await nextTick()
    expect(body()).toContain('Recent')
    expect(options()[0]?.textContent).toMatch(/sina_finance\s*newspapers/)
    expect(options()[0]?.querySelector('.c-running')).not.toBeNull()
    expect(options()[1]?.querySelector('.c-offline')).not.toBeNull()
    expect(body()).not.toContain('this page')
    press(input, 'Enter')
    await flushPromises()
    expect(router.currentRoute.value.params).toMatchObject({ key: job?.key })
  })

  it('finds Chinese names by their first letters', async () => {
    const { find } = await open()
    await wait(() => transport.callsTo('listSpiders').length === 5)
    const found = await wait(async () => {
      const options = await find('rmrb')
      return options.length > 0 ? options : null
    })
    expect(found[0]?.textContent).toContain('人民日报')
  })

  it('moves by arrows, narrows by Tab, and says when nothing matches', async () => {
    const { input, options, find } = await open()
    const selected = () => options().findIndex((option) => option.getAttribute('aria-selected') === 'true')
    press(input, 'ArrowDown')
    await nextTick()
    expect(selected()).toBe(1)
    press(input, 'ArrowUp')
    press(input, 'ArrowUp')
    await nextTick()
    expect(selected()).toBe(options().length - 1)
    press(input, 'Tab')
    press(input, 'Tab')
    press(input, 'Tab')
    await nextTick()
    expect(options()).toHaveLength(6)
    expect(document.querySelector('.palette-input .tag')?.textContent).toBe('Nodes')
    await find('no such thing at all')
    expect(body()).toContain('Nothing matches.')
  })

  it('asks for older jobs as the query is typed', async () => {
    const { find } = await open()
    await find('bbc')
    await wait(() => transport.callsTo('listJobs').some(({ input }) => (input.query as { q?: string }).q === 'bbc'))
  })

  it('speaks Chinese', async () => {
    await open()
    await showLanguage('zh-CN')
    await nextTick()
    expect(body()).toContain('需要处理')
    await showLanguage('en')
  })
})
