import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { VueWrapper } from '@vue/test-utils'
import type { Overview } from '../../../src-daemon/api/contract/values.ts'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import OverviewPage from '../../../src-renderer/pages/OverviewPage.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob, sampleOverview, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

// Nothing is painted here; the figures of a chart stand in the table beside it.
vi.mock('vue-echarts', () => ({ default: { template: '<i />' } }))

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(): Promise<VueWrapper> {
  const { wrapper } = await showInConsole(whenReady(OverviewPage), { transport, path: '/' })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return wrapper
}

const words = (text: string) => text.replaceAll(/\s+/g, ' ').trim()

describe('the overview', () => {
  it('counts nodes, jobs and failures, each beside what it means', async () => {
    const wrapper = await show()
    expect(wrapper.findAll('.figure-cell').map((cell) => words(cell.text()))).toEqual([
      'Nodes online4/ 6crawl-03 offline',
      'Running7/ 4012 slots out of reach',
      'Pending10oldest waits 22 min',
      'Failed, 24 h51of 2,848 jobs, 1.8 %',
      'Items, 24 h1.28 Mfrom 1.91 M pages',
    ])
    // A figure leads to what it counts.
    expect(wrapper.findAll('.figure-cell').map((cell) => cell.attributes('href'))).toEqual([
      '/nodes',
      '/jobs?state=running',
      '/jobs?state=pending',
      '/jobs?outcome=failed&outcome=lost&from=-24h',
      '/jobs?from=-24h',
    ])
  })

  it('lists the last failures with their reason, and says it in the language of the page', async () => {
    const wrapper = await show()
    const failures = () => wrapper.findAll('.failure').map((row) => words(row.text()))
    expect(failures()[0]).toMatch(
      /xinhua_finance ?newspapers.*ago.*Exit code 1: ModuleNotFoundError: No module named 'dateutil'.*exit 1/,
    )
    expect(failures().some((text) => /reuters_world.*Ended by SIGKILL.*SIGKILL/.test(text))).toBe(true)
    await showLanguage('zh-CN')
    await flushPromises()
    expect(failures()[0]).toContain("退出码 1：ModuleNotFoundError: No module named 'dateutil'")
    const failing = wrapper.findAll('.attention').find((row) => row.text().includes('xinhua_finance'))
    expect(failing?.text()).toContain("退出码 1：ModuleNotFoundError: No module named 'dateutil'")
    await showLanguage('en')
  })

  it('tells of projects that cannot be used, and of modules that cannot be loaded', async () => {
    const { overview } = transport.answers
    transport.answers.overview = (...asked) => ({
      ...(overview as (...given: typeof asked) => Overview)(...asked),
      attention: [
        {
          kind: 'project-broken',
          since: null,
          data: { project: 'gone', node: 'crawl-02', reason: 'the folder /srv/gone does not exist', modules: 0 },
        },
        { kind: 'project-broken', since: null, data: { project: 'press', node: null, reason: null, modules: 1 } },
      ],
    })
    const wrapper = await show()
    await wait(() => wrapper.findAll('.attention').length === 2)
    const rows = () => wrapper.findAll('.attention').map((row) => row.text())
    expect(rows()[0]).toMatch(/gone cannot be used on crawl-02.*folder \/srv\/gone does not exist.*Open project/s)
    expect(rows()[1]).toMatch(/1 module of press cannot be loaded.*tracebacks.*Open project/s)
    await showLanguage('zh-CN')
    await flushPromises()
    expect(rows()[0]).toMatch(/gone 在 crawl-02 上无法使用.*\/srv\/gone 不存在.*查看项目/s)
    expect(rows()[1]).toMatch(/press 有 1 个模块无法加载/)
    await showLanguage('en')
  })

  it('has the throughput of a day as a chart, and as a table for those who do not see it', async () => {
    const wrapper = await show()
    await wait(() => wrapper.find('.throughput table').exists())
    const rows = wrapper.findAll('.throughput tbody tr')
    const { throughput } = sampleOverview(cluster)
    expect(rows).toHaveLength(48)
    expect(rows[33]?.findAll('td').map((cell) => Number(cell.text()))).toEqual([
      throughput[33]?.finished,
      throughput[33]?.failed,
      throughput[33]?.cancelled,
      4,
    ])
  })

  it('follows what happens, without being asked', async () => {
    const wrapper = await show()
    const job = sampleJob({
      spider: 'harbour_times',
      outcome: 'failed',
      reason: 'Exit code 7',
      ended_at: new Date().toISOString(),
    })
    cluster.jobs.unshift(job)
    cluster.jobs.splice(1, cluster.jobs.length, ...cluster.jobs.filter(({ outcome }) => outcome === null))
    transport.events({ type: 'job', job })
    await wait(() => wrapper.findAll('.failure').length === 1)
    expect(wrapper.find('.failure').text()).toContain('Exit code 7')
  })

  it('says what failed, and comes by itself when the daemon is back', async () => {
    const { overview } = transport.answers
    transport.answers.overview = () => {
      throw new CallError('unreachable', 'connection refused')
    }
    const wrapper = await show()
    expect(wrapper.text()).toMatch(/connection refused[\s\S]*Try again/)
    expect(wrapper.find('.figures').exists()).toBe(false)
    if (overview !== undefined) transport.answers.overview = overview
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now(), reason: 'cut' })
    await flushPromises()
    transport.live({ resumed: true })
    await wait(() => wrapper.find('.figures').exists())
    expect(wrapper.text()).not.toContain('connection refused')
  })
})

describe('an empty cluster', () => {
  it('is led through its first steps, and says why one did not succeed', async () => {
    cluster.projects.length = 0
    const wrapper = await show()
    expect(wrapper.findAll('.steps h3').map((step) => step.text())).toHaveLength(4)
    expect(wrapper.text()).toContain('curl http://10.20.0.10:6800/daemonstatus.json')
    const refuse = (field: string, message: string) => () => {
      throw new CallError('refused', message, { status: 422, fields: { [field]: message } })
    }
    const add = async (path: string) => {
      await wrapper.find('.step-form input').setValue(path)
      await wrapper.find('.step-form').trigger('submit')
      await flushPromises()
    }
    // There is no field for the name in which this could stand.
    transport.answers.addProject = refuse('project', "'..' is not a project's name")
    await add('/srv/crawl/..')
    expect(wrapper.find('.step-form').text()).toContain("'..' is not a project's name")
    const [project] = sampleCluster().projects
    transport.answers.addProject = () => ({ project, details: [] })
    await add('/srv/crawl/newspapers/')
    expect(transport.callsTo('addProject').at(-1)?.input).toEqual({
      params: { project: 'newspapers' },
      body: { path: '/srv/crawl/newspapers/' },
    })
    expect(wrapper.find('.steps').exists()).toBe(false)
    expect(wrapper.find('.overview').exists()).toBe(true)
  })
})
