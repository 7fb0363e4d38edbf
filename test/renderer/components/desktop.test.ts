import { flushPromises, mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App, Component } from 'vue'
import type { DesktopBridge, LocalState, ProjectFolder, TestResult } from '../../../src-main/ipc-contract.ts'
import LocalMasterPane from '../../../src-renderer/components/desktop/LocalMasterPane.vue'
import ProjectDrop from '../../../src-renderer/components/desktop/ProjectDrop.vue'
import TestResultNote from '../../../src-renderer/components/desktop/TestResultNote.vue'
import { provideDesktop } from '../../../src-renderer/composables/use-desktop.ts'
import { i18n, showLanguage } from '../../../src-renderer/i18n.ts'
import { Desktop } from '../../../src-renderer/transport/desktop-bridge.ts'

/** What main answers, by the name of the call. */
let answers: Record<string, unknown>
let calls: string[]

beforeEach(() => {
  answers = {}
  calls = []
})
afterEach(() => showLanguage('en'))

function show(component: Component, props: Record<string, unknown>) {
  const bridge: DesktopBridge = {
    invoke: (call, args) => {
      calls.push([call, ...args].join(' '))
      return Promise.resolve({ ok: true, value: answers[call] ?? null })
    },
    listen: () => {},
    pathOf: (file) => `/p/${(file as File).name}`,
  }
  const desktop = { install: (app: App) => provideDesktop(app, new Desktop(bridge)) }
  return mount(component, { props, global: { plugins: [createPinia(), i18n, desktop] } })
}

describe('a folder that was dropped', () => {
  const found: ProjectFolder = {
    path: '/p/news',
    name: 'news',
    projectDir: '/p/news',
    settings: 'news.settings',
    python: '/usr/bin/python3',
    pythonVersion: '3.12.0',
    scrapyVersion: null,
    problem: 'no-scrapy',
    remedy: '/usr/bin/python3 -m venv /p/news/.venv && /p/news/.venv/bin/python -m pip install scrapy',
  }

  it('without Scrapy is told what is missing, how to get it, and is looked at again', async () => {
    answers['projects.inspect'] = found
    const page = show(ProjectDrop, { ready: false })
    await page.get('.project-drop').trigger('drop', { dataTransfer: { files: [{ name: 'news' }] } })
    await flushPromises()
    expect(calls).toEqual(['projects.inspect /p/news'])
    expect(page.text()).toContain('Scrapy is not installed for /usr/bin/python3.')
    expect(page.text()).toContain(found.remedy)
    // It can be added to a master that does not run by nobody.
    expect(page.text()).toContain('Launch the local master first')
    expect(page.get('button[type=submit]').attributes('disabled')).toBeDefined()

    answers['projects.inspect'] = { ...found, scrapyVersion: '2.13.0', problem: null, remedy: null }
    await page
      .findAll('button')
      .find((button) => button.text() === 'Look again')
      ?.trigger('click')
    await flushPromises()
    expect(page.text()).toContain('Python 3.12.0, Scrapy 2.13.0')
    await page.setProps({ ready: true })
    await page.get('form').trigger('submit')
    expect(calls.at(-1)).toBe('projects.add /p/news news')
  })

  it.each([
    ['no-python', 'No Python was found for /p/news.', 'sudo apt-get install python3 python3-venv'],
    ['no-scrapy-cfg', 'holds no scrapy.cfg', null],
    ['no-folder', 'There is no such folder: /p/news', null],
  ] as const)('is told of %s', async (problem, says, remedy) => {
    const projectDir = problem === 'no-python' ? found.projectDir : null
    answers['projects.choose'] = { ...found, projectDir, python: null, problem, remedy }
    const page = show(ProjectDrop, { ready: true })
    await page.get('.project-drop button').trigger('click')
    await flushPromises()
    expect(page.text()).toContain(says)
    if (remedy !== null) expect(page.text()).toContain(remedy)
    expect(page.find('button[type=submit]').exists()).toBe(projectDir !== null)
  })
})

describe('the local master', () => {
  const common = { dataDir: '/d', background: false, notifications: { failed: true, nodes: true } }
  const texts = (local: LocalState) => show(LocalMasterPane, { local }).text()

  it('that died says why, and when it is tried again', () => {
    const text = texts({
      ...common,
      state: 'waiting',
      retryAt: Date.now() + 5_000,
      attempt: 3,
      reason: 'The daemon was killed.',
    })
    expect(text).toMatch(/It ended \(The daemon was killed\.\) and is started again in \d+ s, try 3 of 5\./)
    expect(text).toContain('Launch')
  })

  it.each([
    ['en', 'The local master does not run: The daemon ended with status 3.'],
    ['zh-CN', '本地主节点没有运行：守护进程已退出，状态码 3。'],
  ] as const)('that was given up says so, with the end of its log, in %s', async (language, says) => {
    await showLanguage(language)
    const text = texts({
      ...common,
      state: 'failed',
      reason: 'The daemon ended with status 3.',
      help: 'error: no disk',
    })
    expect(text).toContain(says)
    expect(text).toContain('error: no disk')
  })
})

describe('a test of a connection', () => {
  const certificate = (code: string): TestResult => ({ kind: 'certificate', reason: 'no', code, peer: null })
  it.each<[TestResult, string, string]>([
    [{ kind: 'unreachable', reason: 'the connection was closed (reset)' }, 'Unreachable', '连接被关闭（重置）'],
    [{ kind: 'not-a-master', found: 'slave', reason: 'hq-01' }, 'This is a slave of hq-01.', '这是 hq-01 的从节点。'],
    [{ kind: 'not-a-master', found: 'slave', reason: '' }, 'a slave that no master has yet', '尚未归属任何主节点'],
    [{ kind: 'not-a-master', found: 'scrapyd', reason: '' }, 'a stock Scrapyd server', '原版 Scrapyd'],
    [{ kind: 'wrong-password', username: 'ada' }, 'The master refuses ada with this password.', '拒绝了 ada'],
    [{ kind: 'password-needed' }, 'Password needed', '需要密码'],
    [certificate('CERT_HAS_EXPIRED'), 'It has expired (CERT_HAS_EXPIRED).', '证书已过期（CERT_HAS_EXPIRED）'],
    [certificate('ERR_TLS_CERT_ALTNAME_INVALID'), 'It is not issued for hq.example', '不是颁发给 hq.example 的'],
    [certificate('CERT_REVOKED'), 'TLS says: no (CERT_REVOKED).', 'TLS 报告：no（CERT_REVOKED）'],
  ])('says what is wrong in both languages: %j', async (result, english, chinese) => {
    const text = () => show(TestResultNote, { result, url: 'https://hq.example:6800/' }).text()
    expect(text()).toContain(english)
    await showLanguage('zh-CN')
    expect(text()).toContain(chinese)
  })
})
