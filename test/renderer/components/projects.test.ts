import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import OverviewPage from '../../../src-renderer/pages/OverviewPage.vue'
import ProjectPage from '../../../src-renderer/pages/ProjectPage.vue'
import ProjectsPage from '../../../src-renderer/pages/ProjectsPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { useTallWindow } from '../tall-window.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport
useTallWindow(700)
beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(page: Parameters<typeof showInConsole>[0], path: string) {
  const shown = await showInConsole(whenReady(page), { transport, path })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return shown
}

async function press(key: string, init: KeyboardEventInit = {}): Promise<void> {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}

const pulled = () => transport.callsTo('pullProject').map(({ input }) => input)

describe('the projects', () => {
  it('say where their code differs, and are pulled, run and opened by keys', async () => {
    const { wrapper, router } = await show(ProjectsPage, '/projects')
    const row = (name: string) => wrapper.findAll('.tr.two').find((each) => each.text().startsWith(name))
    expect(row('newspapers')?.text()).toMatch(/crawl-02 is 2 behind.*1 broken/)
    expect(
      row('newspapers')
        ?.findAll('.cell')
        .map((cell) => cell.classes()[1]),
    ).toEqual(['cell-same', 'cell-same', 'cell-behind', 'cell-offline', 'cell-absent', 'cell-absent'])
    expect(row('press_agencies')?.text()).toContain('no git')
    ;(row('newspapers')?.element as HTMLElement | undefined)?.focus()
    await press('p')
    expect(pulled()).toMatchObject([{ params: { project: 'newspapers' } }])
    await press('r')
    expect(router.currentRoute.value.query).toMatchObject({ run: 'newspapers' })
    await press('Enter')
    expect(router.currentRoute.value).toMatchObject({ name: 'project', params: { project: 'newspapers' } })
    await press('n')
    await wait(() => document.querySelector('#project-path'))
  })

  it('are removed after a question that says what stays; nothing has to be typed', async () => {
    const { wrapper } = await show(ProjectPage, '/projects/newspapers')
    const menu = wrapper.findAllComponents({ name: 'ElDropdown' }).at(-1)
    menu?.vm.$emit('command', 'remove')
    await flushPromises()
    expect(useConfirmationStore().question).toMatchObject({
      title: 'Remove newspapers from all nodes?',
      text: 'The code stays on disk. 5 running jobs go on, 1 pending one is cancelled.',
      yes: 'Remove project',
      no: 'Keep project',
    })
  })
})

describe('a project', () => {
  it('has its failed spiders first, and runs those that are selected', async () => {
    const { wrapper, router } = await show(ProjectPage, '/projects/newspapers')
    const rows = () => wrapper.findAll('.spider-rows .tr')
    await wait(() => rows().length > 5)
    expect(rows()[0]?.text()).toMatch(/^xinhua_finance ?Failed/)
    expect(rows()[0]?.findAll('.strip a')).toHaveLength(12)
    ;(rows()[0]?.element as HTMLElement | undefined)?.focus()
    await press('x')
    await press('ArrowDown', { shiftKey: true })
    expect(wrapper.find('.toolbar').text()).toMatch(/2 selected ?Run 2 spiders/)
    await press('r')
    expect(router.currentRoute.value.query).toEqual({
      run: 'newspapers',
      spider: ['xinhua_finance', 'reuters_world'],
    })
    await press('Escape')
    expect(wrapper.find('.toolbar').text()).not.toContain('selected')
    await press('p')
    expect(pulled()).toMatchObject([{ params: { project: 'newspapers' } }])
  })

  it('says which node has other code and pulls just there, and why a spider cannot be loaded', async () => {
    const { wrapper } = await show(ProjectPage, '/projects/newspapers')
    await wait(() => wrapper.text().includes('Could not be loaded'))
    const button = (text: string) => wrapper.findAll('.project-aside button').find((each) => each.text() === text)
    await button('Pull on crawl-02')?.trigger('click')
    await flushPromises()
    expect(pulled()).toMatchObject([{ body: { nodes: ['crawl-02'] } }])
    expect(wrapper.find('.project-aside').text()).toContain("SyntaxError: '(' was never closed")
    expect(wrapper.find('.traceback').exists()).toBe(false)
    await button('Show traceback')?.trigger('click')
    expect(wrapper.find('.traceback').text()).toContain('line 41')
  })

  it('says that its commits could not be read, and only that; another try reads them', async () => {
    const { listCommits } = transport.answers
    transport.answers.listCommits = () => {
      throw new CallError('refused', 'the repository is locked', { status: 500 })
    }
    const { wrapper } = await show(ProjectPage, '/projects/newspapers')
    await wait(() => wrapper.text().includes('The commits could not be read.'))
    expect(wrapper.text()).toContain('the repository is locked')
    expect(wrapper.text()).toContain('Code on the nodes')
    if (listCommits !== undefined) transport.answers.listCommits = listCommits
    await wrapper
      .findAll('button')
      .find((each) => each.text() === 'Try again')
      ?.trigger('click')
    await wait(() => wrapper.text().includes('Retry 503 of live pages twice'))
  })

  it.each([
    ['jobs', 'No jobs', 'Run spiders'],
    ['pulls', 'No pulls yet', 'Pull code'],
  ])('without %s says why, and offers one step', async (tab, words, step) => {
    cluster.jobs.splice(0)
    cluster.pulls.splice(0)
    const { wrapper } = await show(ProjectPage, `/projects/newspapers/${tab}`)
    expect(wrapper.find('.empty').text()).toContain(words)
    expect(wrapper.find('.empty button').text()).toBe(step)
  })

  it('has its jobs as one tab stop; keys open, cancel and run again the one that has the focus', async () => {
    const { wrapper, router } = await show(ProjectPage, '/projects/newspapers/jobs')
    const rows = wrapper.findAll('.job-list .job-row')
    expect(rows.filter((row) => row.attributes('tabindex') === '0')).toHaveLength(1)
    const keyAt = (at: number) => rows[at]?.find('a').attributes('href')?.split('/').at(-1)
    await press('a')
    expect(transport.callsTo('rerunJob')).toEqual([])
    ;(rows[0]?.element as HTMLElement | undefined)?.focus()
    await press('c')
    expect(transport.callsTo('cancelJob')[0]?.input.params).toEqual({ key: keyAt(0) })
    await press('j')
    await press('a')
    expect(transport.callsTo('rerunJob')[0]?.input.params).toEqual({ key: keyAt(1) })
    await press('Enter')
    expect(router.currentRoute.value.params).toMatchObject({ key: keyAt(1) })
  })
})

describe('an empty cluster', () => {
  it('shows the first steps instead of an overview', async () => {
    transport.answers.listProjects = () => ({ projects: [] })
    const { wrapper } = await show(OverviewPage, '/')
    expect(wrapper.findAll('.steps h3').map((step) => step.text())).toEqual([
      'Start the master',
      'Add a project',
      'Run a spider',
      'Add nodes, when one server is not enough',
    ])
    expect(wrapper.find('.figures').exists()).toBe(false)
    expect(wrapper.find('.step-now form input').exists()).toBe(true)
  })
})
