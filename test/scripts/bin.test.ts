import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

describe('the scrapyd-service program', () => {
  it('runs from any folder by its name, with node_modules/.bin first in PATH', async () => {
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` }
    const { stdout } = await run('scrapyd-service', ['--version'], { cwd: tmpdir(), env })
    const { version } = JSON.parse(readFileSync(join(root, 'src-daemon/package.json'), 'utf8')) as { version: string }
    expect(stdout.trim()).toBe(version)
  })

  it('says which Node it needs before it loads what would crash in an older one', async () => {
    const older = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
    const args = [
      '--import',
      `data:text/javascript,${encodeURIComponent(older)}`,
      join(root, 'src-daemon/bin/scrapyd-service.mjs'),
    ]
    await expect(run(process.execPath, args)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('needs Node 24 (at least 22.18); this is Node 20.20.2'),
    })
  })
})
