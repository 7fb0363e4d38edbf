import { drawIcons } from '../lib/icons.ts'
import { runTask } from '../lib/task.mjs'

await runTask(drawIcons)
