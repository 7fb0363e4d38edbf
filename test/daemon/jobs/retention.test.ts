import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { numberedEvent } from '../../../src-daemon/api/contract/events.ts'
import type { Acknowledgement } from '../../../src-daemon/jobs/ledger-retention.ts'
import { Retention, type RetentionParts } from '../../../src-daemon/jobs/retention.ts'
import { discardRunFolder } from '../../../src-daemon/runner/run-folder.ts'
import { newKey } from '../../../src-daemon/storage/key.ts'
import { RetentionStore } from '../../../src-daemon/storage/retention.ts'
import { jobRequest, keepingLog, newRow, openLedger } from '../../helpers/ledger-parts.ts'

const DAY = 86_400_000
const NOW = Date.now()

/** A node with low limits whose retention has not looked yet. */
function openRetention(options: Partial<RetentionParts> = {}) {
  const parts = openLedger()
  const folders = {
    logsDir: join(parts.dir, 'logs'),
    itemsDir: join(parts.dir, 'items'),
    jobsDir: null,
    runsDir: join(parts.dir, 'runs'),
  }
  let used = 0
  const log = keepingLog()
  const retention = new Retention({
    ...parts,
    store: new RetentionStore(parts.db),
    owner: { master: null, acknowledged: 0 },
    runner: { discard: discardRunFolder },
    folders,
    log,
    used: () => used,
    jobsToKeep: 2,
    historyToKeep: 100,
    datesToKeep: 90,
    ...options,
  })
  onTestFinished(() => retention.stop())
  return {
    ...parts,
    folders,
    log,
    retention,
    setUsed: (count: number) => {
      used = count
    },
    /** Adds jobs that ended `ages` days ago. */
    add(ages: readonly number[], row: Partial<Parameters<typeof newRow>[0]> = {}): readonly string[] {
      return parts.db.transaction(() =>
        ages.map((age) => {
          const at = Math.round(NOW - age * DAY)
          const times = { created_at: at - 2_000, started_at: at - 1_000, ended_at: at }
          const job = newRow({ state: 'finished', ...times, ...row })
          parts.jobs.insert(job)
          return job.key
        }),
      )()
    },
    left: () => parts.db.prepare('SELECT key FROM jobs ORDER BY n').pluck().all() as string[],
  }
}

/** `count` different ages of at most an hour, oldest first. */
const recent = (count: number) => Array.from({ length: count }, (_, i) => ((count - i) / count / 24) * 1)

