import { join } from 'node:path'
import { endLike, runInForeground } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'

const args = process.argv.slice(2)
endLike(await runInForeground(process.execPath, [join(root, 'node_modules/oxfmt/bin/oxfmt'), ...args], { cwd: root }))
