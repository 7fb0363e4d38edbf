import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DirectoryTraversalError, InvalidParameterError } from '../../../src-daemon/errors.ts'
import { jobPath } from '../../../src-daemon/files/job-path.ts'

describe('jobPath', () => {
  it.each([
    ['newspapers', '财联社', 'a1.log'],
    ['p', 'spider with spaces', '2026-01-01.jl'],
    ['.hidden', '...', '..a.log'],
    ['p', 'a\\b:c*?"<>|', 'j.log'],
    ['p', 'тест.é.🕷', 'j.log'],
    ['CON', '-rf', '~'],
  ])('joins %s, %s and %s', (project, spider, file) => {
    expect(jobPath('/logs', project, spider, file)).toBe(join('/logs', `${project}/${spider}/${file}`))
  })

  it.each([
    ['../p', 's', 'j.log'],
    ['p', '..', 'j.log'],
    ['p', '.', 'j.log'],
    ['', 's', 'j.log'],
    ['p', '', 'j.log'],
    ['p', 's/../../x', 'j.log'],
    ['p', 'shop/eu', 'j.log'],
    ['p', '/etc', 'passwd'],
    ['p', 's', '../../evil.log'],
    ['p', 's\0x', 'j.log'],
    ['p', 'half \ud83d', 'j.log'],
  ])("refuses %j, %j, %j in Scrapyd's words", (project, spider, file) => {
    const join = () => jobPath('/logs', project, spider, file)
    expect(join).toThrow(DirectoryTraversalError)
    expect(join).toThrow(`DirectoryTraversalError: ${project}/${spider}/${file}`)
  })

  it('refuses names that no file system takes, counted in bytes', () => {
    expect(jobPath('/logs', 'p', '蛛'.repeat(85), 'j.log')).toContain('蛛')
    expect(() => jobPath('/logs', 'p', '蛛'.repeat(86), 'j.log')).toThrow(InvalidParameterError)
    expect(() => jobPath('/logs', 'p', 's', `${'j'.repeat(252)}.log`)).toThrow('jobid is too long')
  })
})