describe('finished jobs', () => {
  it('go when there are more than history_to_keep, oldest end first, each with its event and its stats', async () => {
    const { add, left, retention, events, stats, writer, jobs } = openRetention()
    const keys = add(recent(130))
    await writer.write(() => {
      stats.put(keys[0]!, '{}')
      stats.put(keys[129]!, '{}')
    })
    await retention.wake()

    expect(left()).toEqual(keys.slice(30))
    expect(jobs.counts().finished).toBe(100)
    const removed = events.read(0, 1_000).map(({ json }) => numberedEvent.parse(JSON.parse(json)))
    expect(removed).toHaveLength(30)
    expect(removed.map((event) => 'key' in event && event.key)).toEqual(keys.slice(0, 30))
    expect([stats.get(keys[0]!), stats.get(keys[129]!)]).toEqual([null, {}])
  })

  it('go when they are older than dates_to_keep', async () => {
    const { add, left, retention } = openRetention()
    const keys = add([400, 91, 90.1, 89.9, 1, 0.1])
    await retention.wake()

    expect(left()).toEqual(keys.slice(3))
  })

  it('stay while a job runs, until there are twice as many or they are twice as old', async () => {
    const { add, left, retention, setUsed } = openRetention()
    const keys = add([181, 179, 91, ...recent(190)])
    setUsed(1)
    await retention.wake()
    expect(left()).toEqual(keys.slice(1))

    add(recent(20))
    await retention.wake()
    expect(left()).toHaveLength(100)
  })

  it('stop going when a job starts meanwhile', async () => {
    const { add, left, retention, setUsed, writer } = openRetention({ historyToKeep: 1_000 })
    add(recent(1_900))
    const off = writer.onCommit(() => {
      setUsed(1)
      off()
    })
    await retention.wake()

    expect(left()).toHaveLength(1_400)
  })

  it('never are those that wait or run', async () => {
    const { add, jobs, retention } = openRetention({ historyToKeep: 0, datesToKeep: 1 })
    const old = { created_at: NOW - 500 * DAY }
    for (const state of ['pending', 'assigned', 'starting', 'running'] as const) jobs.insert(newRow({ state, ...old }))
    add(recent(3))
    await retention.wake()

    expect(jobs.counts()).toEqual({ pending: 1, assigned: 1, starting: 1, running: 1, finished: 0 })
  })

  it('go at most 500 in a transaction', async () => {
    const { add, left, retention, writer, events } = openRetention({ historyToKeep: 10 })
    add(recent(1_234))
    let head = 0
    const steps: number[] = []
    writer.onCommit(() => {
      steps.push(events.head() - head)
      head = events.head()
    })
    await retention.wake()

    expect(left()).toHaveLength(10)
    expect(steps.filter((step) => step > 0)).toEqual([500, 500, 224])
  })

  it('stay where they are when the daemon stops in the middle', async () => {
    const { add, left, retention, writer } = openRetention({ historyToKeep: 10 })
    add(recent(1_234))
    const off = writer.onCommit(() => {
      void retention.stop()
      off()
    })
    await retention.wake()
    expect(left()).toHaveLength(734)

    await retention.wake()
    expect(left()).toHaveLength(734)
  })

  it('of the owner stay until it has acknowledged their end, whatever the limits', async () => {
    const owner = { master: { instance: 'master-1' }, acknowledged: 0 }
    const { add, left, ledger, retention, jobs } = openRetention({ owner, historyToKeep: 0, datesToKeep: 1 })
    const dispatched = newRow({ state: 'running', owner: 'master-1', owner_attempt: 1 })
    jobs.insert(dispatched)
    await ledger.finish(dispatched.key, { outcome: 'finished', reason: null, ended_at: NOW })
    const end = jobs.get(dispatched.key)!.end_seq!
    const others = add([200, 100, 0.1, 0.1])
    const former = add([50], { owner: 'master-0', end_seq: 99 })
    expect(left()).toEqual([dispatched.key, ...others, ...former])

    await retention.wake()
    expect(left()).toEqual([dispatched.key])
    owner.acknowledged = end - 1
    await retention.wake()
    expect(left()).toEqual([dispatched.key])
    owner.acknowledged = end
    await retention.wake()
    expect(left()).toEqual([])
  })

  it('make room for those that can go behind others that cannot', async () => {
    const owner = { master: { instance: 'm' }, acknowledged: 0 }
    const { add, left, retention } = openRetention({ owner, historyToKeep: 700 })
    const kept = add(recent(600), { owner: 'm', end_seq: 5 })
    const free = add(recent(600).map((age) => age / 100))
    await retention.wake()

    expect(left()).toEqual([...kept, ...free.slice(500)])
  })
})

describe('age', () => {
  it('counts for nothing while a stored time is in the future', async () => {
    const { add, left, retention } = openRetention()
    const keys = add([100, -0.1])
    await retention.wake()
    expect(left()).toEqual(keys)
  })

  it('counts for nothing after the clock has jumped', async () => {
    let ahead = 0
    const { add, left, retention } = openRetention({ now: () => Date.now() + ahead })
    const keys = add([10, 1, 0.1])
    await retention.wake()
    ahead = 200 * DAY
    await retention.wake()
    expect(left()).toEqual(keys)
  })

  it('still lets jobs over history_to_keep go', async () => {
    const { add, left, retention } = openRetention({ historyToKeep: 2 })
    const keys = add([100, 95, 0.2, -0.1])
    await retention.wake()
    expect(left()).toEqual(keys.slice(2))
  })
})

