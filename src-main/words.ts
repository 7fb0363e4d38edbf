/** Entries whose work the system does. Electron has words for them, but English ones only outside of macOS. */
export type Role =
  | 'services'
  | 'hide'
  | 'hideOthers'
  | 'unhide'
  | 'quit'
  | 'close'
  | 'undo'
  | 'redo'
  | 'cut'
  | 'copy'
  | 'paste'
  | 'pasteAndMatchStyle'
  | 'delete'
  | 'selectAll'
  | 'reload'
  | 'resetZoom'
  | 'zoomIn'
  | 'zoomOut'
  | 'togglefullscreen'
  | 'toggleDevTools'
  | 'minimize'
  | 'zoom'
  | 'front'

/** The words of the native parts: menus, tray, notifications, dialogs. The console has its own. */
export interface Words {
  readonly roles: Readonly<Record<Role, string>>
  readonly ok: string
  readonly file: string
  readonly edit: string
  readonly view: string
  readonly go: string
  readonly window: string
  readonly help: string
  readonly about: string
  readonly clusters: string
  readonly palette: string
  readonly shortcuts: string
  readonly overview: string
  readonly jobs: string
  readonly projects: string
  readonly nodes: string
  readonly forwards: string
  readonly show: string
  readonly noCluster: string
  readonly online: (nodes: number) => string
  readonly offline: (nodes: number) => string
  readonly running: (jobs: number) => string
  readonly unreachable: string
  readonly jobFailed: (project: string, spider: string) => string
  readonly noReason: string
  readonly nodeLost: (node: string) => string
  readonly nodeBack: (node: string) => string
  readonly localEnded: string
  readonly localEndedDetail: string
  readonly quitTitle: (jobs: number) => string
  readonly quitDetail: string
  readonly quitStop: string
  readonly quitKeep: string
  readonly quitStay: string
  readonly chooseFolder: string
  readonly chooseCertificate: string
  readonly exportName: string
  readonly saveFailed: string
  readonly startFailed: string
  readonly linkFailed: (cluster: string) => string
  readonly linkPassword: string
  readonly lookForUpdates: string
  readonly checkNow: string
  readonly updateFound: (version: string) => string
  readonly updateFoundDetail: string
  readonly updateDownload: string
  readonly updateFetched: (version: string) => string
  readonly updateFetchedDetail: string
  readonly updateInstall: string
  readonly updateNewest: string
  readonly updateFailed: string
  readonly later: string
}

export const ENGLISH: Words = {
  roles: {
    services: 'Services',
    hide: 'Hide Scrapyd Service',
    hideOthers: 'Hide Others',
    unhide: 'Show All',
    quit: 'Quit Scrapyd Service',
    close: 'Close Window',
    undo: 'Undo',
    redo: 'Redo',
    cut: 'Cut',
    copy: 'Copy',
    paste: 'Paste',
    pasteAndMatchStyle: 'Paste and Match Style',
    delete: 'Delete',
    selectAll: 'Select All',
    reload: 'Reload',
    resetZoom: 'Actual Size',
    zoomIn: 'Zoom In',
    zoomOut: 'Zoom Out',
    togglefullscreen: 'Toggle Full Screen',
    toggleDevTools: 'Toggle Developer Tools',
    minimize: 'Minimize',
    zoom: 'Zoom',
    front: 'Bring All to Front',
  },
  ok: 'OK',
  file: 'File',
  edit: 'Edit',
  view: 'View',
  go: 'Go',
  window: 'Window',
  help: 'Help',
  about: 'About Scrapyd Service',
  clusters: 'Clusters…',
  palette: 'Go to or run…',
  shortcuts: 'Keyboard shortcuts',
  overview: 'Overview',
  jobs: 'Jobs',
  projects: 'Projects',
  nodes: 'Nodes',
  forwards: 'Forwards',
  show: 'Show window',
  noCluster: 'No cluster is open',
  online: (nodes) => (nodes === 1 ? '1 node online' : `${nodes} nodes online`),
  offline: (nodes) => (nodes === 1 ? '1 node offline' : `${nodes} nodes offline`),
  running: (jobs) => (jobs === 1 ? '1 job running' : `${jobs} jobs running`),
  unreachable: 'Not connected',
  jobFailed: (project, spider) => `${spider} failed (${project})`,
  noReason: 'No reason was recorded',
  nodeLost: (node) => `${node} is offline`,
  nodeBack: (node) => `${node} is back`,
  localEnded: 'The local master does not run any more',
  localEndedDetail: 'It died again and again. Its page among the clusters says why, and launches it anew.',
  quitTitle: (jobs) => (jobs === 1 ? 'Quit and end 1 running spider?' : `Quit and end ${jobs} running spiders?`),
  quitDetail: 'The local master stops with the app. Spiders get 10 s to close; items fetched so far stay.',
  quitStop: 'Quit and end spiders',
  quitKeep: 'Quit, keep running in the background',
  quitStay: 'Stay',
  chooseFolder: 'Choose a folder with scrapy.cfg',
  chooseCertificate: 'Choose a certificate',
  exportName: 'clusters.json',
  saveFailed: 'The file could not be saved',
  startFailed: 'Scrapyd Service could not start',
  linkFailed: (cluster) => `The link to ${cluster} could not be opened`,
  linkPassword: 'Its password is needed: open it from the clusters.',
  lookForUpdates: 'Look for Updates on GitHub',
  checkNow: 'Check for Updates Now…',
  updateFound: (version) => `Version ${version} is available`,
  updateFoundDetail: 'Download it from GitHub now? You are asked again before it is installed.',
  updateDownload: 'Download',
  updateFetched: (version) => `Version ${version} is ready`,
  updateFetchedDetail: 'To install it the app quits.',
  updateInstall: 'Quit and install',
  updateNewest: 'This is the newest version',
  updateFailed: 'The update did not work',
  later: 'Later',
}

