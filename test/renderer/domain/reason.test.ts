// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { REASONS, reasonText, type ReasonKey } from '../../../src-daemon/api/contract/reasons.ts'
import { placeJob, type Candidate } from '../../../src-daemon/cluster/balancer.ts'
import {
  JobNotFoundError,
  NodeNotFoundError,
  ProjectNotFoundError,
  SpiderNotFoundError,
  VersionNotFoundError,
} from '../../../src-daemon/errors.ts'
import { outcomeOf } from '../../../src-daemon/jobs/outcome.ts'
import type { EndRecord } from '../../../src-daemon/runner/run.ts'
import { matchReason } from '../../../src-renderer/domain/reason.ts'
import { en } from '../../../src-renderer/locales/en.ts'
import { zhCN } from '../../../src-renderer/locales/zh-CN.ts'
import { fill, inChinese } from '../../helpers/in-chinese.ts'

/** What stands in places that have a form. */
const EXAMPLES: Readonly<Record<string, string>> = {
  n: '7',
  used: '3',
  total: '12',
  seconds: '1.5',
  code: '-9',
  status: '502',
  path: '/a/b c: d',
  root: '/a/b c',
  folder: '/a (1)',
  file: '/a/b (1)',
  commit: 'a81d40f0c1d2',
  from: 'a81d40f0c1d2',
  to: 'no commit',
  commits: '3 commits',
  verb: 'submodule',
  pid: '77',
  machine: 'c1.lan',
  remote: 'up stream',
  files: 'a.py, b (1).py',
  pulled: 'already up to date at a81d40f0c1d2',
}
const DAEMON = join(import.meta.dirname, '../../../src-daemon')
/** A literal where a reason is given. */
const OWN_WORDS =
  /(?:\b(?:reason|words|behind|refuses|problem): |\b(?:unstartable|nothing|fail)\((?:'[\w-]+', )?|\b(?:Git|Runner|ProjectUnusable)Error\(\s*|Waits)['`][^'`\n]* .*/g
const FREE = 'odd name (10.0.0.1:6800)'
const placesOf = (sentence: string) => [...new Set(sentence.match(/\{\w+\}/g))].toSorted()
const valuesOf = (sentence: string) =>
  Object.fromEntries([...sentence.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, EXAMPLES[name] ?? FREE]))

/** vue-i18n, without the type of every key. */
type Written = { readonly global: { readonly t: (key: string, values: object) => string } }

/** What of a text is English still, but for what was quoted and names that are the same everywhere. */
const englishIn = (text: string) =>
  text
    .replaceAll(FREE, '')
    .replaceAll(EXAMPLES.remote ?? '', '')
    .replaceAll(EXAMPLES.verb ?? '', '')
    .replaceAll(EXAMPLES.machine ?? '', '')
    .replaceAll(
      /\S*(?:Scrapyd|HTTP|URL|JSON|master_runs_jobs|finish_reason|shutdown|max_proc|\[python\]|python)\S*|Service/gi,
      '',
    )
    .replaceAll(/git stash apply|ssh-agent|scrapy\.cfg|pull_code_by_git|local_crawler_code_path/g, '')
    .replaceAll(/\[cluster\]|`branch`|\b(?:git|SSH|HEAD|origin|default|NUL|UTF)\b/gi, '')
    .match(/[a-z]{3,}/gi) ?? []

describe('the sentences of the daemon', () => {
  it('are our English words', () => {
    expect(en.reason).toEqual(REASONS)
  })

  it.each(Object.entries(REASONS))('%s is known by its form, and has Chinese words', (key, sentence) => {
    const values = valuesOf(sentence)
    const text = fill(sentence, values)
    expect(placesOf(zhCN.reason[key as ReasonKey])).toEqual(placesOf(sentence))
    expect(matchReason(text)).toEqual({ key, values })
    expect(englishIn(inChinese(text).replaceAll(/https?:\/\//g, ''))).toEqual([])
  })

  it('come out of the messages as they are written', () => {
    const messages = { en: { reason: en.reason }, 'zh-CN': { reason: zhCN.reason } }
    for (const locale of ['en', 'zh-CN'] as const) {
      const { t } = (createI18n({ legacy: false, locale, messages } as never) as unknown as Written).global
      for (const [key, sentence] of Object.entries<string>(messages[locale].reason)) {
        const values = valuesOf(sentence)
        expect(t(`reason.${key}`, values)).toBe(fill(sentence, values))
      }
    }
  })

  it('are made by these forms', () => {
    expect(reasonText('fullOn', { node: 'crawl-01', used: 3, total: 4 })).toBe(
      'Waits: no free slot on crawl-01 (3 of 4)',
    )
    expect(reasonText('cancelled')).toBe('Cancelled before it was started')
    expect(new ProjectNotFoundError('press').message).toBe(reasonText('noProject', { project: 'press' }))
    expect(new JobNotFoundError('a1').message).toBe(reasonText('noJob', { id: 'a1' }))
    expect(new NodeNotFoundError('n1').message).toBe(reasonText('noNodeNamed', { node: 'n1' }))
    expect(new VersionNotFoundError('c1').message).toBe(reasonText('noVersion', { version: 'c1' }))
    expect(new SpiderNotFoundError('bbc').message).toBe(reasonText('noSuchSpider', { spider: 'bbc' }))
    const modules = ['press.a', 'press.b', 'press.c', 'press.d']
    expect(new SpiderNotFoundError('bbc', modules).message).toBe(
      reasonText('noSuchSpiderOf', { spider: 'bbc', modules: 'press.a, press.b, press.c, …' }),
    )
  })
})

describe('what became of a pull', () => {
  const stashed = ['a.py', 'b.py, c.py']
    .map((files) => reasonText('stashed', { files, commit: 'a81d40f0c1d2' }))
    .concat(reasonText('stashedMore', { files: 'lib/d.py', n: 3, commit: 'b81d40f0c1d2' }))
    .join('; ')
  const kept =
    '本地改动已保存：a.py（恢复：git stash apply a81d40f0c1d2）；b.py, c.py（恢复：git stash apply a81d40f0c1d2）；' +
    'lib/d.py 和另外 3 个文件（恢复：git stash apply b81d40f0c1d2）'
  const failed = reasonText('notBrought', {
    root: '/srv/press',
    commit: 'c81d40f0c1d2',
    branch: 'main',
    detail: reasonText('gitSaid', {
      cause: reasonText('diskFull', { root: '/srv/press' }),
      said: 'error: unable to write file x: No space left on device; but (git: not this)',
    }),
  })
  const told =
    '无法将 /srv/press 更新到 main 的 c81d40f0c1d2：/srv/press 所在磁盘已满' +
    '（git：error: unable to write file x: No space left on device; but (git: not this)）'

  it('is taken apart where edits were put aside before it failed', () => {
    expect(inChinese(reasonText('editsAsideAfter', { failed, stashed }))).toBe(`${told}；${kept}`)
  })

  it('is taken apart where the code came, but cannot be listed', () => {
    const pulled = [
      reasonText('pulledTo', { from: 'no commit', to: 'c81d40f0c1d2' }),
      '2 files changed, 5 insertions(+)',
      reasonText('switched', { before: 'main', branch: 'develop' }),
      reasonText('editsAside', { stashed }),
    ].join('; ')
    const detail = reasonText('listEndedWith', { project: 'press', code: 78, printed: 'Python 3.9 is needed; but: no' })
    expect(inChinese(reasonText('pulledBut', { pulled, detail }))).toBe(
      `没有提交 → c81d40f0c1d2；2 files changed, 5 insertions(+)；已从 main 切换到 develop；${kept}；但是：` +
        '列出 press 的爬虫时 Python 退出，退出码 78；输出：\nPython 3.9 is needed; but: no',
    )
  })

  it('is known behind the names of nodes, and beside other reasons', () => {
    const reasons = [
      `hq-01: ${reasonText('badPath', { detail: reasonText('noFolder', { path: '/srv/press' }) })}`,
      `crawl-01: ${reasonText('offlineNow', { detail: reasonText('refused') })}`,
      reasonText('getsItLater'),
      `crawl-02: ${reasonText('notListed', { project: 'press', detail: 'SyntaxError: invalid syntax' })}`,
      `crawl-03: ${failed}`,
    ].join('; ')
    expect(inChinese(reasons)).toBe(
      'hq-01：路径无效：目录 /srv/press 不存在；crawl-01：离线（拒绝连接）；节点恢复后再执行此变更；' +
        `crawl-02：无法列出 press 的爬虫：SyntaxError: invalid syntax；crawl-03：${told}`,
    )
  })

  it('keeps the words of git and Python that look like ours', () => {
    for (const text of ['fatal: a -> b; but no', 'error: (git: x) y; z', "Traceback\nKeyError: 'x; y: z'"])
      expect(inChinese(text)).toBe(text)
  })
})

it('no part of the daemon says why in words of its own', () => {
  const folders = ['jobs', 'node', 'cluster', 'runner', 'projects']
  const own = folders
    .flatMap((folder) => readdirSync(join(DAEMON, folder)).map((file) => join(folder, file)))
    // Why a process could not be warm, and what is wrong with an interpreter, is told in the daemon's own log only.
    .filter((file) => file.endsWith('.ts') && !/warm-|interpreter/.test(file))
    .flatMap((file) => {
      const found = readFileSync(join(DAEMON, file), 'utf8').match(OWN_WORDS) ?? []
      return found.map((words) => `${file}: ${words}`)
    })
  expect(own).toEqual([])
})

describe('why a job waits', () => {
  const node = (more: Partial<Candidate>): Candidate => ({
    id: more.name ?? 'a',
    name: 'a',
    online: true,
    problem: null,
    paused: false,
    used: 0,
    capacity: 2,
    hasProject: true,
    hasSpider: true,
    behind: null,
    refuses: null,
    ...more,
  })
  const full = node({ used: 2 })
  const paused = node({ paused: true })
  const away = node({ online: false })

  it.each<[string, string | null, readonly Candidate[], string]>([
    ['no node', null, [], '等待中：没有节点接收任务'],
    ['no such node', 'x', [full], '等待中：节点 x 不在此集群中'],
    ['no project', null, [node({ hasProject: false })], '等待中：没有节点部署 press'],
    ['not there', 'a', [node({ hasProject: false })], '等待中：a 未部署 press'],
    ['no spider', null, [node({ hasSpider: false })], '等待中：各节点的 press 都没有爬虫 bbc'],
    ['full', null, [full], '等待中：a 没有空闲槽位（2 / 2）'],
    ['all full', null, [full, full], '等待中：部署了 press 的 2 个节点都没有空闲槽位'],
    ['paused', null, [paused], '等待中：a 已暂停'],
    ['all paused', null, [paused, node({ name: 'b', paused: true })], '等待中：a, b 均已暂停'],
    ['away', null, [away], '等待中：唯一部署 press 的节点 a 已离线'],
    ['all away', null, [away, away], '等待中：部署了 press 的 2 个节点都已离线'],
    [
      'each for a reason of its own',
      null,
      [
        paused,
        node({ name: 'b', online: false }),
        node({ name: 'c', refuses: reasonText('nodeFull', { n: 2 }) }),
        node({ name: 'd', behind: reasonText('notKnownWith', { detail: 'connection refused' }) }),
        node({ name: 'e', online: false, problem: 'EODD: never heard of' }),
      ],
      '等待中：a：已暂停；b：离线；c：该节点的 2 个槽位都在使用中；d：该节点的最新状态尚不可知（拒绝连接）；e: EODD: never heard of',
    ],
  ])('%s', (_, pinned, nodes, wanted) => {
    const { reason } = placeJob('press', 'bbc', pinned, nodes)
    expect(inChinese(reason ?? '')).toBe(wanted)
  })
})

describe('how a job ended', () => {
  const end: EndRecord = {
    seen: 'exit',
    startedAt: 1_000,
    endedAt: 6_000,
    exitCode: 0,
    signal: null,
    finishReason: null,
    stats: null,
    outputTail: null,
    reason: null,
  } as unknown as EndRecord

  it.each<[Partial<EndRecord>, string | null | undefined, string]>([
    [{ seen: 'rebooted' }, undefined, '运行期间所在机器重启'],
    [{ seen: 'unstartable' }, undefined, '爬虫无法启动'],
    [
      { seen: 'gone', outputTail: 'Killed' },
      undefined,
      '已被终止，状态未知：爬虫和监护进程都已消失，没有留下记录：Killed',
    ],
    [{ signal: 'SIGKILL', exitCode: null }, undefined, '被 SIGKILL 终止，并非本系统发出（可能内存不足）'],
    [{ signal: 'SIGSEGV', exitCode: null }, undefined, '被 SIGSEGV 终止，并非本系统发出'],
    [{ exitCode: 2 }, undefined, '退出码 2'],
    [{ exitCode: 1, outputTail: 'a\nKeyError: 1\n' }, undefined, '退出码 1：KeyError: 1'],
    [{ finishReason: 'shutdown' }, undefined, '被并非本系统发出的信号停止（finish_reason：shutdown）'],
    [{ stats: { 'log_count/ERROR': 1 } }, undefined, '没有响应、没有数据，有 1 条错误'],
    [{ stats: { 'log_count/ERROR': 3 }, outputTail: 'x' }, undefined, '没有响应、没有数据，有 3 条错误：x'],
    [{ startedAt: null }, 'ann', 'ann 在任务启动前取消'],
    [{}, null, '运行 5 秒后取消'],
    [{}, 'ann', 'ann 在运行 5 秒后取消'],
    [{ signal: 'SIGKILL' }, 'ann', 'ann 在运行 5 秒后取消；未能及时收尾，已强制终止'],
  ])('%j, cancelled by %s: %s', (part, by, wanted) => {
    const context = { cancelAsked: by !== undefined, cancelledBy: by ?? null, lastLoggedError: null }
    expect(inChinese(outcomeOf({ ...end, ...part }, context).reason ?? '')).toBe(wanted)
  })

  it('is said of a project that cannot be loaded, with Python\u2019s own words', () => {
    const traceback = 'Traceback (most recent call last):\n  File "/srv/a.py", line 1\nKeyError: \'a; b: c\''
    const reason = reasonText('notListed', { project: 'press', detail: traceback })
    expect(inChinese(reason)).toBe(`无法列出 press 的爬虫：${traceback}`)
  })

  it('is quoted where it is not ours', () => {
    for (const text of ['finish_reason: closespider_errorcount', 'ImportError: no module', 'Waits', ''])
      expect(inChinese(text)).toBe(text)
  })
})
