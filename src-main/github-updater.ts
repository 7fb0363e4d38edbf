import { ConflictError } from '../src-daemon/errors.ts'
import type { Updater } from './updates.ts'

/** The updater of electron-builder's packages; where releases are it reads in `app-update.yml`, which packing has left. */
export async function githubUpdater(): Promise<Updater> {
  // Loaded when it is needed: the start of the app does without it.
  const { default: library } = await import('electron-updater')
  const { autoUpdater } = library
  autoUpdater.autoDownload = false
  autoUpdater.autoInstallOnAppQuit = false
  autoUpdater.logger = null
  return {
    find: async () => {
      if (!autoUpdater.isUpdaterActive()) throw new ConflictError('This installation cannot replace itself.')
      const result = await autoUpdater.checkForUpdates()
      return result?.isUpdateAvailable === true ? result.updateInfo.version : null
    },
    download: async (onProgress) => {
      const follow = ({ percent }: { percent: number }) => onProgress(percent / 100)
      autoUpdater.on('download-progress', follow)
      try {
        await autoUpdater.downloadUpdate()
      } finally {
        autoUpdater.off('download-progress', follow)
      }
    },
    install: () => autoUpdater.quitAndInstall(),
  }
}
