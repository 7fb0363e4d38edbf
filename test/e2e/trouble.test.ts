import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { livesProject } from '../helpers/projects.ts'
import { waitForEnd } from '../helpers/runs.ts'
import { SmallDisk } from '../helpers/small-disk.ts'
import { Stage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

describe('a full disk', () => {
  const stage = new Stage()
  let disk: SmallDisk

  beforeAll(async () => {
    disk = new SmallDisk(stage.workshop.path('disk'), 8)
    await stage.open({
      env: disk.env,
      scrapyd: {
        dbs_dir: join(disk.folder, 'dbs'),
        logs_dir: join(disk.folder, 'logs'),
        items_dir: '',
        max_proc: 1,
        jobs_to_keep: 100,
      },
    })
  })

  afterAll(async () => {
    await stage.daemon.stop('SIGKILL')
    await stage.daemon.killSpiders()
    disk.remove()
    await stage.close()
  })

  it('refuses what cannot be stored, goes on answering, loses nothing, and needs no restart', async () => {
    const { daemon } = stage
    const gate = stage.workshop.path('gate')
    const running = await stage.started('long', { until: gate, code: '42' })
    const pending = await daemon.schedule('lives', 'nothing_at_all', { jobid: 'was-waiting' })
    disk.fill()
    const accepted: string[] = []
    const refusal = await until('the disk is full', async () => {
      // What the file has room for already is taken.
      const jobid = `more-${accepted.length}`
      const form = { project: 'lives', spider: 'nothing_at_all', jobid, filling: 'x'.repeat(50_000) }
      const answer = await daemon.post('/schedule.json', form)
      const said = (await answer.json()) as { status: string; message: string }
      if (said.status === 'ok') accepted.push(jobid)
      return said.status === 'error' && { status: answer.status, message: said.message }
    })
    expect(refusal.status).toBe(503)
    expect(refusal.message).toMatch(/disk.*full/)

    // Reading goes on, as does what is told to do something that cannot be done now.
    expect(await daemon.client.webservice('status', { job: running.id })).toMatchObject({ currstate: 'running' })
    const ids = (await daemon.listJobs()).pending.map(({ id }) => id)
    expect(ids).toEqual([pending, ...accepted])
    const log = await daemon.get(`/logs/lives/long/${running.id}.log`)
    expect(await log.text()).toContain('Spider opened')

    // A spider that ends meanwhile.
    stage.workshop.touch(gate)
    await waitForEnd(running.pid)
    await until('the daemon says what is wrong', () => /ERROR.*could not be stored.*trying again/.test(daemon.logs))
    expect(daemon.isRunning).toBe(true)

    disk.free()
    // The room for this was set aside at its start; what the spider would have told of itself found none.
    expect(await daemon.ended(running.id)).toMatchObject({ outcome: 'failed', exit_code: 42 })
    for (const id of [pending, ...accepted]) expect(await daemon.ended(id)).toMatchObject({ outcome: 'finished' })
    const after = await daemon.schedule('lives', 'nothing_at_all')
    expect(await daemon.ended(after)).toMatchObject({ outcome: 'finished' })
  })

  it('at the start ends a new daemon with a clear message and status 75, which a service manager tries again', async () => {
    const { daemon } = stage
    const before = await daemon.listJobs()
    await daemon.kill9()
    disk.fill()
    const other = DaemonProcess.prepare({ env: disk.env, scrapyd: { dbs_dir: join(disk.folder, 'other') } })
    try {
      const ended = await other.launch().ended
      expect(ended).toMatchObject({ code: 75, stdout: '' })
      expect(ended.stderr).toContain(join(disk.folder, 'other'))
      expect(ended.stderr).not.toContain('    at ')
    } finally {
      await other.remove()
    }
    disk.free()
    await daemon.startAgain()
    expect(await daemon.listJobs()).toEqual(before)
  })
})

describe('folders that cannot be written', () => {
  const stage = new Stage()
  // Also root cannot make a folder where a file is.
  const blocked = stage.workshop.path('logs')

  beforeAll(() => {
    writeFileSync(blocked, 'not a folder')
    return stage.open({ scrapyd: { logs_dir: blocked, max_proc: 1 } })
  })
  afterAll(() => stage.close())

  it('make the job fail with a reason, and its slot is given back', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => stage.daemon.schedule('lives', 'nothing_at_all')))
    for (const id of ids) {
      const job = await stage.daemon.ended(id)
      expect(job).toMatchObject({ outcome: 'failed', pid: null, log_url: null })
      expect(job.reason).toContain(blocked)
      expect(job.reason).toContain('cannot be written')
    }
    expect(await stage.daemon.client.call('getNode')).toMatchObject({ running: 0 })
    expect(readFileSync(blocked, 'utf8')).toBe('not a folder')
    rmSync(blocked)
    expect(await stage.run('nothing_at_all')).toMatchObject({ outcome: 'finished' })
  })

  it('for the log of one spider make only its jobs fail', async () => {
    rmSync(join(blocked, 'lives/quick'), { recursive: true, force: true })
    writeFileSync(join(blocked, 'lives/quick'), '')
    expect(await stage.run('quick')).toMatchObject({ outcome: 'failed' })
    expect(await stage.run('nothing_at_all')).toMatchObject({ outcome: 'finished' })
  })

  it('for the database end the daemon with status 74', async () => {
    const daemon = DaemonProcess.prepare()
    try {
      writeFileSync(daemon.dbsDir, 'not a folder')
      const ended = await daemon.launch().ended
      expect(ended).toMatchObject({ code: 74, stdout: '' })
      expect(ended.stderr).toContain(`dbs_dir ${daemon.dbsDir} cannot be created`)
      expect(readFileSync(daemon.dbsDir, 'utf8')).toBe('not a folder')
    } finally {
      await daemon.remove()
    }
  })
})

