import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouterView, type Router } from 'vue-router'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import MenuButton from '../../../src-renderer/components/base/MenuButton.vue'
import ProjectPage from '../../../src-renderer/pages/ProjectPage.vue'
import ProjectsPage from '../../../src-renderer/pages/ProjectsPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { giveSizes, sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const ProjectsView = whenReady(ProjectsPage)
const ProjectView = whenReady(ProjectPage)

let cluster: SampleCluster
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router

beforeEach(() => {
  cluster = sampleCluster()
  // A few are enough: rows are what takes time here.
  const few = ['xinhua_finance', 'sina_finance', 'caixin_headlines', '人民日报', 'scmp_latest', 'zeit_politik']
  const spiders = new Map(
    [...cluster.spiders].map(([project, names]) => [project, names.filter((name) => few.includes(name))]),
  )
  cluster = { ...cluster, spiders }
  transport = sampleTransport(cluster)
  giveSizes()
})

async function show(view: Parameters<typeof showInConsole>[0], path: string): Promise<void> {
  ;({ wrapper, router } = await showInConsole(view, { transport, path }))
  useLiveStore().start()
  transport.live()
  await flushPromises()
}

const words = (text: string | undefined) => (text ?? '').replaceAll(/\s+/g, ' ').trim()
const rowOf = (name: string) => wrapper.findAll('[role="row"]').find((row) => row.text().includes(name))
const buttonOf = (text: string) =>
  [...document.querySelectorAll('button')].find((element) => element.textContent?.trim() === text)
const focus = (row: { readonly element: Element } | undefined) => {
  if (row?.element instanceof HTMLElement) row.element.focus()
}
const press = async (key: string, init: KeyboardEventInit = {}) => {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}

describe('the list of projects', () => {
  it('has nodes, spiders, commit, what differs between nodes, jobs and the last pull', async () => {
    await show(ProjectsView, '/projects')
    const cells = (name: string) =>
      rowOf(name)
        ?.findAll('[role="gridcell"]')
        .map((cell) => words(cell.text()))
    expect(cells('newspapers')).toEqual([
      'newspapers/srv/crawl/newspapers',
      expect.stringMatching(/^a81d40fdevelopParse relative times of 新华财经 · Lin Wei, 3 h ago$/),
      'crawl-02 is 2 behind',
      '24 1 broken',
      '5 running1 pending',
      'running now',
      'Run',
    ])
    expect(cells('gov_tenders')?.[2]).toBe('crawl-02 has local changes')
    expect(cells('gov_tenders')?.[5]).toMatch(/^2 h ago.*not on all nodes/)
    expect(cells('finance_cn')?.[2]).toBe('on 4 of 6 nodes')
    expect(cells('press_agencies')?.[1]).toMatch(/no git/i)
    const tips = rowOf('newspapers')
      ?.findAll('.cell')
      .map((cell) => cell.attributes('aria-label'))
    expect(tips).toContain('crawl-02: 2 behind')
    expect(tips).toContain('crawl-03: node offline')
  })

  it('removes one only after it was said that its code stays on disk, and says which node did not', async () => {
    transport.answers.deleteProject = () => ({
      status: 'ok',
      details: [
        { node: 'hq-01', ok: true, message: '' },
        { node: 'crawl-02', ok: false, message: 'the disk is full' },
      ],
    })
    await show(ProjectView, '/projects/newspapers')
    const remove = () => {
      wrapper.findComponent(MenuButton).vm.$emit('choose', 'remove')
      return wait(() => useConfirmationStore().question)
    }
    expect(await remove()).toMatchObject({
      title: 'Remove newspapers from all nodes?',
      text: 'The code stays on disk. 5 running jobs go on, 1 pending one is cancelled.',
    })
    useConfirmationStore().answer(false)
    await flushPromises()
    expect(transport.callsTo('deleteProject')).toEqual([])
    await remove()
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: 'crawl-02: the disk is full' }])
  })

  it('keeps one that could not be removed, and says so', async () => {
    transport.answers.deleteProject = () => {
      throw new CallError('refused', 'it is in the configuration file', { status: 409 })
    }
    await show(ProjectView, '/projects/newspapers')
    wrapper.findComponent(MenuButton).vm.$emit('choose', 'remove')
    await wait(() => useConfirmationStore().question)
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: 'it is in the configuration file' }])
    expect(router.currentRoute.value.path).toBe('/projects/newspapers')
  })

  it('stays in the dialog when a node did not take a new project, and names it', async () => {
    const [project] = cluster.projects
    transport.answers.addProject = () => ({
      project,
      details: [
        { node: 'hq-01', ok: true, message: '' },
        { node: 'crawl-02', ok: false, message: "'/srv/crawl/press' holds no scrapy.cfg" },
      ],
    })
    await show(ProjectsView, '/projects')
    await press('n')
    await wait(() => document.querySelector('#project-path'))
    const path = document.querySelector<HTMLInputElement>('#project-path')
    if (path !== null) path.value = '/srv/crawl/press'
    path?.dispatchEvent(new Event('input', { bubbles: true }))
    await flushPromises()
    expect(document.querySelector<HTMLInputElement>('#project-name')?.value).toBe('press')
    document.querySelector('.add-project')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    await flushPromises()
    expect(words(document.querySelector('.add-note')?.textContent ?? '')).toMatch(/crawl-02: .*holds no scrapy\.cfg/)
  })
})

