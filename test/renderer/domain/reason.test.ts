// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
import { matchReason, translateReason, type ReasonWords } from '../../../src-renderer/domain/reason.ts'
import { en } from '../../../src-renderer/locales/en.ts'
import { zhCN } from '../../../src-renderer/locales/zh-CN.ts'

const FIGURES: Readonly<Record<string, string>> = {
  n: '7',
  used: '3',
  total: '12',
  seconds: '1.5',
  code: '-9',
  status: '502',
}
const DAEMON = join(import.meta.dirname, '../../../src-daemon')
/** A literal where a reason is given. */
const OWN_WORDS =
  /(?:\b(?:reason|words|behind|refuses): |\b(?:unstartable|nothing|fail)\((?:'[\w-]+', )?|Waits)['`][^'`\n]* .*/g
const FREE = 'odd name (10.0.0.1:6800)'
const fill = (text: string, values: Readonly<Record<string, string>>) =>
  text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '?')
const valuesOf = (sentence: string) =>
  Object.fromEntries([...sentence.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, FIGURES[name] ?? FREE]))

const chinese: ReasonWords = {
  sentence: ({ key, values }) => fill(zhCN.reason[key as ReasonKey], values),
  waits: (nodes) => fill(zhCN.reasons.waits, { nodes }),
  colon: zhCN.reasons.colon,
  semicolon: zhCN.reasons.semicolon,
}
const inChinese = (reason: string) => translateReason(reason, chinese)
/** What of a text is English still, but for what was quoted and names that are the same everywhere. */
const englishIn = (text: string) =>
  text
    .replaceAll(FREE, '')
    .replaceAll(
      /\S*(?:Scrapyd|HTTP|URL|JSON|master_runs_jobs|finish_reason|shutdown|max_proc|\[python\]|python)\S*|Service/gi,
      '',
    )
    .match(/[a-z]{3,}/gi) ?? []

describe('the sentences of the daemon', () => {
  it('are our English words', () => {
    expect(en.reason).toEqual(REASONS)
  })

  it.each(Object.entries(REASONS))('%s is known by its form, and has Chinese words', (key, sentence) => {
    const values = valuesOf(sentence)
    const text = fill(sentence, values)
    expect(matchReason(text)).toEqual({ key, values })
    expect(englishIn(inChinese(text).replaceAll(/https?:\/\//g, ''))).toEqual([])
    for (const name of Object.keys(values)) expect(zhCN.reason[key as ReasonKey]).toContain(`{${name}}`)
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
  })
})

it('no part of the daemon says why in words of its own', () => {
  const folders = ['jobs', 'node', 'cluster', 'runner']
  const own = folders
    .flatMap((folder) => readdirSync(join(DAEMON, folder)).map((file) => join(folder, file)))
    // Why a list of spiders could not be made, or a process not be warm, is told in its own place, and quoted there.
    .filter((file) => file.endsWith('.ts') && !/spider-lister|warm-/.test(file))
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

  it('is quoted where it is not ours', () => {
    for (const text of ['finish_reason: closespider_errorcount', 'ImportError: no module', 'Waits', ''])
      expect(inChinese(text)).toBe(text)
  })
})
