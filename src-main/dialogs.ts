import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { dialog, type BrowserWindow } from 'electron'
import { InvalidParameterError } from '../src-daemon/errors.ts'
import { describeCertificate } from './connection-test.ts'
import type { ChosenCertificate } from './ipc-contract.ts'
import type { UpdateTalk } from './updates.ts'
import type { Words } from './words.ts'

const JSON_FILES = [{ name: 'JSON', extensions: ['json'] }]

/** The system's dialogs, on the window. Each resolves to null (false) when it was closed. */
export class Dialogs {
  readonly #window: () => BrowserWindow
  readonly #words: Words

  constructor(window: () => BrowserWindow, words: Words) {
    this.#window = window
    this.#words = words
  }

  async folder(): Promise<string | null> {
    return this.#open({ title: this.#words.chooseFolder, properties: ['openDirectory'] })
  }

  async certificate(): Promise<ChosenCertificate | null> {
    const filters = [{ name: 'PEM', extensions: ['pem', 'crt', 'cer'] }]
    const path = await this.#open({ title: this.#words.chooseCertificate, properties: ['openFile'], filters })
    if (path === null) return null
    const pem = await readFile(path, 'utf8')
    try {
      const { subject, validTo } = describeCertificate(new X509Certificate(pem))
      return { name: basename(path), pem, subject, validTo }
    } catch (error) {
      throw new InvalidParameterError('certificate', `${basename(path)} is not a certificate in PEM: ${String(error)}`)
    }
  }

  async readJson(): Promise<string | null> {
    const path = await this.#open({ properties: ['openFile'], filters: JSON_FILES })
    return path === null ? null : readFile(path, 'utf8')
  }

  async writeJson(text: string): Promise<boolean> {
    const path = await this.save(this.#words.exportName)
    if (path !== null) await writeFile(path, text)
    return path !== null
  }

  async save(name: string): Promise<string | null> {
    const { canceled, filePath } = await dialog.showSaveDialog(this.#window(), { defaultPath: name })
    return canceled || filePath === '' ? null : filePath
  }

  /** What to do with spiders that run as the app quits. */
  async quitting(running: number): Promise<'stop' | 'keep' | 'stay'> {
    const { quitTitle, quitDetail, quitStop, quitKeep, quitStay } = this.#words
    // On no window: the last one may be closed already.
    const { response } = await dialog.showMessageBox({
      type: 'question',
      message: quitTitle(running),
      detail: quitDetail,
      buttons: [quitStay, quitKeep, quitStop],
      defaultId: 0,
      cancelId: 0,
    })
    return (['stay', 'keep', 'stop'] as const)[response] ?? 'stay'
  }

  linkFailed(cluster: string, reason: string): void {
    const message = this.#words.linkFailed(cluster)
    void dialog.showMessageBox(this.#window(), { type: 'error', message, detail: reason, buttons: [this.#words.ok] })
  }

  failure(message: string): void {
    const { saveFailed, ok } = this.#words
    void dialog.showMessageBox(this.#window(), { type: 'error', message: saveFailed, detail: message, buttons: [ok] })
  }

  /** What is said of newer versions of the app. */
  get updates(): UpdateTalk {
    const { later, ok, updateNewest, updateFailed, ...words } = this.#words
    const ask = async (message: string, detail: string, yes: string) => {
      const buttons = [later, yes]
      const { response } = await dialog.showMessageBox({ message, detail, buttons, defaultId: 1, cancelId: 0 })
      return response === 1
    }
    return {
      found: (version) => ask(words.updateFound(version), words.updateFoundDetail, words.updateDownload),
      fetched: (version) => ask(words.updateFetched(version), words.updateFetchedDetail, words.updateInstall),
      newest: () => void dialog.showMessageBox({ message: updateNewest, buttons: [ok] }),
      failed: (detail) => void dialog.showMessageBox({ type: 'error', message: updateFailed, detail, buttons: [ok] }),
    }
  }

  async #open(options: Electron.OpenDialogOptions): Promise<string | null> {
    const { canceled, filePaths } = await dialog.showOpenDialog(this.#window(), options)
    return canceled ? null : (filePaths[0] ?? null)
  }
}
