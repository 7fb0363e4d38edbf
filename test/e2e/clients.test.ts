import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { livesProject, newspapersProject, Workshop } from '../helpers/projects.ts'
import { ScrapydWeb } from '../helpers/scrapydweb.ts'
import { peersPython } from '../helpers/setup-python.ts'

// Clients that people use today, as they are on PyPI, against our daemon with a password.

const username = 'newsroom'
const password = 'a secret: word'

interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function python(args: readonly string[], cwd: string): Promise<Said> {
  try {
    const { stdout, stderr } = await promisify(execFile)(peersPython(), [...args], { cwd, timeout: 90_000 })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as Said
    return { code, stdout, stderr }
  }
}

describe('clients of Scrapyd', () => {
  const workshop = new Workshop()
  let daemon: DaemonProcess

  beforeAll(async () => {
    daemon = await DaemonProcess.start({
      projects: { newspapers: newspapersProject, lives: livesProject },
      scrapyd: { username, password },
    })
  })

  afterAll(async () => {
    await daemon?.remove()
    workshop.remove()
  })

  describe('scrapyd-client', () => {
    let folder: string

    beforeAll(() => {
      folder = workshop.copyOf(livesProject)
      writeFileSync(
        join(folder, 'scrapy.cfg'),
        `[settings]\ndefault = lives.settings\n\n[deploy]\nurl = ${daemon.url}\nproject = lives\nusername = ${username}\npassword = ${password}\n`,
      )
    })

    const client = (...args: string[]) => python(['-m', 'scrapyd_client', ...args], folder)

    it('lists projects and spiders', async () => {
      expect(await client('projects')).toEqual({ code: 0, stdout: 'lives\nnewspapers\n', stderr: '' })
      const { stdout } = await client('spiders', '-p', 'news*', '-v')
      expect(stdout.trim().split('\n')).toContain('newspapers 云溪日报')
    })

    it('schedules a spider with arguments', async () => {
      const { code, stdout } = await client('schedule', '-p', 'lives', 'nothing_*', '--arg', 'category=体育')
      expect(code).toBe(0)
      const id = /^lives \/ nothing_at_all => ([0-9a-f]{32})\n$/.exec(stdout)?.[1]
      expect(await daemon.ended(id ?? '')).toMatchObject({ outcome: 'finished', args: { category: '体育' } })
    })

    it('shows what the daemon refuses', async () => {
      const call = `ScrapydClient("${daemon.url}", "${username}", "${password}").schedule("lives", "nobody")`
      const { code, stderr } = await python(['-c', `from scrapyd_client import ScrapydClient\n${call}`], folder)
      expect(code).toBe(1)
      expect(stderr).toContain("ErrorResponse: spider 'nobody' not found")
    })

    it('deploys nothing, but is told clearly why and what to do instead', async () => {
      const { code, stdout, stderr } = await client('deploy')
      expect(code).toBe(1)
      expect(stderr).toContain('Deploy failed (501):')
      expect(stdout).toContain('Status: error')
      expect(stdout).toContain('projects are exposed by path here')
      expect(stdout).toContain('addproject.json')
    })
  })

  describe('ScrapydWeb', () => {
    let web: ScrapydWeb

    beforeAll(async () => {
      web = await ScrapydWeb.start(workshop.path('scrapydweb'), [{ url: daemon.url, username, password }])
    })
    afterAll(() => web?.stop())

    it('shows the server as there', async () => {
      expect(await web.page('/1/servers/')).toContain(new URL(daemon.url).host)
      expect(await web.json('/1/api/daemonstatus/')).toMatchObject({
        status: 'ok',
        node_name: 'node1',
        status_code: 200,
      })
    })

    it('offers projects, versions and spiders in Run Spider', async () => {
      expect(await web.page('/1/schedule/')).toContain('Run Spider')
      expect(await web.json('/1/api/listprojects/')).toMatchObject({ status: 'ok', projects: ['lives', 'newspapers'] })
      expect(await web.json('/1/api/listversions/lives/')).toMatchObject({ status: 'ok', versions: expect.any(Array) })
      const spiders = await web.json('/1/api/listspiders/newspapers/default: the latest version/')
      expect(spiders).toMatchObject({ status: 'ok', spiders: expect.arrayContaining(['river_post', '云溪日报']) })
    })

    it('runs a spider, and shows its job, its log and the stats of the log', async () => {
      const form = {
        project: 'newspapers',
        _version: 'default: the latest version',
        spider: 'river_post',
        jobid: 'from-scrapydweb',
        USER_AGENT: 'custom',
        additional: '-d setting=CLOSESPIDER_PAGECOUNT=100\r\n-d limit=2',
      }
      const check = (await web.json('/1/schedule/check/', form)) as { filename: string; cmd: string }
      expect(check.cmd).toContain('schedule.json')
      const result = await web.page('/1/schedule/run/', { filename: check.filename, checked_amount: '0' })
      expect(result).toContain('from-scrapydweb')
      const job = await daemon.ended('from-scrapydweb')
      expect(job).toMatchObject({
        outcome: 'finished',
        args: { limit: '2' },
        settings: { CLOSESPIDER_PAGECOUNT: '100', USER_AGENT: 'Mozilla/5.0' },
        items: 2,
      })

      expect(await web.page('/1/jobs/')).toContain("spider: 'river_post'")
      const jobs = (await web.json('/1/jobs/?listjobs=True')) as Record<string, string>[]
      expect(jobs.find((row) => row['job'] === 'from-scrapydweb')).toMatchObject({
        project: 'newspapers',
        spider: 'river_post',
        pid: '',
        start: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        finish: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        runtime: expect.stringMatching(/^\d:\d\d:\d\d$/),
        href_log: '<a href="/logs/newspapers/river_post/from-scrapydweb.log">Log</a>',
        href_items: '<a href="/items/newspapers/river_post/from-scrapydweb.jl">Items</a>',
      })

      expect(await web.page('/1/logs/')).toContain("href: 'newspapers/'")
      expect(await web.page('/1/logs/newspapers/river_post/')).toContain('from-scrapydweb.log')
      expect(await web.page('/1/items/newspapers/river_post/')).toContain('from-scrapydweb.jl')
      expect(await web.page('/1/log/utf8/newspapers/river_post/from-scrapydweb/')).toContain('Spider closed (finished)')
      expect(await web.page('/1/log/stats/newspapers/river_post/from-scrapydweb/?job_finished=True')).toContain(
        '<td id="finish_reason">finished</td>',
      )
      expect(await web.json('/1/log/report/newspapers/river_post/from-scrapydweb/?job_finished=True')).toMatchObject({
        status: 'ok',
        items: 2,
        finish_reason: 'finished',
      })
    })

    it('shows a running job, and stops it', async () => {
      const started = (await web.json('/1/api/start/lives/long/')) as { jobid: string }
      const { pid } = await daemon.running(started.jobid)
      const jobs = (await web.json('/1/jobs/?listjobs=True')) as Record<string, string>[]
      expect(jobs.find((row) => row['job'] === started.jobid)).toMatchObject({ pid: String(pid), finish: '' })
      expect(await web.json(`/1/api/stop/lives/${started.jobid}/`)).toMatchObject({
        status: 'ok',
        prevstate: 'running',
      })
      expect(await daemon.ended(started.jobid)).toMatchObject({ outcome: 'cancelled', cancelled_by: username })
    })

    it('shows jobs that wait', async () => {
      await daemon.client.call('pauseNode', { body: { note: null } })
      const id = await daemon.schedule('lives', 'quick')
      const jobs = (await web.json('/1/jobs/?listjobs=True')) as Record<string, string>[]
      expect(jobs.find((row) => row['job'] === id)).toMatchObject({ pid: '', start: '', finish: '', href_log: '' })
      expect(await web.json(`/1/api/stop/lives/${id}/`)).toMatchObject({ status: 'ok', prevstate: 'pending' })
      await daemon.client.call('resumeNode')
    })
  })

  it('python-scrapyd-api calls everything but uploads', async () => {
    const script = join(root, 'test/fixtures/scrapyd_api_client.py')
    const { code, stdout, stderr } = await python([script, daemon.url, username, password], workshop.folder)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const said = JSON.parse(stdout) as Record<string, unknown>
    const { job, long } = said
    expect(said).toMatchObject({
      projects: ['lives', 'newspapers'],
      spiders: expect.arrayContaining(['river_post', '云溪日报']),
      versions: expect.any(Array),
      job: expect.stringMatching(/^[0-9a-f]{32}$/),
      finished: 'finished',
      long: 'ticker',
      cancelled: 'running',
      cancelled_again: null,
      unknown_status: '',
      no_spider: "spider 'nobody' not found",
      no_project: "project 'nothing' not found",
      deleted_version: "version 'r1' not found",
      deleted: true,
      projects_after: ['lives'],
    })
    expect(said['jobs']).toMatchObject({
      pending: [],
      running: [],
      finished: expect.arrayContaining([
        expect.objectContaining({
          id: job,
          args: { section: 'sport', limit: '1' },
          settings: { DOWNLOAD_DELAY: '0.01' },
        }),
        expect.objectContaining({ id: long, outcome: 'cancelled' }),
      ]),
    })
  })
})
