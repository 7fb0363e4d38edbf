import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureDesktop } from '../lib/desktop-build.ts'
import { median, row, type Row } from './figures.ts'

const ROUNDS = 6
const none = { text: '–', met: null }

/** The app's start as far as it can be had without Electron: main's own work before its window, and the page's first view. */
export async function desktopStart(): Promise<readonly Row[]> {
  if (!(await ensureDesktop())) throw new Error('the desktop app could not be built')
  const times: { main: number; view: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const script = fileURLToPath(new URL('desktop-start.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    times.push(JSON.parse(stdout) as { main: number; view: number })
  }
  return [
    row(
      'desktop: main’s first line -> its window asks for the page',
      'ms',
      median(times.map((one) => one.main)),
      null,
      none,
    ),
    row('… from there to the first view', 'ms', median(times.map((one) => one.view)), null, none),
  ]
}