export const CHINESE: Words = {
  roles: {
    services: '服务',
    hide: '隐藏 Scrapyd Service',
    hideOthers: '隐藏其他',
    unhide: '全部显示',
    quit: '退出 Scrapyd Service',
    close: '关闭窗口',
    undo: '撤销',
    redo: '重做',
    cut: '剪切',
    copy: '复制',
    paste: '粘贴',
    pasteAndMatchStyle: '粘贴并匹配样式',
    delete: '删除',
    selectAll: '全选',
    reload: '重新加载',
    resetZoom: '实际大小',
    zoomIn: '放大',
    zoomOut: '缩小',
    togglefullscreen: '切换全屏',
    toggleDevTools: '切换开发者工具',
    minimize: '最小化',
    zoom: '缩放',
    front: '前置全部窗口',
  },
  ok: '好',
  file: '文件',
  edit: '编辑',
  view: '显示',
  go: '前往',
  window: '窗口',
  help: '帮助',
  about: '关于 Scrapyd Service',
  clusters: '集群…',
  palette: '前往或运行…',
  shortcuts: '键盘快捷键',
  overview: '概览',
  jobs: '任务',
  projects: '项目',
  nodes: '节点',
  forwards: '转发',
  show: '显示窗口',
  noCluster: '没有打开的集群',
  online: (nodes) => `${nodes} 个节点在线`,
  offline: (nodes) => `${nodes} 个节点离线`,
  running: (jobs) => `${jobs} 个任务运行中`,
  unreachable: '未连接',
  jobFailed: (project, spider) => `${spider} 失败（${project}）`,
  noReason: '没有记录原因',
  nodeLost: (node) => `${node} 离线`,
  nodeBack: (node) => `${node} 已恢复`,
  localEnded: '本地主节点已停止运行',
  localEndedDetail: '它多次异常终止。集群页面会说明原因，并可重新启动。',
  quitTitle: (jobs) => `退出并结束 ${jobs} 个运行中的爬虫？`,
  quitDetail: '本地主节点会随应用一起停止。爬虫有 10 秒时间收尾，已抓取的数据会保留。',
  quitStop: '退出并结束爬虫',
  quitKeep: '退出，后台继续运行',
  quitStay: '留在应用',
  chooseFolder: '选择包含 scrapy.cfg 的文件夹',
  chooseCertificate: '选择证书',
  exportName: 'clusters.json',
  saveFailed: '文件无法保存',
  startFailed: 'Scrapyd Service 无法启动',
  linkFailed: (cluster) => `无法打开指向 ${cluster} 的链接`,
  linkPassword: '需要密码：请从集群列表打开。',
  lookForUpdates: '在 GitHub 上查找更新',
  checkNow: '立即检查更新…',
  updateFound: (version) => `有新版本 ${version}`,
  updateFoundDetail: '现在从 GitHub 下载吗？安装前会再次询问。',
  updateDownload: '下载',
  updateFetched: (version) => `新版本 ${version} 已就绪`,
  updateFetchedDetail: '安装时应用会退出。',
  updateInstall: '退出并安装',
  updateNewest: '已是最新版本',
  updateFailed: '更新失败',
  later: '以后再说',
}

/** The words for the system's language: any Chinese in 简体中文, everything else in English. */
export function wordsFor(locale: string): Words {
  return locale.toLowerCase().startsWith('zh') ? CHINESE : ENGLISH
}
