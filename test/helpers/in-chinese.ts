import { translateReason, type ReasonWords } from '../../src-renderer/domain/reason.ts'
import { zhCN } from '../../src-renderer/locales/zh-CN.ts'

/** A text with its places filled. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '?')
}

const WORDS: ReasonWords = {
  sentence: ({ key, values }) => fill(zhCN.reason[key as keyof typeof zhCN.reason], values),
  waits: (nodes) => fill(zhCN.reasons.waits, { nodes }),
  colon: zhCN.reasons.colon,
  semicolon: zhCN.reasons.semicolon,
}

/** What the Chinese console makes of a reason as the daemon wrote it. */
export function inChinese(reason: string): string {
  return translateReason(reason, WORDS)
}
