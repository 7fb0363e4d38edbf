import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { reasonText } from '../../../src-daemon/api/contract/reasons.ts'
import type { Pull } from '../../../src-daemon/api/contract/values.ts'
import AddProjectForm from '../../../src-renderer/components/project/AddProjectForm.vue'
import PullHistory from '../../../src-renderer/components/project/PullHistory.vue'
import PullDock from '../../../src-renderer/components/pull/PullDock.vue'
import NodePage from '../../../src-renderer/pages/NodePage.vue'
import ProjectPage from '../../../src-renderer/pages/ProjectPage.vue'
import ProjectsPage from '../../../src-renderer/pages/ProjectsPage.vue'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'

const ProjectsView = whenReady(ProjectsPage)
const ProjectView = whenReady(ProjectPage)

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(component: Parameters<typeof showInConsole>[0], path: string, props: Record<string, unknown>) {
  const shown = await showInConsole(component, { transport, path, props })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return shown
}

/** A pull of an hour ago beside the one that runs. */
function addOld(): Pull {
  const [pull] = cluster.pulls
  if (pull === undefined) throw new Error('the sample has one')
  const at = new Date(Date.now() - 3_600_000).toISOString()
  const steps = pull.steps.map((step) => ({ ...step, state: 'ok' as const, output: `old of ${step.node_name}\n` }))
  const old: Pull = { ...pull, id: 'old', started_at: at, ended_at: at, steps }
  cluster.pulls.push(old)
  return old
}

describe('the history of pulls', () => {
  it('opens the dock at the pull, and at the node, that was chosen', async () => {
    addOld()
    const { wrapper, router } = await show(PullHistory, '/projects/newspapers/pulls', {
      project: 'newspapers',
      hasGit: true,
    })
    const entry = wrapper.findAll('.pull-entry')[1]
    await entry?.find('.section-head button').trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ pull: 'newspapers', 'pull-id': 'old' })
    await entry?.findAll('.pull-step')[2]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({
      pull: 'newspapers',
      'pull-id': 'old',
      'pull-node': 'crawl-02',
    })
  })
})

describe('the list of projects', () => {
  it('shows a pull that ran before the page was opened', async () => {
    const { wrapper } = await show(ProjectsView, '/projects', {})
    const texts = wrapper.findAll('.tr.two').map((row) => row.text())
    expect(texts.filter((text) => text.includes('running now'))).toHaveLength(1)
    expect(texts.find((text) => text.includes('running now'))).toContain('newspapers')
  })
})

describe('the dock of pulls', () => {
  it('says of a step that it was interrupted', async () => {
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-node=crawl-03', { project: 'newspapers' })
    cluster.pulls.length = 0
    transport.live({ resumed: true })
    await flushPromises()
    expect(wrapper.find('pre').text()).toContain('interrupted, how it ended is not known')
    expect(wrapper.find('.dock-head').text()).toContain('Pull again')
  })

  it('says in Chinese why a step failed, and quotes git', async () => {
    const said = 'fatal: unable to access: Could not resolve host: git.example.org'
    const cause = reasonText('unresolved', { host: 'git.example.org' })
    const failed = reasonText('notFetched', { branch: 'main', detail: reasonText('gitSaid', { cause, said }) })
    const stashed = reasonText('stashed', { files: 'a.py', commit: 'a81d40f0c1d2' })
    const message = reasonText('editsAsideAfter', { failed, stashed })
    const old = addOld()
    old.steps = old.steps.map((step) => ({ ...step, state: 'error', message, stashed, output: `${said}\n` }))
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-id=old', { project: 'newspapers' })
    await showLanguage('zh-CN')
    await flushPromises()
    const kept = 'a.py（恢复：git stash apply a81d40f0c1d2）'
    const chinese = `无法获取分支 main：无法解析主机名 git.example.org（git：${said}）；本地改动已保存：${kept}`
    expect(wrapper.find('.pull-step .small').text()).toBe(chinese)
    const hints = wrapper.findAll('.git-hint').map((hint) => hint.text())
    expect(hints).toEqual([chinese, `本地改动已保存为 ${kept}。`])
    expect(wrapper.find('pre').text()).toContain(said)
  })

  it('shows the pull and the node of the address', async () => {
    addOld()
    const { wrapper, router } = await show(PullDock, '/projects?pull=newspapers&pull-id=old&pull-node=crawl-02', {
      project: 'newspapers',
    })
    expect(wrapper.find('pre').text()).toContain('old of crawl-02')
    await wrapper.findAll('.pull-step')[0]?.trigger('click')
    await flushPromises()
    expect(wrapper.find('pre').text()).toContain('old of hq-01')
    await wrapper.find('[aria-label="Close"]').trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
  })

  it('has its nodes as one tab stop, at the one that is shown', async () => {
    const { wrapper, router } = await show(PullDock, '/projects?pull=newspapers&pull-node=crawl-01', {
      project: 'newspapers',
    })
    const steps = () => wrapper.findAll<HTMLButtonElement>('.pull-step')
    const stops = () => steps().flatMap(({ element }, index) => (element.tabIndex >= 0 ? [index] : []))
    expect(stops()).toEqual([1])
    steps()[1]?.element.focus()
    await steps()[1]?.trigger('keydown', { key: 'ArrowDown' })
    await flushPromises()
    expect(document.activeElement).toBe(steps()[2]?.element)
    expect(stops()).toEqual([2])
    // The output of a node is shown when it is chosen, not on the way.
    expect(router.currentRoute.value.query['pull-node']).toBe('crawl-01')
  })

  it('pulls again on the nodes that the pull was of', async () => {
    const old = addOld()
    old.steps = old.steps.filter(({ node_name }) => node_name === 'crawl-01')
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-id=old', { project: 'newspapers' })
    const again = wrapper.findAll('.dock-head button').find((button) => button.text() === 'Pull again')
    await again?.trigger('click')
    await flushPromises()
    expect(transport.callsTo('pullProject')[0]?.input).toMatchObject({ body: { nodes: ['crawl-01'] } })
  })

  it('says that a pull is not kept, and offers the last one', async () => {
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-id=gone', { project: 'newspapers' })
    expect(wrapper.text()).toContain('This pull is not known any more')
    await wrapper.find('.dock-empty button').trigger('click')
    await flushPromises()
    expect(wrapper.text()).toContain('3 of 5 done')
  })
})

