import { beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, shallowRef } from 'vue'
import { useGradual } from '../../../src-renderer/composables/use-gradual.ts'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, step) => from + step)

describe('useGradual', () => {
  let frames: Map<number, () => void>

  beforeEach(() => {
    frames = new Map()
    let last = 0
    vi.stubGlobal('requestAnimationFrame', (frame: () => void) => {
      frames.set(++last, frame)
      return last
    })
    vi.stubGlobal('cancelAnimationFrame', (id: number) => frames.delete(id))
    return () => vi.unstubAllGlobals()
  })

  function frame(): void {
    const due = [...frames.values()]
    frames.clear()
    for (const each of due) each()
  }

  function open(urgent = -1) {
    const shown = shallowRef<readonly number[]>(range(0, 12))
    const scope = effectScope()
    const made = scope.run(() =>
      useGradual(
        () => shown.value,
        () => urgent,
      ),
    )!
    return { shown, made, scope }
  }

  it('makes a few rows per frame until all are made', () => {
    const { made } = open()
    expect([...made.value]).toEqual(range(0, 5))
    frame()
    expect([...made.value]).toEqual(range(0, 10))
    frame()
    expect([...made.value]).toEqual(range(0, 12))
    expect(frames.size).toBe(0)
  })

  it('keeps rows that stay in view, forgets those that leave, and makes none that was only passed', async () => {
    const { made, shown } = open()
    shown.value = range(4, 16)
    await nextTick()
    expect([...made.value]).toEqual([...range(4, 5), ...range(5, 10)])
    shown.value = range(1_000, 1_012)
    await nextTick()
    expect([...made.value]).toEqual(range(1_000, 1_005))
    expect(frames.size).toBe(1)
  })

  it('makes an urgent row at once', () => {
    expect([...open(11).made.value]).toEqual([...range(0, 5), 11])
  })

  it('asks for no frame after its end', () => {
    const { scope } = open()
    scope.stop()
    expect(frames.size).toBe(0)
  })
})
