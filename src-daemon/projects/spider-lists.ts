import { reasonText } from '../api/contract/reasons.ts'
import { RunnerError } from '../errors.ts'
import type { SpiderListing } from '../runner/run.ts'
import { Limit } from './limit.ts'
import type { ResolvedProject } from './project-registry.ts'
import type { SpiderListStore } from './project-store.ts'
import type { Sources } from './source-fingerprint.ts'
import { lookAtSources } from './source-fingerprint.ts'
import type { SpiderList } from './spider-list.ts'
import { guessedSources, placeOf } from './spider-list.ts'

/** One look at the files serves all who ask within so many times its own cost: looking never takes more than 2 % of the time. */
const GLANCE_SHARE = 50
/** A project whose list failed is tried again when asked, at most so often while its files do not change. */
const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 60_000
/** What a broken module lacks may lie outside the project (a package): a list with errors is made anew now and then. */
const ERRORS_AGE_MS = 300_000
/** Listing is a Python process that imports a whole project. */
const AT_ONCE = 4

export interface SpiderListsParts {
  /** Finds a project's code. Throws ProjectNotFoundError, ProjectUnusableError. */
  readonly resolve: (name: string) => Promise<ResolvedProject>
  /** Asks Python. Throws RunnerError. */
  readonly list: (project: ResolvedProject) => Promise<SpiderListing>
  /** The list itself has limits of time; this one is for a list that never answers at all. */
  readonly timeoutMs: number
  readonly store?: SpiderListStore
  /** What is known of a project's spiders is another now: a new list, or none because making it failed. */
  readonly onChange?: (name: string, list: SpiderList | null) => void
  /** Something went wrong that nobody waits for. */
  readonly onProblem?: (message: string, cause: unknown) => void
}

interface Entry {
  readonly place: string
  sources: Sources
  list: SpiderList | null
  fingerprint: string
  /** Until then the last look at the files counts. */
  glanceUntil: number
  glance: Promise<boolean> | null
  running: Promise<SpiderList> | null
  /** Asked for while one was running that had begun too early. */
  next: Promise<SpiderList> | null
  failure: { readonly error: unknown; readonly at: number; readonly retryMs: number } | null
}

/** Keeps the spider list of every project, as fresh as the code on disk. Python runs only when the code has changed. */
export class SpiderLists {
  readonly #parts: SpiderListsParts
  readonly #entries = new Map<string, Entry>()
  readonly #limit = new Limit(AT_ONCE)

  constructor(parts: SpiderListsParts) {
    this.#parts = parts
  }

