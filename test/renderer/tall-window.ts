import { afterEach, beforeEach, vi } from 'vitest'

/** Gives every element a size, which the virtual lists of a page need to show rows: happy-dom lays nothing out. */
export function useTallWindow(height = 900): void {
  beforeEach(() => {
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(height)
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1_200)
  })
  afterEach(() => vi.restoreAllMocks())
}
