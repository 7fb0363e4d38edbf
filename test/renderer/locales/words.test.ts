// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { i18n, showLanguage } from '../../../src-renderer/i18n.ts'

Object.assign(globalThis, { document: { documentElement: { lang: '' } } })
await showLanguage('en')
await showLanguage('zh-CN')

const say = (locale: 'en' | 'zh-CN', key: string, values: Record<string, unknown> = {}, plural = 1) =>
  i18n.global.t(key, values, { plural, locale })
const both = (key: string, values: Record<string, unknown> = {}, plural = 1) =>
  [say('en', key, values, plural), say('zh-CN', key, values, plural)] as const

/** The words that users of Scrapyd and of its consoles meet everywhere, in both languages. */
const GLOSSARY: readonly (readonly [key: string, english: string, chinese: string])[] = [
  ['desktop.cluster', 'Cluster', '集群'],
  ['node.master', 'master', '主节点'],
  ['column.node', 'Node', '节点'],
  ['state.online', 'Online', '在线'],
  ['state.offline', 'Offline', '离线'],
  ['state.unknown', 'Unknown', '未知'],
  ['node.pause', 'Pause', '暂停'],
  ['node.resume', 'Resume', '恢复'],
  ['slots', 'Slots', '运行槽位'],
  ['column.latency', 'Latency, 15 min', '延迟（15 分钟）'],
  ['nav.projects', 'Projects', '项目'],
  ['project.add', 'Add project', '添加项目'],
  ['project.remove', 'Remove project', '移除项目'],
  ['column.spider', 'Spider', '爬虫'],
  ['project.notLoaded', 'Could not be loaded', '无法加载'],
  ['nav.jobs', 'Jobs', '任务'],
  ['job.id', 'Job id', '任务 ID'],
  ['run.arguments', 'Arguments', '参数'],
  ['run.settings', 'Settings', '设置'],
  ['run.priority', 'Priority', '优先级'],
  ['job.pinned', 'Pinned to', '指定节点'],
  ['run.anyNode', 'Any node', '任意节点'],
  ['action.pull', 'Pull code', '拉取代码'],
  ['job.commit', 'Commit', '提交'],
  ['code.dirty', 'local changes', '本地有改动'],
  ['column.duration', 'Duration', '运行时长'],
  ['column.started', 'Started', '开始时间'],
  ['column.ended', 'Ended', '结束时间'],
  ['desktop.local.title', 'Local master', '本地主节点'],
  ['desktop.local.launch', 'Launch', '启动'],
  ['desktop.local.stop', 'Stop', '停止'],
  ['action.run', 'Run', '运行'],
  ['action.runAgain', 'Run again', '重新运行'],
  ['action.cancelJob', 'Cancel job', '取消任务'],
  ['action.runAnyway', 'Run anyway', '仍然运行'],
  ['state.pending', 'Pending', '等待中'],
  ['state.starting', 'Starting', '启动中'],
  ['state.running', 'Running', '运行中'],
  ['state.finished', 'Finished', '已完成'],
  ['state.failed', 'Failed', '失败'],
  ['state.cancelled', 'Cancelled', '已取消'],
  ['state.lost', 'Lost', '丢失'],
  ['jobs.outcome', 'Outcome', '运行结果'],
  ['column.reason', 'Reason', '原因'],
  ['job.exit', 'Exit code', '退出码'],
  ['job.signal', 'Signal', '信号'],
  ['job.tab.log', 'Log', '日志'],
  ['shortcuts.keys.follow', 'Follow, pause', '跟随、暂停'],
  ['log.nextError', 'Next error', '下一个错误'],
  ['log.wrap', 'Wrap lines', '自动换行'],
  ['column.items', 'Items', '数据'],
  ['job.pages', 'Pages', '页面'],
  ['job.responses', 'Responses', '响应'],
  ['job.tab.stats', 'Stats', '统计'],
  ['nav.forwards', 'Forwards', '转发'],
  ['forward.drop', 'Drop', '断开'],
  ['attention.title', 'Needs attention', '需要处理'],
  ['session.signIn', 'Sign in', '登录'],
  ['session.signOut', 'Sign out', '退出登录'],
  // Dialogs do not end with "Cancel", which is a job's word.
  ['action.close', 'Close', '关闭'],
  ['action.keepRunning', 'Keep running', '继续运行'],
  ['node.keep', 'Keep node', '保留节点'],
]

