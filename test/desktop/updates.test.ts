import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ensureDesktop } from '../../scripts/lib/desktop-build.ts'
import { root } from '../../scripts/lib/root.ts'

it('the updater in the bundle asks nobody until it is switched on, and then finds a newer version', async () => {
  expect(await ensureDesktop()).toBe(true)
  const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-updates-'))
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url?.replace(/\?.*/, '') ?? '')
    const release = {
      version: '9.9.9',
      files: [{ url: 'app.AppImage', sha512: 'AA==', size: 1 }],
      path: 'app.AppImage',
    }
    // JSON is YAML.
    response.end(JSON.stringify({ ...release, sha512: 'AA==', releaseDate: '2026-11-27T00:00:00.000Z' }))
  })
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    writeFileSync(join(folder, 'app-update.yml'), `provider: generic\nurl: ${url}\nupdaterCacheDirName: none\n`)
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(root, 'test/helpers/start-updates.ts'), folder],
      // What an AppImage says of itself.
      { env: { ...process.env, APPIMAGE: join(folder, 'app.AppImage'), XDG_CACHE_HOME: folder } },
    )
    expect(JSON.parse(stdout)).toMatchObject({
      canCheckWhileOff: false,
      requestsWhileOff: [],
      isOn: true,
      question: 'Version 9.9.9 is available',
    })
    expect(asked).toEqual([expect.stringMatching(/^\/latest-linux.*\.yml$/)])
  } finally {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