it('says that there is no project yet, and offers to add one', async () => {
  cluster.projects.length = 0
  await show(ProjectsView, '/projects')
  expect(wrapper.find('.projects-table').exists()).toBe(false)
  await wrapper.find('.empty button').trigger('click')
  await wait(() => document.querySelector('#project-path'))
})

describe('the page of a project', () => {
  const rows = () => wrapper.findAll('.spider-rows [role="row"]')

  it('has its spiders, each with its last run, outcome, duration and items, and runs one', async () => {
    await show(ProjectView, '/projects/newspapers')
    await wait(() => rows().length > 0)
    const cells = (name: string) =>
      rows()
        .find((row) => row.text().includes(name))
        ?.findAll('[role="gridcell"]')
        .map((cell) => words(cell.text()))
    expect(rows()[0]?.text()).toContain('xinhua_finance')
    expect(cells('xinhua_finance')?.slice(1, 8)).toEqual([
      'xinhua_finance',
      'Failed',
      expect.stringMatching(/ago$/),
      expect.stringMatching(/^\d+ (min|s)/),
      '0',
      '',
      expect.stringContaining("No module named 'dateutil'"),
    ])
    expect(cells('caixin_headlines')?.slice(1, 6)).toEqual([
      'caixin_headlines',
      'Running',
      expect.stringMatching(/ago$/),
      expect.stringMatching(/^4 min \d+ s$/),
      '1,204',
    ])
    // By the events of its jobs alone.
    const job = sampleJob({ spider: 'caixin_headlines', key: 'z'.repeat(24), outcome: 'cancelled', items: 77 })
    transport.events({ type: 'job', job })
    await flushPromises()
    expect(cells('caixin_headlines')?.slice(2, 6)).toEqual(['Cancelled', expect.anything(), '30 min 00 s', '77'])
    await rows()[0]?.find('.acts button').trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ run: 'newspapers', spider: ['xinhua_finance'] })
  })

  it('is there again when one comes back, with the list that was read before', async () => {
    const pages = { project: ProjectPage, projects: ProjectsPage }
    const path = '/projects/newspapers'
    ;({ wrapper, router } = await showInConsole(whenReady(RouterView), { transport, path, pages }))
    useLiveStore().start()
    transport.live()
    await wait(() => rows().length > 1)
    for (const place of ['/projects', path]) await router.push(place)
    await flushPromises()
    await wait(() => rows().length > 1)
    expect(rows()[0]?.text()).toContain('xinhua_finance')
  })

  it('is used by keys alone: select, extend, run what is selected, open', async () => {
    await show(ProjectView, '/projects/newspapers')
    await wait(() => rows().length > 0)
    expect(wrapper.findAll('.spider-rows [role="row"][tabindex="0"]')).toHaveLength(1)
    focus(rows()[0])
    await press('x')
    await press('ArrowDown', { shiftKey: true })
    expect(wrapper.findAll('[role="row"][aria-selected="true"]')).toHaveLength(2)
    await press('r')
    const { query } = router.currentRoute.value
    expect([query['run'], query['spider']]).toEqual(['newspapers', [expect.any(String), expect.any(String)]])
    await press('Escape')
    expect(wrapper.findAll('[role="row"][aria-selected="true"]')).toHaveLength(0)
    await press('Enter')
    expect(router.currentRoute.value.name).toBe('job')
  })

  it('finds spiders by name and by how they ended, and says when none is left', async () => {
    await show(ProjectView, '/projects/newspapers')
    await wait(() => rows().length > 0)
    const search = wrapper.find('.spiders [data-search] input')
    await search.setValue('CAIXIN')
    expect(rows().map((row) => row.find('a').text())).toEqual(['caixin_headlines'])
    await search.setValue('no such spider')
    expect(rows()).toHaveLength(0)
    buttonOf('Clear filters')?.click()
    await flushPromises()
    await wait(() => rows().length > 1)
  })

  it('shows where code differs, pulls it there, and shows what could not be loaded', async () => {
    await show(ProjectView, '/projects/newspapers')
    const aside = () => words(wrapper.find('.project-aside').text())
    expect(aside()).toMatch(/crawl-02 is 2 behind.*Pull on crawl-02/)
    expect(aside()).toMatch(/newspapers\.spiders\.asahi ?SyntaxError/)
    expect(aside()).not.toContain('Traceback')
    buttonOf('Show traceback')?.click()
    await flushPromises()
    expect(aside()).toContain('Traceback (most recent call last)')
    buttonOf('Pull on crawl-02')?.click()
    await flushPromises()
    expect(transport.callsTo('pullProject').map(({ input }) => input)).toMatchObject([
      { params: { project: 'newspapers' }, body: { nodes: ['crawl-02'] } },
    ])
    expect(router.currentRoute.value.query['pull']).toBe('newspapers')
  })

  it('does not open the dock for a pull that was refused', async () => {
    transport.answers.pullProject = () => {
      throw new CallError('refused', 'crawl-02 is offline', { status: 409 })
    }
    await show(ProjectView, '/projects/newspapers')
    await press('p')
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: expect.stringContaining('offline') }])
    expect(router.currentRoute.value.query).toEqual({})
  })

  it('says why its spiders could not be read, and reads them on demand', async () => {
    const { listSpiders } = transport.answers
    transport.answers.listSpiders = () => {
      throw new CallError('refused', 'the runner failed', { status: 500 })
    }
    await show(ProjectView, '/projects/newspapers')
    expect(wrapper.find('.spiders').text()).toContain('the runner failed')
    if (listSpiders !== undefined) transport.answers.listSpiders = listSpiders
    buttonOf('Try again')?.click()
    await flushPromises()
    await wait(() => rows().length > 0)
  })

  /** What an empty state says in both languages, and the step that it offers. */
  async function emptyWords(): Promise<string[]> {
    const empty = () => words(wrapper.find('.empty').text())
    const english = empty()
    await showLanguage('zh-CN')
    await flushPromises()
    return [english, empty()]
  }
  /** The code is in a folder that git knows nothing of. */
  const withoutGit = (name: string) => {
    for (const code of cluster.projects.find((project) => project.name === name)?.nodes ?? [])
      Object.assign(code, { commit: null, branch: null })
  }
  const answerSpiders = (change: object) => {
    const { listSpiders } = transport.answers
    transport.answers.listSpiders = async (input) => ({
      ...((await listSpiders?.(input)) as object),
      spiders: [],
      ...change,
    })
  }

  it('without spiders says where they come from: a pull, or the folder', async () => {
    answerSpiders({ errors: [] })
    await show(ProjectView, '/projects/newspapers')
    expect(await emptyWords()).toEqual([
      'No spidersIts code has none. Pull code that has some: they show here at once.Pull code',
      '没有爬虫代码中没有爬虫。拉取含有爬虫的代码后会立即显示。拉取代码',
    ])
    await wrapper.find('.empty button').trigger('click')
    await wait(() => transport.callsTo('pullProject').length === 1)
  })

  it('without spiders and without git is looked at again on demand', async () => {
    withoutGit('newspapers')
    const { listSpiders } = transport.answers
    answerSpiders({ errors: [] })
    await show(ProjectView, '/projects/newspapers')
    expect(await emptyWords()).toEqual([
      'No spidersIts code has none. Put one into the folder on the master, then look again.Look again',
      '没有爬虫代码中没有爬虫。在主节点的目录中添加后，重新检查。重新检查',
    ])
    if (listSpiders !== undefined) transport.answers.listSpiders = listSpiders
    await wrapper.find('.empty button').trigger('click')
    await wait(() => rows().length > 0)
  })

  it('whose spiders all cannot be loaded leads to their tracebacks', async () => {
    answerSpiders({})
    await show(ProjectView, '/projects/newspapers')
    expect(await emptyWords()).toEqual([
      expect.stringMatching(/^No spider can be loadedWhat stands under “Could not be loaded” says why\./),
      expect.stringMatching(/^爬虫都无法加载原因见「无法加载」。/),
    ])
    expect(wrapper.find('.project-aside .load-error').text()).toContain('newspapers.spiders.asahi')
  })

  it('whose list is not there yet says so, and offers nothing', async () => {
    answerSpiders({ listed_at: null, errors: [] })
    await show(ProjectView, '/projects/newspapers')
    expect(await emptyWords()).toEqual(['No spidersThe list is being made.', '没有爬虫正在生成列表。'])
  })

  it('without a pull offers one, or says what a pull needs', async () => {
    cluster.pulls.splice(0)
    await show(ProjectView, '/projects/newspapers/pulls')
    expect(await emptyWords()).toEqual([
      'No pulls yetThe first one shows here, with what git said on every node.Pull code',
      '还没有拉取记录拉取后会在此显示各节点的 git 输出。拉取代码',
    ])
  })

  it('without a pull and without git says what a pull needs', async () => {
    cluster.pulls.splice(0)
    withoutGit('newspapers')
    await show(ProjectView, '/projects/newspapers/pulls')
    expect(await emptyWords()).toEqual([
      'No pulls yetThe folder on the master is no git repository. Make it one that has a remote, and its code can be pulled.',
      '还没有拉取记录主节点上的目录不是 git 仓库。改为带远程地址的仓库后，即可拉取代码。',
    ])
  })

  it('shows names as text', async () => {
    const evil = '<img src=x onerror="document.title=1">'
    cluster.jobs.push(sampleJob({ spider: evil, outcome: 'failed', reason: evil }))
    const { listSpiders } = transport.answers
    transport.answers.listSpiders = async (input) => {
      const list = (await listSpiders?.(input)) as { spiders: { name: string }[]; errors: unknown[] }
      const [first] = list.spiders
      return {
        ...list,
        spiders: [{ ...first, name: evil, last_job: cluster.jobs.at(-1) }],
        errors: [{ node: evil, module: evil, traceback: evil }],
      }
    }
    await show(ProjectView, '/projects/newspapers')
    await wait(() => rows().length > 0)
    expect(rows()[0]?.text()).toContain(evil)
    expect(document.querySelector('img')).toBeNull()
  })
})
