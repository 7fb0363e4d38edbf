import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { endOfFile } from './plain-file.ts'
import { OUTPUT_FILE, type StartRecord } from './run.ts'

/** Names shared with `records.py`. */
const JOB = 'job.json'
const ALIVE = 'alive'
/** The supervisor's: a line each for the claim, the end, the start. */
const RECORD = 'record'
const END_LINE = 1
const START_LINE = 2
/** The spider's: the last whole line counts. */
const SPIDER = 'spider.jsonl'
/** More than any of them grows to. */
const MOST_BYTES = 1024 * 1024

const startSchema = z.object({
  token: z.string(),
  pid: z.int().positive(),
  /** Clock ticks since the boot; null where the system does not tell. */
  pidStart: z.number().nullable(),
  supervisorPid: z.int().positive(),
  supervisorStart: z.number().nullable(),
  startedAt: z.number(),
  bootId: z.string(),
  mode: z.enum(['cold', 'warm']),
  modeNote: z.string().nullable(),
})

const spiderSchema = z.object({
  token: z.string(),
  at: z.number(),
  finishReason: z.string().nullable(),
  stats: z.record(z.string(), z.unknown()),
  ended: z.boolean(),
})

const exitSchema = z.object({
  token: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  startedAt: z.number(),
  endedAt: z.number(),
  cpuSeconds: z.number().nullable(),
  maxRssBytes: z.number().nullable(),
})

/** What the supervisor wrote before the spider began. */
export type StoredStart = z.infer<typeof startSchema>

/** What the spider's process wrote about itself, last. */
export type StoredSpider = z.infer<typeof spiderSchema>

/** What the supervisor wrote when nothing of the run was left. */
export type StoredExit = z.infer<typeof exitSchema>

/** The folder of one attempt: everything about it that survives a crash. Records of another attempt count as absent. */
export class RunFolder {
  readonly path: string
  readonly #token: string

  constructor(path: string, token: string) {
    this.path = path
    this.#token = token
  }

  get alivePath(): string {
    return join(this.path, ALIVE)
  }

  get outputPath(): string {
    return join(this.path, OUTPUT_FILE)
  }

  /** Makes the folder. */
  create(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
  }

  /** Tells a process of its own what to do. Written whole or not at all, as a late child may read it. */
  tell(job: object): void {
    const temporary = join(this.path, `.${JOB}.${process.pid}`)
    writeFileSync(temporary, JSON.stringify(job), { mode: 0o600 })
    renameSync(temporary, join(this.path, JOB))
  }

  isClaimed(): boolean {
    return statSync(join(this.path, RECORD), { throwIfNoEntry: false }) !== undefined
  }

  /** Only for a claim whose owner died before it let the spider begin. */
  async dropClaim(): Promise<void> {
    await rm(join(this.path, RECORD), { force: true })
  }

  readStart(): StoredStart | null {
    return this.#parse(this.#lines(RECORD)[START_LINE], startSchema)
  }

  readSpider(): StoredSpider | null {
    // One that was cut short (a full disk, the end of the process) is followed by the next, or stands last.
    for (const line of this.#lines(SPIDER).toReversed()) {
      const record = this.#parse(line, spiderSchema)
      if (record !== null) return record
    }
    return null
  }

  readExit(): StoredExit | null {
    return this.#parse(this.#lines(RECORD)[END_LINE], exitSchema)
  }

  /** When something was last written here, in milliseconds since 1970; null when there is nothing. */
  lastSignOfLife(): number | null {
    const times = [RECORD, SPIDER, OUTPUT_FILE].flatMap((name) => {
      const stat = statSync(join(this.path, name), { throwIfNoEntry: false })
      return stat === undefined ? [] : [Math.round(stat.mtimeMs)]
    })
    return times.length === 0 ? null : Math.max(...times)
  }

  #lines(name: string): string[] {
    // Nothing where it is not written (yet).
    return endOfFile(join(this.path, name), MOST_BYTES)?.toString('utf8').split('\n') ?? []
  }

  #parse<T extends { token: string }>(line: string | undefined, schema: z.ZodType<T>): T | null {
    if (line === undefined || line.trim() === '') return null
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      // A crash of the machine may leave anything behind.
      return null
    }
    const parsed = schema.safeParse(value)
    return parsed.success && parsed.data.token === this.#token ? parsed.data : null
  }
}

/** Removes a run's folder, or everything in it but what the run printed. */
export async function discardRunFolder(path: string, keepOutput: boolean): Promise<void> {
  // A handful of small files: at once it takes a sixth of the processor time that it takes on the thread pool, 0.1 ms.
  if (!keepOutput) return rmSync(path, { recursive: true, force: true })
  let names: string[]
  try {
    names = await readdir(path)
  } catch {
    // It never came to be.
    return
  }
  for (const name of names) {
    if (name !== OUTPUT_FILE) await rm(join(path, name), { recursive: true, force: true })
  }
}

/** The part of the start record that concerns the launcher. */
export function startRecord(start: StoredStart): StartRecord {
  const { pid, supervisorPid, startedAt, mode, modeNote } = start
  return { pid, supervisorPid, startedAt, mode, modeNote }
}