  /**
   * The list of a project, made anew when its code has changed since. Throws what `resolve` throws, RunnerError when the
   * project cannot be loaded.
   * @param options.looksNow does not trust a look at the files that was taken a moment ago
   */
  async get(name: string, options: { readonly looksNow?: boolean } = {}): Promise<SpiderList> {
    const project = await this.#parts.resolve(name)
    const entry = this.#entry(project)
    if (options.looksNow === true) entry.glanceUntil = Number.NEGATIVE_INFINITY
    const isFresh = await this.#isFresh(entry)
    const { list, failure } = entry
    if (isFresh && list !== null) {
      if (list.listing.errors.length > 0 && Date.now() - list.listedAt > ERRORS_AGE_MS) this.#background(project, entry)
      return list
    }
    if (isFresh && failure !== null && performance.now() - failure.at < failure.retryMs) throw failure.error
    // One that runs may have begun before the change; when it ends, what it read is compared with what is there then.
    const made = await (entry.running ?? this.#start(project, entry))
    return (await this.#isFresh(entry)) ? made : await this.#anew(project, entry)
  }

  /** Makes the list anew, from the code as it is now. Throws as `get` does. */
  async refresh(name: string): Promise<SpiderList> {
    const project = await this.#parts.resolve(name)
    return await this.#anew(project, this.#entry(project))
  }

  /** The list of a place that is not in service yet. Throws RunnerError. */
  async tryOut(project: ResolvedProject): Promise<SpiderList> {
    return await this.#anew(project, this.#entry(project))
  }

  /** The last list, without looking at anything; null when there is none. */
  known(name: string): SpiderList | null {
    return this.#entries.get(name)?.list ?? null
  }

  /** Why there is no list; null when there is one, or none was made yet. */
  problem(name: string): Error | null {
    return (this.#entries.get(name)?.failure?.error as Error | undefined) ?? null
  }

  /** The state of the code on disk, whatever the state of the list. Throws what `resolve` throws. */
  async fingerprint(name: string): Promise<string> {
    const entry = this.#entry(await this.#parts.resolve(name))
    await this.#isFresh(entry)
    return entry.fingerprint
  }

  /** Forgets a project that was taken out of service. */
  async forget(name: string): Promise<void> {
    this.#entries.delete(name)
    await this.#parts.store?.delete(name)
  }

  #entry(project: ResolvedProject): Entry {
    const place = placeOf(project)
    const known = this.#entries.get(project.name)
    if (known?.place === place) return known
    const entry: Entry = {
      place,
      sources: guessedSources(project),
      list: null,
      fingerprint: '',
      glanceUntil: Number.NEGATIVE_INFINITY,
      glance: null,
      running: null,
      next: null,
      failure: null,
    }
    this.#entries.set(project.name, entry)
    const stored = this.#parts.store?.load(project.name) ?? null
    if (stored?.place === place) {
      const { listing, listedAt, fingerprint } = stored
      entry.list = { listing, listedAt, fingerprint }
      entry.sources = listing
      // It may be answered with at once; whether Python or Scrapy have changed meanwhile is found out beside.
      this.#background(project, entry)
    }
    return entry
  }

  /** Whether the code is what the list (or the failure) was made from. Also keeps the fingerprint. */
  async #isFresh(entry: Entry): Promise<boolean> {
    if (performance.now() < entry.glanceUntil) return this.#matches(entry)
    entry.glance ??= this.#glance(entry).finally(() => {
      entry.glance = null
    })
    return await entry.glance
  }

  async #glance(entry: Entry): Promise<boolean> {
    const { sources } = entry
    const began = performance.now()
    const fingerprint = await lookAtSources(sources)
    // A list that was finished meanwhile has looked at its own, newer, sources.
    if (entry.sources === sources) {
      if (entry.failure !== null && entry.fingerprint !== fingerprint) entry.failure = null
      entry.fingerprint = fingerprint
      const now = performance.now()
      entry.glanceUntil = now + (now - began) * GLANCE_SHARE
    }
    return this.#matches(entry)
  }

  #matches({ list, failure, fingerprint }: Entry): boolean {
    return list === null ? failure !== null : list.fingerprint === fingerprint
  }

  #background(project: ResolvedProject, entry: Entry): void {
    if (entry.running !== null) return
    this.#start(project, entry).catch((error: unknown) => {
      this.#parts.onProblem?.(`the spiders of ${project.name} cannot be listed`, error)
    })
  }

  async #anew(project: ResolvedProject, entry: Entry): Promise<SpiderList> {
    if (entry.running === null) return await this.#start(project, entry)
    const after = () => {
      entry.next = null
      return this.#start(project, entry)
    }
    entry.next ??= entry.running.then(after, after)
    return await entry.next
  }

  #start(project: ResolvedProject, entry: Entry): Promise<SpiderList> {
    const running = this.#limit
      .run(() => this.#make(project, entry))
      .finally(() => {
        if (entry.running === running) entry.running = null
      })
    entry.running = running
    return running
  }

  async #make(project: ResolvedProject, entry: Entry): Promise<SpiderList> {
    const { list: earlier, sources } = entry
    const before = await lookAtSources(sources)
    try {
      const listing = await this.#withinTime(project)
      const isSteady = (await lookAtSources(sources)) === before
      const fingerprint = await lookAtSources(listing)
      const list = { listing, listedAt: Date.now(), fingerprint: isSteady ? fingerprint : null }
      entry.list = list
      entry.sources = listing
      entry.fingerprint = fingerprint
      entry.failure = null
      if (this.#entries.get(project.name) !== entry) return list
      await this.#save(project.name, entry.place, list)
      if (!isSameListing(earlier, list)) this.#parts.onChange?.(project.name, list)
      return list
    } catch (error) {
      const retryMs = Math.min((entry.failure?.retryMs ?? RETRY_MS / 2) * 2, LONGEST_RETRY_MS)
      entry.list = null
      entry.fingerprint = before
      entry.failure = { error, at: performance.now(), retryMs }
      if (earlier !== null && this.#entries.get(project.name) === entry) this.#parts.onChange?.(project.name, null)
      throw error
    }
  }

  async #withinTime(project: ResolvedProject): Promise<SpiderListing> {
    const { list, timeoutMs } = this.#parts
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const words = reasonText('listTooLong', { project: project.name, seconds: timeoutMs / 1000 })
      timer = setTimeout(() => reject(new RunnerError(words)), timeoutMs)
    })
    try {
      return await Promise.race([list(project), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #save(name: string, place: string, { listing, listedAt, fingerprint }: SpiderList): Promise<void> {
    if (fingerprint === null) return
    try {
      await this.#parts.store?.save(name, { place, listing, listedAt, fingerprint })
    } catch (error) {
      // The list is good without being kept.
      this.#parts.onProblem?.(`the spider list of ${name} cannot be stored`, error)
    }
  }
}

function isSameListing(a: SpiderList | null, b: SpiderList): boolean {
  return (
    a !== null &&
    JSON.stringify([a.listing.spiders, a.listing.errors]) === JSON.stringify([b.listing.spiders, b.listing.errors])
  )
}
