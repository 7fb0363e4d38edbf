import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { printConfig } from '../../../src-daemon/config/print-config.ts'
import { ConfigFolder } from './config-folder.ts'

let folder: ConfigFolder
beforeEach(() => {
  folder = new ConfigFolder()
})
afterEach(() => folder.remove())

const lineOf = (text: string, option: string) => text.split('\n').find((line) => line.startsWith(`${option} =`))

describe('printConfig', () => {
  it('shows every value with the place it came from', () => {
    const path = folder.project('papers')
    const file = folder.write(
      'work/conf/scrapyd_service.conf',
      '[projects]\n新闻 = ../../papers\n[scrapyd]\ndebug = on\n[services]\ncancel.json =\n',
    )
    const text = printConfig(folder.load({ env: { SCRAPYD_HTTP_PORT: '7000' } }))
    expect(text).toContain(`# Read: ${file}\n`)
    expect(lineOf(text, 'http_port')).toMatch(/^http_port = 7000 +# environment SCRAPYD_HTTP_PORT$/)
    expect(lineOf(text, 'debug')).toMatch(new RegExp(`^debug = on +# ${file}:4$`))
    expect(lineOf(text, '新闻')).toBe(`新闻 = ${path}`.padEnd(48) + `  # ${file}:2`)
    expect(lineOf(text, 'cancel.json')).toMatch(new RegExp(`^cancel\\.json = +# ${file}:6$`))
    expect(lineOf(text, 'node_name')).toMatch(/^node_name = host-1 +# default$/)
    expect(lineOf(text, 'items_dir')).toMatch(/^items_dir = +# default$/)
    expect(text).not.toContain('eggs_dir')
  })

  it('can be loaded again and means the same', () => {
    folder.project('papers')
    folder.write('papers/venv/python', '')
    const first = folder.loadText(
      [
        '[cluster]\nidentity = master\nnode_name = "a # \\"b\\""\nslave_hosts = ["http://u@a:1?max_proc=3", "b:2"]\nbranch = 发布',
        '[projects]\npapers = ../papers\n[python]\npapers = ../papers/venv/python',
        '[scrapyd]\ncancel_timeout = 0.25\nallowed_hosts = a, b\nitems_dir = s3://x/y\nrunner = my.runner\nmax_proc = 3',
        'unix_socket_path = ./a ;b/socket',
        '[services]\ncancel.json =\nschedule.json =\n',
      ].join('\n'),
    )
    const configFile = folder.write('elsewhere/printed.conf', printConfig(first))
    const second = folder.load({ configFile, hostname: 'host-2' })
    expect(second.config).toEqual(first.config)
    expect(second.config.warnings).toEqual([])
  })

  it('can be loaded again where nothing is configured at all', () => {
    const first = folder.load()
    const configFile = folder.write('elsewhere/printed.conf', printConfig(first))
    expect(folder.load({ configFile }).config).toEqual(first.config)
  })

  it('shows that there is no address where the Unix socket is the only door', () => {
    const first = folder.loadText('[scrapyd]\nbind_address =\nunix_socket_path = web.socket\n')
    expect(lineOf(printConfig(first), 'bind_address')).toMatch(/^bind_address = +# .*scrapyd_service\.conf:2$/)
    const configFile = folder.write('elsewhere/printed.conf', printConfig(first))
    expect(folder.load({ configFile }).config).toEqual(first.config)
  })

  it('masks passwords, and refuses the mask when it is loaded', () => {
    const text = printConfig(
      folder.loadText(
        '[cluster]\nidentity = master\nslave_hosts = ["http://u:hunter1@a:1"]\n[scrapyd]\nusername = u\npassword = hunter2\n',
      ),
    )
    expect(text).not.toMatch(/hunter/)
    expect(lineOf(text, 'password')).toMatch(/^password = \*{8} /)
    expect(lineOf(text, 'slave_hosts')).toMatch(/^slave_hosts = \["http:\/\/u:\*{8}@a:1"\] /)
    const configFile = folder.write('elsewhere/printed.conf', text)
    expect(folder.tryLoad({ configFile }).map(({ option }) => option)).toEqual([
      '[cluster] slave_hosts',
      '[scrapyd] password',
    ])
  })
})