describe('events', () => {
  function openEvents(owner: Acknowledgement, count: number, first = 1) {
    const parts = openRetention({ owner })
    parts.db
      .prepare(
        `INSERT INTO events (seq, at, type, body)
         WITH RECURSIVE seq (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM seq WHERE n < :first + :count - 1)
         SELECT n, :at, 'project-removed', '{"name":"a"}' FROM seq`,
      )
      .run({ first, count, at: NOW })
    return parts
  }

  it('are kept to 20 000, and to twice as many while a job runs', async () => {
    const { events, retention, setUsed } = openEvents({ master: null, acknowledged: 0 }, 40_700)
    setUsed(1)
    await retention.wake()
    expect([events.oldest(), events.head()]).toEqual([1_001, 40_700])

    setUsed(0)
    await retention.wake()
    expect([events.oldest(), events.head()]).toEqual([20_701, 40_700])
  })

  it('stay until the owner has them', async () => {
    const owner = { master: { instance: 'm' }, acknowledged: 300 }
    const { events, retention } = openEvents(owner, 21_000)
    await retention.wake()
    expect(events.oldest()).toBe(301)

    owner.acknowledged = 20_900
    await retention.wake()
    expect(events.oldest()).toBe(1_001)
  })

  it('go beyond a million, owner or not', async () => {
    const { events, retention, db } = openEvents({ master: { instance: 'm' }, acknowledged: 0 }, 900)
    db.prepare(`INSERT INTO events (seq, at, type, body) VALUES (1000600, ?, 'project-removed', '{"name":"a"}')`).run(
      NOW,
    )
    await retention.wake()

    expect([events.oldest(), events.head()]).toEqual([601, 1_000_600])
  })
})

describe('answers and revocations', () => {
  it('go when no request can ask for them any more', async () => {
    const { db, retention, writer, requests, revocations } = openRetention()
    await writer.write(() => {
      for (let i = 0; i < 700; i++) requests.remember(`old-${i}`, '{}', NOW - 2 * DAY)
      requests.remember('new', '{}', NOW)
      revocations.put('old', 1, NOW - 8 * DAY)
      revocations.put('new', 1, NOW - 6 * DAY)
    })
    await retention.wake()

    expect(db.prepare('SELECT idempotency_key FROM requests').pluck().all()).toEqual(['new'])
    expect(db.prepare('SELECT key FROM revoked').pluck().all()).toEqual(['new'])
  })

  it('stay when the clock cannot be trusted', async () => {
    const { db, retention, writer, requests, add } = openRetention()
    add([-1])
    await writer.write(() => requests.remember('old', '{}', NOW - 2 * DAY))
    await retention.wake()

    expect(db.prepare('SELECT count(*) FROM requests').pluck().get()).toBe(1)
  })
})

describe('files', () => {
  /** Log and items of a job, of that age in minutes. */
  function write({ folders }: ReturnType<typeof openRetention>, id: string, age: number, spider = 'herald'): void {
    const at = (NOW - age * 60_000) / 1_000
    for (const [root, name] of [
      [folders.logsDir, `${id}.log`],
      [folders.itemsDir, `${id}.jl`],
    ] as const) {
      mkdirSync(join(root, 'news', spider), { recursive: true })
      writeFileSync(join(root, 'news', spider, name), 'x')
      utimesSync(join(root, 'news', spider, name), at, at)
    }
  }
  const names = ({ folders }: ReturnType<typeof openRetention>, spider = 'herald') => [
    ...readdirSync(join(folders.logsDir, 'news', spider)),
    ...readdirSync(join(folders.itemsDir, 'news', spider)),
  ]

  it('of a spider are kept for its newest jobs, and for jobs that wait or run', async () => {
    const node = openRetention()
    node.jobs.insert(newRow({ state: 'running', id: 'j0' }))
    node.jobs.insert(newRow({ state: 'pending', id: 'j1' }))
    node.add([1])
    for (const i of [0, 1, 2, 3, 4, 5]) write(node, `j${i}`, 100 - i)
    await node.retention.wake()

    expect(names(node)).toEqual(['j0.log', 'j1.log', 'j4.log', 'j5.log', 'j0.jl', 'j1.jl', 'j4.jl', 'j5.jl'])
  })

  it('go while a job runs only where there are twice as many', async () => {
    const node = openRetention()
    node.add([1])
    node.add([1], { spider: 'gazette' })
    for (const i of [0, 1, 2]) write(node, `j${i}`, 100 - i, 'gazette')
    for (const i of [0, 1, 2, 3, 4, 5]) write(node, `j${i}`, 100 - i)
    node.setUsed(1)
    await node.retention.wake()

    expect(names(node, 'gazette')).toHaveLength(6)
    expect(names(node)).toEqual(['j2.log', 'j3.log', 'j4.log', 'j5.log', 'j2.jl', 'j3.jl', 'j4.jl', 'j5.jl'])
  })

  it('of a spider are looked at when one of its jobs has ended', async () => {
    const node = openRetention()
    await node.retention.wake()
    node.retention.start()
    await node.retention.wake()
    for (const i of [0, 1, 2, 3]) write(node, `j${i}`, 100 - i)
    const { key } = await node.ledger.schedule(jobRequest())
    await node.ledger.finish(key, { outcome: 'finished', reason: null, ended_at: NOW })
    await node.retention.wake()

    expect(names(node)).toHaveLength(4)
  })

  it('in folders that belong to no spider of ours stay', async () => {
    const node = openRetention()
    node.add([1])
    for (const i of [0, 1, 2, 3]) write(node, `j${i}`, 100 - i, 'access')
    await node.retention.wake()

    expect(names(node, 'access')).toHaveLength(8)
  })
})

