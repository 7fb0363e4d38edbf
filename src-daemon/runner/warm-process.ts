import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { z } from 'zod'
import { spawnReason } from './cold-start.ts'
import type { Launch } from './cold-start.ts'
import { TOKEN_VARIABLE } from './job-environment.ts'
import { lastLines } from './output-tail.ts'
import { PYTHON_ENTRY } from './python-package.ts'
import type { RunFolder } from './run-folder.ts'

/** What became of an order to a warm process. `refused`: start it cold. `stale`: this process is of yesterday. */
export type WarmLaunch =
  | Exclude<Launch, { became: 'unstartable' }>
  | { readonly became: 'refused'; readonly reason: string }
  | { readonly became: 'stale' }

const messageSchema = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ unsafe: z.string() }),
  z.object({ preloaded: z.array(z.string()) }),
  z.object({ id: z.int(), start: z.object({ pid: z.number() }) }),
  z.object({ id: z.int(), lost: z.literal(true) }),
  z.object({ id: z.int(), problem: z.string() }),
  z.object({ id: z.int(), stale: z.string() }),
  z.object({ id: z.int(), exited: z.number() }),
])

/** Room for a token in the environment of a process that is started before there is one. */
const TOKEN_ROOM = 64
/** How long a warm process may take to import Scrapy, and then to start one spider. */
const READY_TIMEOUT_MS = 60_000
const ANSWER_TIMEOUT_MS = 20_000
const LAST_WORDS_MS = 1_000
const RETIRED = 'the warm process was retired'

/** What a warm process is started with. */
export interface WarmProcessOptions {
  readonly python: string
  readonly projectDir: string
  readonly environment: Record<string, string>
  /** Modules that its predecessor had found worth importing. */
  readonly preload: readonly string[]
  /** Called when the process has imported more. */
  readonly onPreloaded: (names: readonly string[]) => void
  /** Called once, when it is no more; with the reason, if it was not told to end. */
  readonly onGone: (reason: string | null) => void
}

/** A Python process that has imported Scrapy; its supervisors fork the spiders. Its death harms no run. */
export class WarmProcess {
  readonly #child: ChildProcess
  readonly #control: Socket
  readonly #options: WarmProcessOptions
  readonly #ready = Promise.withResolvers<string | null>()
  readonly #orders = new Map<number, (launch: WarmLaunch) => void>()
  readonly #timer: NodeJS.Timeout
  #nextId = 1
  #input = ''
  #printed = ''
  #isReady = false
  #isRetired = false
  #isGone = false

  constructor(options: WarmProcessOptions) {
    this.#options = options
    this.#child = spawn(options.python, [PYTHON_ENTRY, 'warm'], {
      cwd: options.projectDir,
      env: { ...options.environment, [TOKEN_VARIABLE]: '-'.repeat(TOKEN_ROOM) },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#control = this.#child.stdio[3] as Socket
    this.#control.setEncoding('utf8')
    this.#control.on('data', (text: string) => this.#read(text))
    // An end of the connection is the end of the process, which is told by `exit`.
    this.#control.on('error', () => {})
    this.#child.stderr?.setEncoding('utf8')
    this.#child.stderr?.on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-8192)
    })
    this.#child.once('error', (error) => this.#go(spawnReason(error, options.python, options.projectDir)))
    this.#child.once('exit', (code, signal) => {
      this.#whenAllIsRead(() => {
        const said = lastLines(this.#printed)
        this.#go(
          `the warm process ended ${signal === null ? `with exit code ${code}` : `by ${signal}`}` +
            (said === null ? '' : `: ${said}`),
        )
      })
    })
    this.#child.unref()
    this.#timer = setTimeout(() => {
      afterReading(() => {
        if (!this.#isReady) this.#giveUp('Scrapy was not imported in time')
      })
    }, READY_TIMEOUT_MS)
    if (options.preload.length > 0) this.#write({ preload: options.preload })
  }

  /** Orders that are not answered yet. */
  get pending(): number {
    return this.#orders.size
  }

  /** Starts the run in `folder`, as soon as Scrapy is imported. `job` is what its supervisor is told. */
  async start(folder: RunFolder, job: object): Promise<WarmLaunch> {
    const id = this.#nextId
    this.#nextId += 1
    const answer = Promise.withResolvers<WarmLaunch>()
    // Counted as pending from now on: nobody stops a process that is waited for.
    this.#orders.set(id, answer.resolve)
    const failure = await this.#ready.promise
    if (failure !== null) {
      this.#orders.delete(id)
      return { became: 'refused', reason: failure }
    }
    const timer = setTimeout(() => {
      afterReading(() => {
        if (this.#orders.has(id)) this.#giveUp('the warm process did not answer')
      })
    }, ANSWER_TIMEOUT_MS)
    this.#write({ id, folder: folder.path, job })
    const launch = await answer.promise
    clearTimeout(timer)
    return launch
  }

  /** Ends once its pending orders are answered; the caller gives it no more. Runs that it has started are not touched. */
  retire(): void {
    this.#isRetired = true
    if (this.#orders.size === 0) this.#go(null)
  }

  #read(text: string): void {
    this.#input += text
    const lines = this.#input.split('\n')
    this.#input = lines.pop() ?? ''
    for (const line of lines) this.#take(messageSchema.parse(JSON.parse(line)))
  }

  #take(message: z.infer<typeof messageSchema>): void {
    if ('ready' in message) {
      clearTimeout(this.#timer)
      this.#isReady = true
      this.#ready.resolve(null)
    } else if ('unsafe' in message) {
      this.#go(message.unsafe)
    } else if ('preloaded' in message) {
      this.#options.onPreloaded(message.preloaded)
    } else if ('start' in message) {
      this.#answer(message.id, { became: 'started' })
    } else if ('lost' in message) {
      this.#answer(message.id, { became: 'lost' })
    } else if ('stale' in message) {
      this.#answer(message.id, { became: 'stale' })
    } else if ('problem' in message) {
      this.#answer(message.id, { became: 'refused', reason: message.problem })
    } else {
      // A supervisor that ends without a report; most have reported long before.
      this.#answer(message.id, { became: 'refused', reason: 'the warm process could not start the run' })
    }
  }

  /** What the process and its supervisors said last (why it ends, that a run has begun) may lie unread when it is gone. */
  #whenAllIsRead(then: () => void): void {
    if (this.#control.destroyed) return then()
    const timer = setTimeout(then, LAST_WORDS_MS)
    this.#control.once('close', () => {
      clearTimeout(timer)
      then()
    })
  }

  #answer(id: number, launch: WarmLaunch): void {
    this.#orders.get(id)?.(launch)
    this.#orders.delete(id)
    if (this.#isRetired && this.#orders.size === 0) this.#go(null)
  }

  #giveUp(reason: string): void {
    this.#child.kill('SIGKILL')
    this.#go(reason)
  }

  #go(reason: string | null): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#timer)
    this.#ready.resolve(reason ?? RETIRED)
    for (const id of this.#orders.keys()) {
      this.#answer(id, { became: 'refused', reason: reason ?? RETIRED })
    }
    // The end of the connection is how the process is told to end.
    this.#control.destroy()
    this.#child.stderr?.destroy()
    this.#options.onGone(reason)
  }

  #write(message: object): void {
    if (!this.#isGone) this.#control.write(`${JSON.stringify(message)}\n`)
  }
}

/** A daemon that was itself stopped, or whose machine was, finds the time over before it has read what was said in time. */
function afterReading(then: () => void): void {
  setImmediate(then)
}
