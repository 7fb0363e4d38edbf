import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'

/** Rows of a table that are made in one frame: more would hold it up on a slow machine. */
const PER_FRAME = 5

/**
 * Which of the rows in view are made: those that are there stay, new ones come a few per frame. A wheel that turns fast only
 * passes most of them. `urgent`: a row that is made at once (the one that has the focus).
 */
export function useGradual(shown: () => readonly number[], urgent: () => number): Ref<ReadonlySet<number>> {
  const made = shallowRef<ReadonlySet<number>>(new Set())
  let frame = 0

  function fill(): void {
    cancelAnimationFrame(frame)
    const next = new Set<number>()
    const indexes = shown()
    let left = PER_FRAME
    for (const index of indexes) {
      if (made.value.has(index) || index === urgent()) next.add(index)
      else if (left > 0) {
        left -= 1
        next.add(index)
      }
    }
    made.value = next
    if (next.size < indexes.length) frame = requestAnimationFrame(fill)
  }

  watch(shown, fill, { immediate: true })
  onScopeDispose(() => cancelAnimationFrame(frame))
  return made
}