describe('run folders', () => {
  function run({ folders }: ReturnType<typeof openRetention>, name: string): string {
    const path = join(folders.runsDir, name)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'output'), 'words')
    writeFileSync(join(path, 'record'), '{}')
    return path
  }

  it('go with their job', async () => {
    const node = openRetention({ historyToKeep: 1 })
    const [gone, kept] = node.add([2, 1], { output_tail: 'words' })
    const [first, second] = [run(node, `${gone}.1`), run(node, `${kept}.1`)]
    await node.retention.wake()

    expect([existsSync(first), existsSync(second)]).toEqual([false, true])
  })

  it('that a crash has left are found: unknown, of an earlier attempt, with records, with no output', async () => {
    const node = openRetention()
    const [printed] = node.add([1], { output_tail: 'words', attempt: 2 })
    const [silent] = node.add([1])
    const running = newRow({ state: 'running' })
    node.jobs.insert(running)
    const paths = {
      unknown: run(node, `${newKey()}.1`),
      earlier: run(node, `${printed}.1`),
      printed: run(node, `${printed}.2`),
      silent: run(node, `${silent}.1`),
      running: run(node, `${running.key}.1`),
      foreign: run(node, 'lost+found'),
    }
    await node.retention.wake()

    expect(
      Object.entries(paths)
        .filter(([, path]) => existsSync(path))
        .map(([name]) => name),
    ).toEqual(['printed', 'running', 'foreign'])
    expect(readdirSync(paths.printed)).toEqual(['output'])
    expect(readdirSync(paths.running)).toHaveLength(2)
  })

  it('keep what was printed for the newest jobs of a spider', async () => {
    const node = openRetention()
    const keys = node.add([4, 3, 2, 1], { output_tail: 'words' })
    const others = node.add([9], { output_tail: 'words', spider: 'gazette' })
    for (const key of [...keys, ...others]) run(node, `${key}.1`)
    await node.retention.wake()

    expect(readdirSync(node.folders.runsDir).toSorted()).toEqual(
      [keys[2], keys[3], others[0]].map((key) => `${key}.1`).toSorted(),
    )
  })
})

describe('Retention', () => {
  it('looks after the end of a job once it is calm, and every minute', async () => {
    const { add, jobs, ledger, retention } = openRetention({ historyToKeep: 5 })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    retention.start()
    await retention.wake()
    add(recent(7))
    const { key } = await ledger.schedule(jobRequest())
    await ledger.finish(key, { outcome: 'finished', reason: null, ended_at: NOW })
    expect(jobs.counts().finished).toBe(8)

    vi.advanceTimersByTime(1_000)
    await vi.waitFor(() => expect(jobs.counts().finished).toBe(5), { interval: 1 })

    await retention.wake()
    add(recent(3))
    vi.advanceTimersByTime(60_000)
    await vi.waitFor(() => expect(jobs.counts().finished).toBe(5), { interval: 1 })
  })

  it('removes what it can when one kind cannot be removed, and says so', async () => {
    const { add, jobs, log, retention } = openRetention({
      historyToKeep: 5,
      runner: { discard: () => Promise.reject(new Error('no permission')) },
    })
    add(recent(7))
    await retention.wake()

    expect(jobs.counts().finished).toBe(5)
    expect(log.lines.join()).toContain('no permission')
  })

  it('does nothing more after stop', async () => {
    const { add, jobs, ledger, retention } = openRetention({ historyToKeep: 0 })
    retention.start()
    await retention.stop()
    add(recent(3))
    await retention.wake()
    const { key } = await ledger.schedule(jobRequest())
    await ledger.finish(key, { outcome: 'finished', reason: null, ended_at: NOW })

    expect(jobs.counts().finished).toBe(4)
  })
})
