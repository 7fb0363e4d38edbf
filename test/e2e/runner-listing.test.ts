import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { RunnerError } from '../../src-daemon/errors.ts'
import { probePython } from '../../src-daemon/runner/interpreter.ts'
import { listSpiders, type ListSpidersOptions } from '../../src-daemon/runner/spider-lister.ts'
import { inChinese } from '../helpers/in-chinese.ts'
import { linesOf, temporaryFolder, waitForEnd } from '../helpers/runs.ts'
import { scrapyPythons } from '../helpers/scrapy-pythons.ts'

const fixture = join(import.meta.dirname, 'fixtures/crawls')

describe.each(scrapyPythons())('listing spiders with Scrapy $version', ({ python, version, isNewest }) => {
  let projectDir: string

  beforeEach(() => {
    projectDir = join(temporaryFolder(), 'project')
    cpSync(fixture, projectDir, { recursive: true, filter: (path) => !path.includes('__pycache__') })
  })

  function list(more: Partial<ListSpidersOptions> = {}) {
    return listSpiders({ python, projectDir, settingsModule: 'crawls.settings', project: 'crawls', ...more })
  }

  function addModule(name: string, text: string): string {
    const path = join(projectDir, `crawls/spiders/${name}.py`)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  const spider = (name: string) => `import scrapy\n\nclass Spider(scrapy.Spider):\n    name = '${name}'\n`

  it('finds every spider with its module, the files they came from, and the versions', async () => {
    const listing = await list()
    expect(listing.spiders).toEqual(listing.spiders.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    expect(listing.spiders).toContainEqual({ name: 'plain', module: 'crawls.spiders.plain' })
    expect(listing.spiders).toContainEqual({ name: '新闻', module: 'crawls.spiders.plain' })
    expect(listing.errors).toEqual([])
    expect(listing.ownLoader).toBe(true)
    expect(listing.scrapyVersion).toBe(version)
    expect(listing.pythonVersion).toBe((await probePython(python)).pythonVersion)
    expect((await probePython(python)).scrapyVersion).toBe(version)
    expect(listing.folders).toEqual([join(projectDir, 'crawls/spiders')])
    const names = ['scrapy.cfg', 'crawls/__init__.py', 'crawls/settings.py', 'crawls/spiders/plain.py']
    expect(listing.files).toEqual(expect.arrayContaining(names.map((name) => join(projectDir, name))))
    expect(listing.files.filter((file) => !file.startsWith(projectDir))).toEqual([])
  })

  it('is not hindered by modules that fail in any way, and tells what is wrong with each', async () => {
    const broken = addModule('broken', 'import module_that_nobody_has\n')
    addModule('syntax', 'def broken(:\n')
    addModule('leaves', 'import sys\nsys.exit("no spiders today")\n')
    addModule('interrupts', 'raise KeyboardInterrupt\n')
    addModule('deep/__init__', spider('deep'))
    addModule('deep/er/__init__', 'raise RuntimeError("a broken package")\n')
    const { errors, spiders, files, folders } = await list()
    const tracebacks = Object.fromEntries(errors.map(({ module, traceback }) => [module, traceback]))
    expect(tracebacks['crawls.spiders.broken']).toMatch(
      /^Traceback[^]*broken\.py", line 1[^]*ModuleNotFoundError: No module named 'module_that_nobody_has'\n$/,
    )
    expect(tracebacks['crawls.spiders.broken']).not.toContain('importlib')
    expect(tracebacks['crawls.spiders.syntax']).toContain('SyntaxError')
    expect(tracebacks['crawls.spiders.leaves']).toContain('SystemExit: no spiders today')
    expect(tracebacks['crawls.spiders.interrupts']).toContain('KeyboardInterrupt')
    expect(tracebacks['crawls.spiders.deep.er']).toContain('RuntimeError: a broken package')
    expect(spiders.map(({ name }) => name)).toEqual(expect.arrayContaining(['plain', 'slow', 'deep']))
    expect(files).toContain(broken)
    expect(folders).toContain(join(projectDir, 'crawls/spiders/deep'))
  })

  it('lists a name twice that two classes have', async () => {
    addModule('twin', spider('plain'))
    const { spiders } = await list()
    expect(spiders.filter(({ name }) => name === 'plain').map(({ module }) => module)).toEqual([
      'crawls.spiders.plain',
      'crawls.spiders.twin',
    ])
  })

  it('asks the loader of a project that has its own', async () => {
    writeFileSync(
      join(projectDir, 'crawls/loader.py'),
      `from scrapy.spiderloader import SpiderLoader

class Loader(SpiderLoader):
    def list(self):
        return [name for name in super().list() if name == 'plain']
`,
    )
    const settings = join(projectDir, 'crawls/settings.py')
    writeFileSync(settings, `${readFileSync(settings, 'utf8')}\nSPIDER_LOADER_CLASS = 'crawls.loader.Loader'\n`)
    const listing = await list()
    expect(listing).toMatchObject({
      ownLoader: false,
      spiders: [{ name: 'plain', module: 'crawls.spiders.plain' }],
      folders: [join(projectDir, 'crawls/spiders')],
    })
    expect(listing.files).toContain(join(projectDir, 'crawls/loader.py'))
  })

  // What follows is the work of our own code and of the operating system: Scrapy's version makes no difference to it.
  if (!isNewest) return

  it('blames a module that ends the interpreter, and lists the others', async () => {
    addModule('ends', 'import os\nprint("going", flush=True)\nos._exit(9)\n')
    addModule('crashes', 'import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n')
    const { errors, spiders } = await list()
    expect(errors).toEqual([
      {
        module: 'crawls.spiders.crashes',
        traceback: expect.stringMatching(/^importing crawls.spiders.crashes ended Python by SIGSEGV/),
      },
      {
        module: 'crawls.spiders.ends',
        traceback: expect.stringMatching(
          /^importing crawls.spiders.ends ended Python with exit code 9; it printed:\n[^]*going$/,
        ),
      },
    ])
    const [crash, end] = errors.map(({ traceback }) => inChinese(traceback))
    expect(crash).toMatch(/^导入 crawls.spiders.crashes 时 Python 被 SIGSEGV 终止/)
    expect(end).toMatch(/^导入 crawls.spiders.ends 时 Python 退出，退出码 9；输出：\n[^]*going$/)
    expect(spiders.map(({ name }) => name)).toContain('plain')
  })

  it('gives up on a module that takes too long', async () => {
    addModule('hangs', 'import time\ntime.sleep(600)\n')
    const { errors, spiders } = await list({ timeoutMs: 9_000 })
    expect(errors).toHaveLength(1)
    expect(errors[0]?.traceback).toContain('importing crawls.spiders.hangs took longer than 3 seconds')
    expect(spiders.map(({ name }) => name)).toContain('plain')
  })

  it('ends with the time, and kills what was started', async () => {
    const pids = join(projectDir, 'pids')
    addModule(
      'deaf',
      `import os, signal, subprocess, time
signal.setitimer = lambda *_: None
signal.alarm(0)
child = subprocess.Popen(['sleep', '600'], start_new_session=True)
open(${JSON.stringify(pids)}, 'w').write(f'{os.getpid()}\\n{child.pid}\\n')
signal.signal(signal.SIGALRM, signal.SIG_IGN)
time.sleep(600)
`,
    )
    // Long enough for Python to come to the module on a busy machine.
    const listing = list({ timeoutMs: 12_000 })
    const failure = (await listing.catch((error: unknown) => error)) as RunnerError
    expect(failure.message).toBe(
      'listing the spiders of crawls took longer than 12 seconds (it was importing crawls.spiders.deaf)',
    )
    expect(inChinese(failure.message)).toBe('列出 crawls 的爬虫超过 12 秒未完成（当时正在导入 crawls.spiders.deaf）')
    for (const pid of await linesOf(pids, 2)) await waitForEnd(Number(pid))
  })

  it('ends a module that takes too much memory, as an error of that module', async () => {
    addModule('greedy', 'hoard = bytearray(8 * 1024 ** 3)\n')
    const { errors, spiders } = await list()
    expect(errors[0]?.traceback).toMatch(/MemoryError\n$/)
    expect(spiders.map(({ name }) => name)).toContain('plain')
  })

  it('is not confused by what modules print, wherever they print it, nor by threads they leave', async () => {
    addModule(
      'loud',
      `import sys, threading, time
print('{"listing": "not this"}')
print('x' * 1_000_000, file=sys.stderr)
threading.Thread(target=time.sleep, args=(600,)).start()
${spider('loud')}`,
    )
    const { spiders } = await list()
    expect(spiders).toContainEqual({ name: 'loud', module: 'crawls.spiders.loud' })
  })

  it('fails with the traceback when the settings cannot be loaded', async () => {
    writeFileSync(join(projectDir, 'crawls/settings.py'), 'import os\nos.environ["NO_SUCH_VARIABLE"]\n')
    const failure = await list().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RunnerError)
    expect((failure as RunnerError).message).toMatch(
      /^the spiders of crawls cannot be listed: Traceback[^]*settings\.py", line 2[^]*KeyError: 'NO_SUCH_VARIABLE'$/,
    )
    expect(inChinese((failure as RunnerError).message)).toMatch(
      /^无法列出 crawls 的爬虫：Traceback \(most recent call last\):\n[^]*KeyError: 'NO_SUCH_VARIABLE'$/,
    )
  })

  it('fails with what to do when there is no interpreter or no Scrapy', async () => {
    const reasonOf = async (more: Partial<ListSpidersOptions>) =>
      ((await list(more).catch((error: unknown) => error)) as RunnerError).message
    const missing = await reasonOf({ python: '/no/such/python' })
    expect(missing).toContain('the interpreter /no/such/python was not found')
    expect(inChinese(missing)).toMatch(/^无法列出 crawls 的爬虫：找不到解释器 \/no\/such\/python；/)
    const bare = join(projectDir, 'bare-python')
    writeFileSync(bare, `#!/bin/sh\nexec '${python}' -I -S "$@"\n`, { mode: 0o755 })
    expect(inChinese(await reasonOf({ python: bare }))).toMatch(
      /^无法列出 crawls 的爬虫：[^]*ModuleNotFoundError: No module named 'scrapy'$/,
    )
    await expect(list({ projectDir: '/no/such/project' })).rejects.toThrow('the folder /no/such/project does not exist')
  })

  it('can be asked many times at once', async () => {
    const listings = await Promise.all(Array.from({ length: 4 }, () => list()))
    for (const listing of listings) expect(listing).toEqual(listings[0])
  })
})
