import { flushPromises } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { nextTick } from 'vue'
import LogViewer from '../../../src-renderer/components/log/LogViewer.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleJob } from '../../helpers/sample-cluster.ts'
import { showInConsole } from '../console-app.ts'
import { lineOf, LogTransport } from '../log-transport.ts'
import { useTallWindow } from '../tall-window.ts'
import { wait } from '../wait.ts'

useTallWindow(400)

const running = sampleJob({ state: 'running', outcome: null, ended_at: null, exit_code: null, node: 'crawl-01' })
const decoder = new TextDecoder()
const textOf = (selector: string) =>
  [...document.querySelectorAll(selector)].map((each) => each.textContent?.replaceAll(/\s+/g, ' ').trim()).join(' | ')
const rows = () => [...document.querySelectorAll<HTMLElement>('.log-row')]
const press = async (key: string, init: KeyboardEventInit = {}) => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}

/** The line that is shown as found. Nothing scrolls by itself here: the list is told that it was scrolled. */
function marked(): string {
  document.querySelector('.log-pane')?.dispatchEvent(new Event('scroll'))
  return document.querySelector('.log-marked')?.textContent ?? ''
}

/** Errors of the file as the daemon finds them. */
function searchErrors(transport: LogTransport, from: number) {
  let offset = 0
  const matches = decoder
    .decode(transport.file)
    .split(/(?<=\n)/)
    .map((text) => {
      const match = { offset, line: null, level: 'ERROR', text: text.trimEnd() }
      offset += new TextEncoder().encode(text).length
      return match
    })
    .filter((match) => match.text.includes('] ERROR:') && match.offset >= from)
  return { matches, total: matches.length, next: null, size: transport.file.length }
}

async function show(transport: LogTransport, job = running, query = '') {
  transport.answers.searchLog = ({ query: asked }) => searchErrors(transport, Number(asked?.from ?? 0))
  const shown = await showInConsole(LogViewer, { transport, props: { job }, path: `/jobs/${job.key}${query}` })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return shown
}

