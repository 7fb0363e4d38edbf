import 'element-plus/theme-chalk/base.css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/element-plus.css'
import { startConsole } from './start-console.ts'
import { createBrowserTransport } from './transport/browser-transport.ts'
import { findDesktop } from './transport/desktop-bridge.ts'

const desktop = findDesktop()
if (desktop === null) startConsole(createBrowserTransport(), '#app')
// A browser never loads the desktop's screens.
else void import('./start-desktop.ts').then(({ startDesktop }) => startDesktop(desktop, '#app'))