describe('the words', () => {
  it.each(GLOSSARY)('%s', (key, english, chinese) => expect(both(key)).toEqual([english, chinese]))

  it('count what is behind, ahead and tried again', () => {
    expect(both('code.behind', { n: 2 }, 2)).toEqual(['2 behind', '落后 2'])
    expect(both('code.ahead', { n: 1 })).toEqual(['1 ahead', '领先 1'])
    expect(both('job.moment.sent', { node: 'a', n: 2 }, 2)).toEqual(['Sent to a, attempt 2', '派发到 a，第 2 次'])
    expect(say('en', 'age.day', { n: 1 }, 1)).toBe('1 day')
    expect(say('en', 'age.day', { n: 41 }, 41)).toBe('41 days')
  })
})

describe('the sentences', () => {
  it.each([
    [
      'node.refusedBy',
      { address: '10.20.0.23:6800' },
      'Connection refused by 10.20.0.23:6800.',
      '10.20.0.23:6800 拒绝连接。',
    ],
    [
      'node.startThere',
      { command: 'systemctl start scrapyd-service' },
      'Start the daemon there with systemctl start scrapyd-service.',
      '在该机器上执行 systemctl start scrapyd-service 启动服务。',
    ],
    [
      'reason.fullAll',
      { n: 3, project: 'newspapers' },
      'Waits: no free slot on the 3 nodes that have newspapers',
      '等待中：部署了 newspapers 的 3 个节点都没有空闲槽位',
    ],
    [
      'cancel.textMany',
      {},
      'They get 10 s to close. Items fetched so far stay.',
      '有 10 秒时间收尾，已抓取的数据会保留。',
    ],
    [
      'project.removeTitle',
      { project: 'newspapers' },
      'Remove newspapers from all nodes?',
      '从所有节点移除 newspapers？',
    ],
    ['project.removeText', {}, 'The code stays on disk.', '磁盘上的代码不会删除。'],
    ['project.removeJobsRunning', { n: 2 }, '2 running jobs go on', '2 个运行中的任务继续', 2],
    ['project.removeJobsPending', { n: 3 }, '3 pending ones are cancelled', '3 个等待中的会取消', 3],
    [
      'cancel.stored',
      {},
      'The node is offline. The cancel is stored and sent when it is back.',
      '节点离线。取消请求已保存，节点恢复后执行。',
    ],
    [
      'anyway.text',
      { node: 'crawl-03' },
      'The spider may still be running on crawl-03 and fetch the same pages twice.',
      '爬虫可能还在 crawl-03 上运行，同样的页面可能抓取两次。',
    ],
    [
      'attention.noneSince',
      { ago: '3 h ago' },
      'Nothing needs attention. Last failure 3 h ago.',
      '没有需要处理的事项。上次失败：3 h ago。',
    ],
  ])('%s', (key, values, english, chinese, plural = 1) => expect(both(key, values, plural)).toEqual([english, chinese]))

  it('ask about running and pending jobs at once', () => {
    const [english, chinese] = (['en', 'zh-CN'] as const).map((locale) =>
      say(locale, 'cancel.titleBoth', {
        running: say(locale, 'cancel.running', { n: 2 }, 2),
        pending: say(locale, 'cancel.pending', { n: 1 }),
      }),
    )
    expect(english).toBe('Cancel 2 running jobs and 1 pending?')
    expect(chinese).toBe('取消 2 个运行中和 1 个等待中的任务？')
  })
})

it('leaves no space between a number of ten thousands and what is counted', () => {
  expect(say('zh-CN', 'overview.pages', { n: '191 万' })).toBe('来自 191 万个页面')
  expect(say('zh-CN', 'overview.pages', { n: '4,416' })).toBe('来自 4,416 个页面')
  expect(say('en', 'overview.pages', { n: '1.91 M' })).toBe('from 1.91 M pages')
})
