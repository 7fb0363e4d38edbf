import { createI18n } from 'vue-i18n'
import { en, type Messages } from './locales/en.ts'
import type { Language } from './stores/preferences.ts'

/** The console's words. English is always there; Chinese is loaded when it is wanted. */
export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en } as never,
  // A space stands between Han and other characters, not behind the ten thousands of a number.
  postTranslation: (text) =>
    typeof text === 'string' ? text.replaceAll(/(?<=\d [\u4E07\u4EBF]) (?=\p{Script=Han})/gu, '') : text,
})

/** Switches the words of the whole page, and its `lang`. */
export async function showLanguage(language: Language): Promise<void> {
  if (language === 'zh-CN') {
    const { zhCN } = await import('./locales/zh-CN.ts')
    i18n.global.setLocaleMessage('zh-CN', zhCN as never)
  }
  i18n.global.locale.value = language
  document.documentElement.lang = language
}