describe('a damaged database', () => {
  let daemon: DaemonProcess
  let file: string

  let intact: Buffer

  beforeAll(async () => {
    daemon = await DaemonProcess.start({ projects: { lives: livesProject } })
    file = join(daemon.dbsDir, 'scrapyd_service.db')
    await daemon.client.call('pauseNode', { body: { note: null } })
    for (let index = 0; index < 50; index++) {
      await daemon.schedule('lives', 'nothing_at_all', { jobid: `job-${index}`, filling: 'x'.repeat(2_000) })
    }
    await daemon.stop()
    intact = readFileSync(file)
  })
  afterAll(() => daemon?.remove())

  const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  const refuses = async () => {
    const before = hashOf(file)
    const ended = await daemon.launch().ended
    expect(ended).toMatchObject({ code: 74, stdout: '' })
    expect(ended.stderr).toContain(`The database ${file} cannot be used`)
    expect(ended.stderr).toContain('move it away')
    expect(ended.stderr).not.toContain('    at ')
    expect(hashOf(file)).toBe(before)
  }

  it.each([
    ['whose beginning is overwritten', (bytes: Buffer) => bytes.fill('rubbish ', 0, 4_096)],
    ['with a hole in the middle', (bytes: Buffer) => bytes.fill(0xa5, 8_192, bytes.length - 4_096)],
    ['that was cut off', (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2))],
    ['that is something else', () => Buffer.from('<html>'.repeat(10_000))],
  ])('%s ends the daemon with status 74 and what to do; nothing is overwritten', async (_, damage) => {
    writeFileSync(file, damage(Buffer.from(intact)))
    await refuses()
  })

  it('is refused again and again; moved away, as is said, the daemon starts with an empty one', async () => {
    writeFileSync(file, Buffer.from('<html>'.repeat(10_000)))
    for (let attempt = 0; attempt < 2; attempt++) await refuses()
    rmSync(file)
    await daemon.startAgain()
    expect(await daemon.listJobs()).toMatchObject({ pending: [], running: [], finished: [] })
    await daemon.stop()
  })

  it('that a newer version has made is refused by name, and left as it is', async () => {
    const bytes = Buffer.from(intact)
    // SQLite's user_version, at a fixed place of the header.
    bytes.writeUInt32BE(9_999, 60)
    writeFileSync(file, bytes)
    const ended = await daemon.launch().ended
    expect(ended).toMatchObject({ code: 74 })
    expect(ended.stderr).toMatch(/newer/)
    expect(hashOf(file)).toBe(createHash('sha256').update(bytes).digest('hex'))
  })
})

