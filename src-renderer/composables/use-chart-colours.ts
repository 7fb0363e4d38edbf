import { computed, type ComputedRef } from 'vue'
import { usePreferencesStore } from '../stores/preferences.ts'

const TOKENS = {
  text: '--text',
  text2: '--text-2',
  text3: '--text-3',
  line: '--line',
  surface: '--surface',
  raised: '--raised',
  run: '--fill-run',
  ok: '--fill-ok',
  bad: '--fill-bad',
  can: '--fill-can',
  lost: '--fill-lost',
  mut: '--fill-mut',
  ui: '--ui',
} as const

export type ChartColours = Readonly<Record<keyof typeof TOKENS, string>>

/** The tokens as values, for canvases that cannot read CSS variables; new ones when the theme changes. */
export function useChartColours(): ComputedRef<ChartColours> {
  const preferences = usePreferencesStore()
  return computed(() => {
    // Read for its dependency: the class on the root has been changed by then.
    void preferences.isDark
    const style = getComputedStyle(document.documentElement)
    const entries = Object.entries(TOKENS).map(([name, token]) => [name, style.getPropertyValue(token).trim()])
    return Object.fromEntries(entries) as ChartColours
  })
}
