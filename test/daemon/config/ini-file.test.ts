import { describe, expect, it } from 'vitest'
import type { IniDialect } from '../../../src-daemon/config/ini-file.ts'
import { parseIni } from '../../../src-daemon/config/ini-file.ts'

const values = (text: string, dialect: IniDialect) =>
  parseIni(text, 'x.conf', dialect).entries.map(({ section, name, value }) => `${section}|${name}|${value}`)
const problems = (text: string, dialect: IniDialect) =>
  parseIni(text, 'x.conf', dialect).problems.map(({ line, option, message }) => ({ line, option, message }))

describe('parseIni', () => {
  it('keeps the line of every section and option', () => {
    const { sections, entries } = parseIni('# comment\n\n[a]\nb = c\n; comment\n\n[d]\r\ne=f\r\n', 'x.conf', 'service')
    expect(sections).toEqual([
      { name: 'a', line: 3 },
      { name: 'd', line: 7 },
    ])
    expect(entries.map(({ name, line }) => [name, line])).toEqual([
      ['b', 4],
      ['e', 8],
    ])
  })

  it.each([
    ['name = value  # 集群名称', 'value'],
    ['name = value ; comment', 'value'],
    ['name = # only a comment', ''],
    ['name =', ''],
    ['name = a#b;c', 'a#b;c'],
    ['name =#b', '#b'],
    ['name: value', 'value'],
    ['name = a = b: c', 'a = b: c'],
    ['name = "a # b"  # comment', 'a # b'],
    ["name = 'a ; \\b'", 'a ; \\b'],
    ['name = " a "', ' a '],
    ['name = "say \\"hi\\" \\\\ \\d"', 'say "hi" \\ \\d'],
    ['name = ""', ''],
    ["name = it's  # fine", "it's"],
    ['name = ["a #1", "b ;2"]  # list', '["a #1", "b ;2"]'],
    ['name = 50% %% %(x)s', '50% %% %(x)s'],
    ['name = ["a:1",  # first\n  # second follows\n  "b:2"]', '["a:1",\n"b:2"]'],
    ['name =\n  ["a:1"]', '["a:1"]'],
  ])('reads %j by the rules of our files', (text, expected) => {
    expect(values(`[s]\n${text}\n`, 'service')).toEqual([`s|name|${expected}`])
    expect(problems(`[s]\n${text}\n`, 'service')).toEqual([])
  })

  // Every expectation is what Python's ConfigParser gives (raw).
  it.each([
    ['name = value  # no comment', 'value  # no comment'],
    ['name = value ; no comment', 'value ; no comment'],
    ['name = "a"', '"a"'],
    ['name : value', 'value'],
    ['Name = value\n\tmore\n\n  and more\n\n', 'value\nmore\n\nand more'],
    ['name = a\n  # comment\n  b', 'a\nb'],
    ['  name = a\n    b\n  ', 'a\nb'],
    ['name =\n  a\n  [b]\n  c = d', '\na\n[b]\nc = d'],
  ])('reads %j by the rules of ConfigParser', (text, expected) => {
    const name = text.startsWith('N') ? 'Name' : 'name'
    expect(values(`[s]\n${text}\n`, 'configparser')).toEqual([`s|${name}|${expected}`])
    expect(problems(`[s]\n${text}\n`, 'configparser')).toEqual([])
  })

  it('allows a comment after a section header, and ignores any text there in a ConfigParser file', () => {
    expect(parseIni('[ slave - services ]  # x\n', 'x.conf', 'service').sections).toEqual([
      { name: 'slave - services', line: 1 },
    ])
    expect(parseIni('[scrapyd] text\n', 'x.conf', 'configparser').sections).toEqual([{ name: 'scrapyd', line: 1 }])
  })

  it('tells where a value was continued, so that an option indented by mistake can be found', () => {
    const { entries } = parseIni('[s]\nitems_dir =\n\n  jobs_to_keep = 5\n', 'x.conf', 'service')
    expect(entries).toEqual([
      { section: 's', name: 'items_dir', value: 'jobs_to_keep = 5', line: 2, continuedAt: 4, isBroken: false },
    ])
  })

  it('reads a file whose options are all indented alike', () => {
    expect(values('  [s]\n  a = 1\n  b = 2\n', 'service')).toEqual(['s|a|1', 's|b|2'])
  })

  it.each([
    ['[s]\nno delimiter\n', 2, null, 'neither a [section]'],
    ['[s]\n= value\n', 2, null, 'neither a [section]'],
    ['[s\n', 1, null, 'neither a [section]'],
    ['[]\n', 1, null, 'neither a [section]'],
    ['a = 1\n[s]\n', 1, 'a', 'before the first [section]'],
    ['[s]\na = 1\na = 2\n', 3, '[s] a', 'already in line 2'],
    ['[s]\na = 1\n[t]\n[s]\nb = 1\n', 4, '[s]', 'already in line 1'],
    ['[s]\na = "1\n', 2, '[s] a', 'closing quote'],
    ['[s]\na = "1" 2\n', 2, '[s] a', 'closing quote'],
    ["[s]\na = 'it's'\n", 2, '[s] a', 'closing quote'],
  ])('reports %j', (text, line, option, message) => {
    expect(problems(text, 'service')).toEqual([{ line, option, message: expect.stringContaining(message) }])
  })

  it('takes names that differ in case only for two in our files and for one in a ConfigParser file', () => {
    const text = '[s]\nPapers = 1\npapers = 2\n'
    expect(values(text, 'service')).toEqual(['s|Papers|1', 's|papers|2'])
    expect(problems(text, 'service')).toEqual([])
    expect(problems(text, 'configparser')).toHaveLength(1)
  })
})