describe('a project that cannot be used', () => {
  it('says why in Chinese on its page, in the list and on the page of a node', async () => {
    const project = cluster.projects.find(({ name }) => name === 'newspapers')
    for (const code of project?.nodes ?? [])
      code.error = reasonText('notUsable', {
        project: 'newspapers',
        detail: reasonText('noScrapyCfg', { path: '/srv/newspapers' }),
      })
    const chinese = '项目 newspapers 无法使用：/srv/newspapers 中没有 scrapy.cfg，上下两级目录内也没有'
    const page = await show(ProjectView, '/projects/newspapers', {})
    await showLanguage('zh-CN')
    await flushPromises()
    expect(page.wrapper.find('.project-aside').text()).toContain(chinese)
    expect(page.wrapper.find('.code-line .right').attributes('data-tip')).toBe(chinese)
    const list = await show(ProjectsView, '/projects', {})
    await showLanguage('zh-CN')
    await flushPromises()
    expect(list.wrapper.text()).toContain(chinese)
    const node = await show(whenReady(NodePage), '/nodes/n1/projects', {})
    await showLanguage('zh-CN')
    await flushPromises()
    expect(node.wrapper.find('.node-projects').text()).toContain(chinese)
  })

  it('is refused in Chinese where it is added', async () => {
    const detail = reasonText('notListed', { project: 'x', detail: 'SyntaxError: invalid syntax' })
    transport.answers.addProject = () => {
      throw new CallError('refused', `hq-01: ${detail}`, { status: 422 })
    }
    const { wrapper } = await show(AddProjectForm, '/projects', {})
    await showLanguage('zh-CN')
    await wrapper.find('input').setValue('/srv/x')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(wrapper.find('.add-note').text()).toContain('hq-01：无法列出 x 的爬虫：SyntaxError: invalid syntax')
  })
})

describe('a pull on some nodes', () => {
  it('is of the nodes that were ticked; those that cannot pull say why', async () => {
    const { wrapper, router } = await show(ProjectView, '/projects/newspapers', {})
    await wrapper.find('[aria-label="Pull on some nodes…"]').trigger('click')
    await flushPromises()
    const rows = [...document.querySelectorAll<HTMLElement>('.pull-node')]
    const row = (name: string) => rows.find((each) => each.textContent?.includes(name))
    const box = (name: string) => row(name)?.querySelector('input')
    expect(box('crawl-03')?.disabled).toBe(true)
    expect(row('crawl-03')?.textContent).toContain('Connection refused: is the daemon running')
    expect([box('crawl-02')?.checked, box('crawl-01')?.checked]).toEqual([true, false])
    box('crawl-01')?.click()
    await flushPromises()
    const yes = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Pull on 2 nodes')
    yes?.click()
    await flushPromises()
    expect(transport.callsTo('pullProject')[0]?.input).toMatchObject({
      params: { project: 'newspapers' },
      body: { nodes: ['crawl-01', 'crawl-02'] },
    })
    expect(router.currentRoute.value.query['pull']).toBe('newspapers')
    expect(document.querySelector('.pull-node')).toBeNull()
  })
})
