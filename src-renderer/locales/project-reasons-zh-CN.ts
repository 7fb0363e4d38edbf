import type { projectReasonsEn } from './project-reasons-en.ts'

/** 守护进程关于项目和爬虫列表的语句。Python 的异常和输出原样引用。 */
export const projectReasonsZhCN: Readonly<Record<keyof typeof projectReasonsEn, string>> = {
  notListed: '无法列出 {project} 的爬虫：{detail}',
  listTooLong: '列出 {project} 的爬虫超过 {seconds} 秒未完成',
  listTimeout: '列出 {project} 的爬虫超过 {seconds} 秒未完成',
  listTimeoutAt: '列出 {project} 的爬虫超过 {seconds} 秒未完成（当时正在导入 {module}）',
  listEndedWith: '列出 {project} 的爬虫时 Python 退出，退出码 {code}；输出：\n{printed}',
  listEnded: '列出 {project} 的爬虫时 Python 退出，退出码 {code}',
  listKilledWith: '列出 {project} 的爬虫时 Python 被 {signal} 终止；输出：\n{printed}',
  listKilled: '列出 {project} 的爬虫时 Python 被 {signal} 终止',
  importEndedWith: '导入 {module} 时 Python 退出，退出码 {code}；输出：\n{printed}',
  importEnded: '导入 {module} 时 Python 退出，退出码 {code}',
  importKilledWith: '导入 {module} 时 Python 被 {signal} 终止；输出：\n{printed}',
  importKilled: '导入 {module} 时 Python 被 {signal} 终止',

  notUsable: '项目 {project} 无法使用：{detail}',
  notAFolder: '{path} 不是目录',
  folderUnread: '无法读取目录 {path}：{detail}',
  noScrapyCfg: '{path} 中没有 scrapy.cfg，上下两级目录内也没有',
  missing: '不存在',
  noSettings: '没有指定设置模块；写法为 `{line}`',
  noEntry: '既没有 {project} 项，也没有 default 项，只有 {entries}',

  badProject: '项目名无效：{detail}',
  badPath: '路径无效：{detail}',
  pathHoldsNul: '包含 NUL 字符',
  relativePath: '{given} 不是绝对路径',
  pathNeeded: '必须指定路径：该节点没有设置 local_crawler_code_path',
  nameNeeded: '项目需要名称',
  notAName: '{name} 不能作为项目名',
  nameHoldsSlash: '项目名不能包含 / 和 \\',
  nameHoldsControl: '项目名不能包含控制字符',
  nameTooLong: '项目名最多 {n} 个字符',
  nameTooLarge: '项目名的 UTF-8 编码最多 {n} 字节',
}