describe('a log', () => {
  it('follows; paused it counts what is new, and the end is one press away', async () => {
    const transport = new LogTransport(600)
    await show(transport)
    await wait(() => rows().length > 0)
    expect(textOf('.log-bar')).toContain('Following')
    expect(textOf('.log-levels')).toBe('DEBUG588INFO11WARNING0ERROR1')
    await press('f')
    expect(textOf('.log-bar')).toContain('Paused')
    transport.grow(601, 612)
    transport.send()
    await wait(() => document.querySelector('.log-new'))
    expect(textOf('.log-new')).toBe('12 new lines Jump to endEnd')
    await press('End')
    await wait(() => document.querySelector('.log-new') === null)
    expect(textOf('.log-bar')).toContain('Following')
    expect(textOf('.log-foot')).toMatch(/Live from crawl-01.*line \d+ of 612/)
  })

  it('says where its way was cut, and goes on behind it', async () => {
    const transport = new LogTransport(10)
    await show(transport)
    await wait(() => rows().length > 0)
    expect(document.querySelector('.log-gap')).toBeNull()
    transport.status({ state: 'waiting', since: Date.now() - 8_000, retryAt: Date.now() + 1_000, reason: 'cut' })
    await nextTick()
    expect(document.querySelector('.log-body')?.classList).toContain('hatched')
    expect(textOf('.log-foot')).toMatch(/^From crawl-01/)
    transport.live({ resumed: true })
    await nextTick()
    transport.grow(11, 14)
    transport.send()
    const gap = await wait(() => document.querySelector('.log-gap'))
    expect(gap.textContent?.trim()).toBe('connection cut for 8 s, continued without a gap')
    expect(gap.parentElement?.querySelector('.log-text')?.textContent).toContain('第 11 行')
    expect(rows().map((row) => /第 (\d+) 行/.exec(row.textContent ?? '')?.[1])).toContain('10')
    // The same where it is the node that was away.
    transport.send('away')
    await wait(() => textOf('.log-foot').includes('crawl-01 cannot be reached, showing what came before'))
    transport.grow(15, 16)
    transport.send()
    await wait(() => document.querySelectorAll('.log-gap').length === 2)
  })

  it('says that levels are hidden, and how many lines that are', async () => {
    const transport = new LogTransport(600)
    const { router } = await show(transport)
    await wait(() => rows().length > 0)
    await press('1')
    expect(router.currentRoute.value.query['level']).toEqual(['INFO', 'WARNING', 'ERROR'])
    await wait(() => textOf('.log-foot').includes('DEBUG hidden, 588 lines'))
    await wait(() => rows().every((row) => !row.classList.contains('log-DEBUG')))
    await press('1')
    expect(router.currentRoute.value.query['level']).toBeUndefined()
  })

  it('goes from error to error, and wraps, by keys', async () => {
    const transport = new LogTransport(1_200)
    await show(transport)
    await wait(() => rows().length > 0)
    await press('e')
    await wait(() => marked().includes('第 500 行'))
    await press('e')
    await wait(() => marked().includes('第 1000 行'))
    await press('E', { shiftKey: true })
    await wait(() => marked().includes('第 500 行'))
    await press('w')
    expect(document.querySelector('.log-pane')?.classList).toContain('log-wrap')
    await press('w')
    expect(document.querySelector('.log-pane')?.classList).not.toContain('log-wrap')
  })

  it('begins at the line of the address', async () => {
    const transport = new LogTransport(1_200)
    await show(transport, running, '?line=700')
    await wait(() => marked().includes('第 700 行'))
  })

  it('says the place in the file where there are no line numbers', async () => {
    const transport = new LogTransport(3_000)
    transport.answers.getLogIndex = () => {
      throw new CallError('refused', 'not made yet', { status: 503 })
    }
    await show(transport)
    await wait(() => rows().length > 0)
    expect(textOf('.log-foot')).toMatch(/at [\d.]+ kB ?[\d.]+ kB/)
    expect(textOf('.log-levels')).toBe('DEBUGINFOWARNINGERROR')
    expect(document.querySelectorAll('.log-map-error')).toHaveLength(0)
  })

  it('is copied as it is in the file, prefixes and all', async () => {
    await show(new LogTransport(40))
    await wait(() => rows().length > 3)
    const [, one, two] = rows()
    const texts = [one, two].map((row) => row?.querySelector('.log-text')?.lastChild ?? document.body)
    getSelection()?.setBaseAndExtent(texts[0] as Node, 0, texts[1] as Node, 0)
    const data: Record<string, string> = {}
    const event = Object.assign(new Event('copy', { bubbles: true, cancelable: true }), {
      clipboardData: { setData: (type: string, text: string) => (data[type] = text) },
    })
    one?.dispatchEvent(event)
    const first = Number(/第 (\d+) 行/.exec(one?.textContent ?? '')?.[1])
    expect(data['text/plain']).toBe((lineOf(first) + lineOf(first + 1)).trimEnd())
    expect(one?.textContent).not.toContain('2026-11-22')
  })

  it.each([
    [0, { exit_code: 0 }, 'End of log, exit code 0.'],
    [null, { exit_code: 1, outcome: 'failed' }, 'End of log, exit code 1.'],
    [null, { exit_code: null, signal: 'SIGKILL' }, 'End of log, ended by SIGKILL.'],
  ] as const)('says that it has ended (%#)', async (_, change, words) => {
    const transport = new LogTransport(20)
    const ended = sampleJob({ ...running, state: 'finished', outcome: 'finished', ...change })
    await show(transport, ended)
    await wait(() => rows().length > 0)
    transport.send('end')
    await wait(() => textOf('.log-end').includes(words))
    // There is nothing to follow any more.
    expect(textOf('.log-bar')).not.toMatch(/Following|Paused/)
  })

  it('says that it is empty', async () => {
    await show(new LogTransport(0))
    await wait(() => textOf('.log-end').includes('The log is empty so far.'))
  })

  it.each([
    ['missing', running, 404, 'No log yet'],
    ['gone', sampleJob(), 404, 'The log is gone The file was removed'],
    ['away', running, 502, 'crawl-01 cannot be reached'],
    ['failed', running, 500, 'The log could not be read.'],
  ] as const)('says why there is none: %s', async (_, job, status, words) => {
    const transport = new LogTransport(20)
    transport.refusal = new CallError('refused', 'the reason of the daemon', { status })
    await show(transport, job)
    await wait(() =>
      textOf('.log-nothing')
        .replaceAll(/(\S)(The file)/g, '$1 $2')
        .includes(words),
    )
    if (status === 404) return
    if (status === 500) expect(textOf('.log-nothing')).toContain('The reason of the daemon'.slice(4))
    transport.refusal = null
    const again = [...document.querySelectorAll('button')].find((each) => each.textContent?.includes('Try again'))
    again?.click()
    await wait(() => rows().length > 0)
  })
})
