import { defineStore } from 'pinia'
import { computed, reactive, readonly, ref, watch } from 'vue'

export const LANGUAGES = ['en', 'zh-CN'] as const
export type Language = (typeof LANGUAGES)[number]
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** What an operator chose for this browser. */
export interface Preferences {
  language: Language | 'system'
  theme: Theme
  /** Single-letter shortcuts; those with ⌘ or Ctrl always work. */
  shortcuts: boolean
  /** Height of the pull dock in px. */
  dockHeight: number
  openJobAfterRun: boolean
}

const STORAGE_KEY = 'scrapyd-service.console'
const DEFAULTS: Preferences = {
  language: 'system',
  theme: 'system',
  shortcuts: true,
  dockHeight: 340,
  openJobAfterRun: true,
}

/** The operator's choices, kept in the browser and shared with its other tabs. */
export const usePreferencesStore = defineStore('preferences', () => {
  const chosen = reactive<Preferences>({ ...DEFAULTS, ...read() })
  const systemIsDark = ref(false)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  systemIsDark.value = dark.matches
  dark.addEventListener('change', ({ matches }) => (systemIsDark.value = matches))
  addEventListener('storage', ({ key }) => {
    if (key === STORAGE_KEY) Object.assign(chosen, DEFAULTS, read())
  })
  watch(chosen, (value) => write(value))

  const isDark = computed(() => (chosen.theme === 'system' ? systemIsDark.value : chosen.theme === 'dark'))
  const language = computed<Language>(() => (chosen.language === 'system' ? systemLanguage() : chosen.language))

  return { chosen, isDark: readonly(isDark), language: readonly(language) }
})

/** The browser's first language that the console has: any Chinese is served in 简体中文, everything else in English. */
function systemLanguage(): Language {
  for (const tag of navigator.languages) {
    if (tag.toLowerCase().startsWith('zh')) return 'zh-CN'
    if (tag.toLowerCase().startsWith('en')) return 'en'
  }
  return 'en'
}

function read(): Partial<Preferences> {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}')
    if (typeof saved !== 'object' || saved === null) return {}
    // Only what is still known and of the right kind: an older console may have written something else.
    return Object.fromEntries(
      Object.entries(saved).filter(([name, value]) => typeof value === typeof DEFAULTS[name as keyof Preferences]),
    )
  } catch {
    return {}
  }
}

function write(value: Preferences): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(value))
  } catch {
    // Storage is full or forbidden: the choice holds until the tab is closed.
  }
}
