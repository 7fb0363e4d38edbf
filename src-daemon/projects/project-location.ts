import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import { findScrapyCfg, readSettingsModule } from './scrapy-cfg.ts'

/** Where a project's code is, as its `scrapy.cfg` tells now. */
export interface ProjectLocation {
  /** The folder of `scrapy.cfg`: working directory and first entry of `sys.path` of its spiders. */
  readonly projectDir: string
  readonly settingsModule: string
  readonly cfgFile: string
  /** Changes with `scrapy.cfg`. */
  readonly stamp: string
}

/** Finds a project in a folder, or says in words why there is none. */
export async function locateProject(
  name: string,
  path: string,
): Promise<{ readonly location: ProjectLocation } | { readonly problem: string }> {
  try {
    if (!(await stat(path)).isDirectory()) return { problem: reasonText('notAFolder', { path }) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR'
    return {
      problem: isMissing ? reasonText('noFolder', { path }) : reasonText('folderUnread', { path, detail: message }),
    }
  }
  const cfgFile = findScrapyCfg(path)
  if (cfgFile === null) return { problem: reasonText('noScrapyCfg', { path }) }
  const stamp = await cfgStamp(cfgFile)
  try {
    const settingsModule = readSettingsModule(cfgFile, name)
    return { location: { projectDir: dirname(cfgFile), settingsModule, cfgFile, stamp: stamp ?? '' } }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

/** Changes whenever the file does; null when it is not there. */
export async function cfgStamp(cfgFile: string): Promise<string | null> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(cfgFile, { bigint: true })
    return `${mtimeNs}.${ctimeNs}.${size}.${ino}`
  } catch {
    // Moved away, or not readable: it is looked for again, which tells why.
    return null
  }
}
