import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { findPython, probePython } from '../../../src-daemon/runner/interpreter.ts'
import { plainPython } from '../../helpers/python.ts'
import { temporaryFolder } from '../../helpers/runs.ts'

let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

function script(path: string, text: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
  return path
}

describe('the interpreter of a project', () => {
  it('is the configured one, even when the project has its own', () => {
    script(join(folder, '.venv/bin/python'), '')
    expect(findPython(folder, '/opt/python', 'python3')).toBe('/opt/python')
  })

  it.each(['.venv', 'venv'])('is the one in %s of the project', (name) => {
    const own = script(join(folder, name, 'bin/python'), '')
    expect(findPython(folder, null, 'python3')).toBe(own)
  })

  it('is the fallback when the project has none that works', () => {
    mkdirSync(join(folder, '.venv/bin/python'), { recursive: true })
    expect(findPython(folder, null, 'python3')).toBe('python3')
  })
})

describe('probing an interpreter', () => {
  it('tells both versions, also when something is printed at start', async () => {
    const answer = '{"python": "3.12.1", "executable": "/x/python", "scrapy": "2.13.0"}'
    const python = script(join(folder, 'python'), `echo hello; echo '${answer}'`)
    expect(await probePython(python)).toEqual({
      executable: '/x/python',
      pythonVersion: '3.12.1',
      scrapyVersion: '2.13.0',
    })
  })

  it('asks once, and again when the file has changed', async () => {
    const count = join(folder, 'count')
    const answer = (version: string) =>
      `echo x >> ${count}; echo '{"python": "${version}", "executable": "p", "scrapy": "2"}'`
    const python = script(join(folder, 'python'), answer('3.9'))
    const probes = await Promise.all([probePython(python), probePython(python)])
    expect(probes[0]).toBe(probes[1])
    script(python, answer('3.10'))
    expect((await probePython(python)).pythonVersion).toBe('3.10')
  })

  it('says how to install Scrapy where it is missing, and asks again the next time', async () => {
    const without = { ...process.env, PYTHONNOUSERSITE: '1' }
    const python = script(join(folder, 'python'), `exec ${plainPython()} -S "$@"`)
    await expect(probePython(python, without)).rejects.toThrow(/Scrapy is not installed for .*-m pip install scrapy/)
    script(python, `echo '{"python": "3.9", "executable": "p", "scrapy": "2"}'`)
    expect((await probePython(python, without)).scrapyVersion).toBe('2')
  })

  it('says that an interpreter is missing, fails, or is none', async () => {
    await expect(probePython('/no/such/python')).rejects.toThrow('the interpreter /no/such/python was not found')
    const failing = script(join(folder, 'failing'), 'echo "Python 3.9 or newer is needed" >&2; exit 78')
    await expect(probePython(failing)).rejects.toThrow('cannot run spiders: Python 3.9 or newer is needed')
    const other = script(join(folder, 'other'), 'echo hello')
    await expect(probePython(other)).rejects.toThrow('does not answer like a Python interpreter: hello')
  })
})