describe('a clock that jumps', () => {
  const stage = new Stage()
  const clock = stage.workshop.path('clock')
  const preload = pathToFileURL(join(root, 'test/helpers/preload/shifted-clock.mjs')).href
  const DAY = 86_400_000
  const set = (milliseconds: number) => writeFileSync(clock, String(milliseconds))

  beforeAll(() =>
    stage.open({
      env: { NODE_OPTIONS: `--import=${preload}`, SCRAPYD_SERVICE_TEST_CLOCK: clock },
      scrapyd: { dates_to_keep: 2 },
    }),
  )
  afterAll(() => stage.close())

  it('loses no job and starts every one, whichever way it jumps, also while they run', async () => {
    const { daemon } = stage
    await stage.run('nothing_at_all', { jobid: 'before' })
    const gate = stage.workshop.path('gate')
    const running = await stage.started('long', { until: gate })
    for (const days of [400, -400, 0]) {
      set(days * DAY)
      expect(await stage.run('nothing_at_all', { jobid: `at-${days}` })).toMatchObject({ outcome: 'finished' })
      const { now } = await daemon.client.call('getNode')
      expect(Math.abs(Date.parse(now) - Date.now() - days * DAY)).toBeLessThan(60_000)
      const key = (await daemon.job(running.id)).key
      expect(key).toBe(running.key)
    }
    set(-30 * DAY)
    stage.workshop.touch(gate)
    const job = await daemon.ended(running.id)
    expect(job).toMatchObject({ outcome: 'finished', exit_code: 0 })
    expect(Date.parse(String(job.ended_at))).toBeGreaterThanOrEqual(Date.parse(String(job.started_at)))
    set(0)
  })

  it('removes nothing by date after a jump, nor after a start with a wrong clock', async () => {
    const { daemon } = stage
    const count = async () => (await daemon.client.call('listJobs', { query: { limit: 1 } })).total
    const all = await count()
    expect(all).toBe(5)
    set(100 * DAY)
    await daemon.kill9()
    await daemon.startAgain()
    // The end of a job makes the daemon look for what is too old, a second later; the next job ends after that.
    await stage.run('nothing_at_all', { jobid: 'late-1' })
    const gate = stage.workshop.path('gate')
    const waiting = await stage.started('long', { until: gate })
    await until('two seconds of work are counted', async () => Number((await daemon.job(waiting.id)).items) > 30)
    stage.workshop.touch(gate)
    await daemon.ended(waiting.id)
    expect(await count()).toBe(all + 2)
    set(0)
  })
})

describe('what is kept', () => {
  it('is the newest of the files of a spider and of the finished jobs, once the node is idle', async () => {
    const stage = new Stage()
    try {
      await stage.open({ scrapyd: { jobs_to_keep: 2, history_to_keep: 4, finished_to_keep: 3, max_proc: 1 } })
      const { daemon } = stage
      const gate = stage.workshop.path('gate')
      const names = (folder: string) => (existsSync(folder) ? readdirSync(folder).toSorted() : [])
      const logs = () => names(join(daemon.logsDir, 'lives/quick'))
      const items = () => names(join(daemon.itemsDir, 'lives/quick'))
      const mine = join(daemon.logsDir, 'lives/quick')
      mkdirSync(mine, { recursive: true })
      writeFileSync(join(mine, 'notes.txt'), 'not a log of ours')
      await stage.pause()
      for (const jobid of ['q1', 'q2', 'q3', 'q4']) await daemon.schedule('lives', 'quick', { jobid })
      await daemon.schedule('lives', 'long', { jobid: 'long', until: gate, priority: '-1' })
      await stage.resume()
      await daemon.running('long')
      // Busy: all is still there (twice the limit is not passed).
      expect(logs()).toEqual(['notes.txt', 'q1.log', 'q2.log', 'q3.log', 'q4.log'])
      expect((await daemon.listJobs()).finished.map(({ id }) => id)).toEqual(['q4', 'q3', 'q2'])
      stage.workshop.touch(gate)
      await daemon.ended('long')
      await until('the oldest files are gone', () => logs().length === 3)
      expect(logs()).toEqual(['notes.txt', 'q3.log', 'q4.log'])
      await until('the items are gone', () => items().length === 2)
      expect(items()).toEqual(['q3.jl', 'q4.jl'])
      await until('the oldest job is gone', async () => {
        return (await daemon.client.call('listJobs', { query: { limit: 10 } })).total === 4
      })
      const { jobs } = await daemon.client.call('listJobs', { query: { limit: 10 } })
      expect(jobs.map(({ id }) => id).toSorted()).toEqual(['long', 'q2', 'q3', 'q4'])
      expect((await daemon.job('q2')).log_url).toBe(null)
      expect((await daemon.job('q3')).log_url).toBe('/logs/lives/quick/q3.log')
      const answer = await daemon.get(`/api/jobs/${(await daemon.job('q2')).key}/log`)
      expect(answer.status).toBe(404)
      // Run folders of jobs that are gone are gone, too.
      expect(names(join(daemon.dbsDir, 'runs')).length).toBeLessThanOrEqual(4)
    } finally {
      await stage.close()
    }
  })
})
