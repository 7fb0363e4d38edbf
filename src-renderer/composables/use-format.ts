import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { createFormat, type Format } from '../domain/format.ts'

const cache = new Map<string, Format>()

/** Numbers, times and durations in the page's language. */
export function useFormat(): Format {
  const { t, locale } = useI18n()
  const format: ComputedRef<Format> = computed(() => {
    const known = cache.get(locale.value)
    if (known !== undefined) return known
    const created = createFormat(locale.value, (key, values, plural) => t(key, values, plural))
    cache.set(locale.value, created)
    return created
  })
  // Every use reads the format of the language that is shown now.
  return new Proxy({} as Format, { get: (_, name) => format.value[name as keyof Format] })
}
