import { z } from 'zod'

/** Where the window was, as it is saved. */
export const windowState = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().min(1),
  height: z.int().min(1),
  maximized: z.boolean(),
})
export type WindowState = z.infer<typeof windowState>

interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The console's layout needs this width (design: minimum 1024). */
export const MINIMUM = { width: 1024, height: 640 } as const
const DEFAULT = { width: 1440, height: 900 } as const
/** So much of the window has to be on a screen, or it cannot be grabbed. */
const VISIBLE = 100

/** The bounds to open with: where it was, unless that screen is gone; never larger than the screen. */
export function restoredBounds(
  saved: WindowState | null,
  screens: readonly Area[],
): Partial<Area> & { width: number; height: number } {
  if (saved === null) return fit(DEFAULT, screens[0])
  const screen = screens.find(
    (area) =>
      Math.min(saved.x + saved.width, area.x + area.width) - Math.max(saved.x, area.x) >= VISIBLE &&
      saved.y >= area.y &&
      saved.y <= area.y + area.height - VISIBLE,
  )
  const size = fit(saved, screen ?? screens[0])
  return screen === undefined ? size : { x: saved.x, y: saved.y, ...size }
}

function fit(size: { width: number; height: number }, screen: Area | undefined): { width: number; height: number } {
  return {
    width: Math.max(MINIMUM.width, Math.min(size.width, screen?.width ?? size.width)),
    height: Math.max(MINIMUM.height, Math.min(size.height, screen?.height ?? size.height)),
  }
}
