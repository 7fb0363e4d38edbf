import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askInterpreter, candidates, findInterpreter, type Interpreter } from '../../src-main/interpreters.ts'
import { inspectFolder } from '../../src-main/project-folder.ts'
import { testPython } from '../helpers/setup-python.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-project-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const found = { path: '/usr/bin/python3', version: '3.12.0', scrapy: '2.13' }
const scrapy = () => Promise.resolve<Interpreter | null>(found)
const cfg = (where: string, text = '[settings]\ndefault = news.settings\n[deploy]\nproject = news\n') => {
  mkdirSync(where, { recursive: true })
  writeFileSync(join(where, 'scrapy.cfg'), text)
}
/** A program that answers like a Python. */
const fakePython = (path: string, answer: string) => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho '${answer}'\n`)
  chmodSync(path, 0o755)
}

describe('inspectFolder', () => {
  it('finds scrapy.cfg in the folder, two levels up or down, and of a dropped scrapy.cfg itself', async () => {
    cfg(folder)
    mkdirSync(join(folder, 'news/spiders'), { recursive: true })
    for (const path of [folder, join(folder, 'news/spiders'), join(folder, 'scrapy.cfg')]) {
      expect(await inspectFolder(path, scrapy)).toMatchObject({
        projectDir: folder,
        name: 'news',
        settings: 'news.settings',
        problem: null,
      })
    }
    const other = join(folder, 'news/spiders/deep')
    rmSync(join(folder, 'scrapy.cfg'))
    cfg(join(other, 'a/b'))
    expect(await inspectFolder(other, scrapy)).toMatchObject({ projectDir: join(other, 'a/b') })
  })

  it('says what is missing and how to get it', async () => {
    expect(await inspectFolder(join(folder, 'nothing'), scrapy)).toMatchObject({ problem: 'no-folder' })
    expect(await inspectFolder(folder, scrapy)).toMatchObject({ problem: 'no-scrapy-cfg', projectDir: null })
    cfg(folder)
    expect(await inspectFolder(folder, () => Promise.resolve(null))).toMatchObject({
      problem: 'no-python',
      remedy: expect.any(String) as string,
    })
    writeFileSync(join(folder, 'requirements.txt'), 'scrapy\n')
    expect(await inspectFolder(folder, () => Promise.resolve({ ...found, scrapy: null }))).toMatchObject({
      problem: 'no-scrapy',
      remedy: `/usr/bin/python3 -m venv ${folder}/.venv && ${folder}/.venv/bin/python -m pip install scrapy -r ${folder}/requirements.txt`,
    })
  })

  it("takes the project's own environment first", async () => {
    cfg(folder, '[settings]\ndefault = x.settings\n')
    fakePython(join(folder, '.venv/bin/python'), '{"version": "3.11.9", "scrapy": null}')
    expect(await inspectFolder(folder, scrapy)).toMatchObject({
      python: join(folder, '.venv/bin/python'),
      pythonVersion: '3.11.9',
      problem: 'no-scrapy',
      remedy: `${folder}/.venv/bin/python -m pip install scrapy`,
    })
  })
})

describe('interpreters', () => {
  it('answer with their versions', async () => {
    const found = await askInterpreter(testPython())
    expect(found?.version).toMatch(/^3\.\d+\.\d+$/)
    expect(found?.scrapy).toMatch(/^2\./)
  })

  it('are looked for where they may be; the first with Scrapy wins, whatever does not answer is passed over', async () => {
    fakePython(join(folder, 'a/python3'), 'hello')
    fakePython(join(folder, 'b/python3'), '{"version": "3.11.0", "scrapy": null}')
    fakePython(join(folder, 'c/python'), '{"version": "3.12.0", "scrapy": "2.13"}')
    const paths = candidates({ PATH: [`${folder}/a`, `${folder}/b`, `${folder}/c`].join(':') }, folder)
    expect(paths.slice(0, 3)).toEqual([`${folder}/a/python3`, `${folder}/b/python3`, `${folder}/c/python`])
    expect(await findInterpreter(paths.slice(0, 3))).toMatchObject({ path: `${folder}/c/python`, scrapy: '2.13' })
    expect(await findInterpreter(paths.slice(0, 2))).toMatchObject({ path: `${folder}/b/python3`, scrapy: null })
    expect(await findInterpreter([])).toBeNull()
  })
})
