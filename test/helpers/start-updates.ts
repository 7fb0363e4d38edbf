import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { MenuItemConstructorOptions } from 'electron'
import { mainDir } from '../../scripts/lib/desktop-build.ts'
import { root } from '../../scripts/lib/root.ts'
import { ENGLISH } from '../../src-main/words.ts'
import type * as ElectronStandIn from './electron-stand-in.ts'
import { until } from './until.ts'

// `start-updates.ts FOLDER`: the built main bundle as a package has it, with the real updater in it. FOLDER is its user data, and
// its resources, with `app-update.yml`. Switches updates on, looks for one, and prints what happened as JSON.
const [folder = ''] = process.argv.slice(2)
const standIn = pathToFileURL(join(root, 'test/helpers/electron-stand-in.ts')).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: standIn, shortCircuit: true } : next(specifier, context),
})
const { app, computer, shown } = (await import(standIn)) as typeof ElectronStandIn
Object.assign(computer, { userData: folder, isPackaged: true })
Object.assign(process, { resourcesPath: folder })
// The updater of AppImages, whatever the system of the test is.
Object.defineProperty(process, 'platform', { value: 'linux' })

const entry = (label: string): MenuItemConstructorOptions => {
  const all = shown.menu.flatMap(({ submenu }) => (Array.isArray(submenu) ? submenu : []))
  const found = all.find((item) => item.label === label)
  if (found === undefined) throw new Error(`the menu has no ${label}`)
  return found
}
const click = (label: string) => entry(label).click?.(null as never, undefined, null as never)

await import(pathToFileURL(join(mainDir, 'main.js')).href)
await until('the app has started', () => shown.tray !== '')
const canCheckWhileOff = entry(ENGLISH.checkNow).enabled
click(ENGLISH.checkNow)
const requestsWhileOff = [...shown.requests]
click(ENGLISH.lookForUpdates)
const isOn = entry(ENGLISH.lookForUpdates).checked
click(ENGLISH.checkNow)
const question = await until('something is said', () => shown.questions[0])
process.stdout.write(
  `${JSON.stringify({ canCheckWhileOff, requestsWhileOff, isOn, question, requests: shown.requests })}\n`,
)
app.quit()
process.exit()
