import { basename } from 'node:path'
import type { Locator, Page } from 'playwright-core'

/** Who sits at the desktop app: what scenarios let them do is the same in Electron itself and in the harness without it. */
export interface Person {
  readonly page: Page
  /** Chooses this file or folder in every dialog that asks for one from now on. */
  opens(path: string): Promise<void>
  /** Chooses this place in every dialog that asks where to save from now on. */
  savesTo(path: string): Promise<void>
  /** Drops a file or folder of this computer onto something on the page. */
  drops(path: string, target: Locator): Promise<void>
}

/** Drops a file or folder as the system does. What it is called there the page learns from its bridge. */
export async function dropOnto(page: Page, path: string, target: Locator): Promise<void> {
  await target.scrollIntoViewIfNeeded()
  const box = await target.boundingBox()
  if (box === null) throw new Error(`there is nothing to drop ${basename(path)} onto`)
  const place = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  const data = { items: [], files: [path], dragOperationsMask: 1 }
  const cdp = await page.context().newCDPSession(page)
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await cdp.send('Input.dispatchDragEvent', { type, ...place, data })
  }
  await cdp.detach()
}
