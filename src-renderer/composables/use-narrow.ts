import { onScopeDispose, readonly, ref, type Ref } from 'vue'

/** Whether the window is so narrow that what stands beside the content goes below it (as the media queries say). */
export function useNarrow(): Readonly<Ref<boolean>> {
  const query = matchMedia('(max-width: 1200px)')
  const isNarrow = ref(query.matches)
  const follow = () => (isNarrow.value = query.matches)
  query.addEventListener('change', follow)
  onScopeDispose(() => query.removeEventListener('change', follow))
  return readonly(isNarrow)
}
