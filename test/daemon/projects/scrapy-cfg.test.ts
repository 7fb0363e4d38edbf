import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src-daemon/errors.ts'
import { findScrapyCfg, listSettings, readSettingsModule } from '../../../src-daemon/projects/scrapy-cfg.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'scrapyd-service-cfg-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, content = '[settings]\ndefault = papers.settings\n'): string {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

describe('findScrapyCfg', () => {
  it.each([
    ['in the folder itself', ['a/b/scrapy.cfg', 'a/scrapy.cfg', 'a/b/c/scrapy.cfg'], 'a/b', 'a/b/scrapy.cfg'],
    ['one level above', ['a/scrapy.cfg', 'a/b/c/scrapy.cfg'], 'a/b', 'a/scrapy.cfg'],
    ['two levels above', ['a/scrapy.cfg'], 'a/b/c', 'a/scrapy.cfg'],
    ['not three levels above', ['a/scrapy.cfg'], 'a/b/c/d', null],
    ['one level below', ['a/b/scrapy.cfg', 'a/a/x/scrapy.cfg'], 'a', 'a/b/scrapy.cfg'],
    ['two levels below', ['a/b/c/scrapy.cfg'], 'a', 'a/b/c/scrapy.cfg'],
    ['not three levels below', ['a/b/c/d/scrapy.cfg'], 'a', null],
    ['the first by name below', ['a/z/scrapy.cfg', 'a/m/scrapy.cfg'], 'a', 'a/m/scrapy.cfg'],
    [
      'never in other people’s code',
      ['a/.venv/scrapy.cfg', 'a/venv/x/scrapy.cfg', 'a/node_modules/scrapy.cfg'],
      'a',
      null,
    ],
    ['never a folder of that name', ['a/scrapy.cfg/file'], 'a', null],
  ])('looks %s', (_, files, folder, expected) => {
    files.forEach((file) => write(file))
    mkdirSync(join(root, folder), { recursive: true })
    expect(findScrapyCfg(join(root, folder))).toBe(expected === null ? null : join(root, expected))
  })

  it('follows links to folders and survives links that lead nowhere or in circles', () => {
    write('elsewhere/scrapy.cfg')
    mkdirSync(join(root, 'a'))
    symlinkSync('loop', join(root, 'a', 'loop'))
    symlinkSync('nowhere', join(root, 'a', 'nothing'))
    symlinkSync(join(root, 'elsewhere'), join(root, 'a', 'project'))
    expect(findScrapyCfg(join(root, 'a'))).toBe(join(root, 'a/project/scrapy.cfg'))
  })

  it('finds nothing in a folder that does not exist', () => expect(findScrapyCfg(join(root, 'x/y/z'))).toBeNull())
})

describe('readSettingsModule', () => {
  it.each([
    ['the entry of the project itself', 'default = d.settings\npapers = p.settings', 'papers', 'p.settings'],
    ['it without regard to case', 'default = d.settings\nPapers = p.settings', 'papers', 'p.settings'],
    ['default', 'default = d.settings\nother = o.settings', 'papers', 'd.settings'],
    ['the only entry', 'other = o.settings', 'papers', 'o.settings'],
    ['values with references', 'package = p\npapers = %(package)s.settings', 'papers', 'p.settings'],
  ])('takes %s', (_, settings, name, expected) => {
    expect(readSettingsModule(write('scrapy.cfg', `[settings]\n${settings}\n`), name)).toBe(expected)
  })

  it.each([
    ['[settings]\na = a.settings\nb = b.settings\n', "no entry 'papers' and no 'default', but 'a', 'b'"],
    ['[deploy]\nurl = x\n', 'names no settings module'],
    ['[settings]\ndefault =\n', 'names no settings module'],
    ['[settings]\ndefault = %(x)s\n', '[settings] default'],
    ['[settings]\nrubbish\n', 'scrapy.cfg:2'],
  ])('refuses %j', (content, message) => {
    const file = write('scrapy.cfg', content)
    expect(() => readSettingsModule(file, 'papers')).toThrow(ConfigError)
    expect(() => readSettingsModule(file, 'papers')).toThrow(message)
  })

  it('refuses a file that is not there', () => {
    expect(() => readSettingsModule(join(root, 'scrapy.cfg'), 'papers')).toThrow('does not exist')
  })
})

describe('listSettings', () => {
  it('lists the projects of a file in their order, names in their own case', () => {
    const file = write('scrapy.cfg', '[settings]\nZeitung = z.settings\n新闻 = n.settings\n__proto__ = p.settings\n')
    expect(Object.entries(listSettings(file))).toEqual([
      ['Zeitung', 'z.settings'],
      ['新闻', 'n.settings'],
      ['__proto__', 'p.settings'],
    ])
  })
})
