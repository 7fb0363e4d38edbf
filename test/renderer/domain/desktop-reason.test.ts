import { describe, expect, it } from 'vitest'
import { NO_ANSWER, REASONS } from '../../../src-daemon/api/client/unreachable.ts'
import { explainEnd } from '../../../src-main/local-end.ts'
import { certificateMessage, matchDesktopReason } from '../../../src-renderer/domain/desktop-reason.ts'
import { desktopEn } from '../../../src-renderer/locales/desktop-en.ts'
import { desktopZhCN } from '../../../src-renderer/locales/desktop-zh-CN.ts'

const filled = (words: Readonly<Record<string, string>>, reason: string): string | null => {
  const match = matchDesktopReason(reason)
  if (match === null) return null
  return (words[match.key] ?? '').replaceAll(/\{(\w+)\}/g, (_, name: string) => match.values[name] ?? '')
}

describe('sentences of the main process', () => {
  it.each([
    ...([75, 3, null, 'silent'] as const).map((code) => explainEnd(code, '')[0]),
    explainEnd(75, '/d is in use by the scrapyd-service with pid 7')[0],
    'It runs already (process 12), but does not answer: no answer in time',
    'There is a cluster of the name press already.',
    'ca.crt is not a certificate in PEM: Error: no start line',
    'This is not a file of exported clusters: clusters.0.url: wrong',
    "the system's secret store refuses (Error while encrypting)",
    ...Object.values(REASONS),
    NO_ANSWER,
    ...Object.values(desktopEn.reason).map((words) => words.replaceAll(/\{\w+\}/g, '1')),
  ])('%s is said in both languages', (reason) => {
    expect(filled(desktopEn.reason, reason)).toBe(reason)
    expect(filled(desktopZhCN.reason, reason)).toMatch(/\p{Script=Han}/u)
  })

  it('are known behind the name of a call', () =>
    expect(matchDesktopReason(`clusters.save: url: ${desktopEn.reason.badUrl}`)?.key).toBe('badUrl'))

  it('are told apart from other words', () => expect(matchDesktopReason('TLS is angry')).toBeNull())
})

describe('what TLS has against a certificate', () => {
  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /signed by itself/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /does not know its issuer/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /does not know its issuer/],
    ['CERT_HAS_EXPIRED', /expired/],
    ['CERT_NOT_YET_VALID', /not valid yet/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /not issued for \{host\}/],
    ['PINNED_CERTIFICATE', /not the pinned one/],
    ['CERT_REVOKED', /TLS says: \{reason\}/],
  ])('%s is said in both languages, with the code', (code, english) => {
    for (const [words, says] of [
      [desktopEn.certificateProblem, english],
      [desktopZhCN.certificateProblem, /\p{Script=Han}.*|TLS/u],
    ] as const) {
      const text = (words as Readonly<Record<string, string>>)[certificateMessage(code)]
      expect(text).toMatch(says)
      expect(text).toContain('{code}')
    }
  })
})
