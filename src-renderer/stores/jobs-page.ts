import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import type { LocationQuery } from 'vue-router'
import type { JobFilter } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { useWhenBack } from '../composables/use-when-back.ts'
import { apiFilter, matchesFilter, readFilter, type JobsFilter } from '../domain/jobs-filter.ts'
import { isAbort } from '../transport/call-error.ts'
import { useClockStore } from './clock.ts'

/** Rows of one reading. */
export const PAGE_ROWS = 200
/** How long a row shows that it has changed (`base.css`), in milliseconds. */
const TINT = 600
/** Pages whose rows are held; of all others only the place where they begin is kept. */
const MOST_PAGES = 30

/**
 * All jobs that a filter matches, as a list of any length: pages are read when their rows come into view, and given back
 * when too many are held. Rows change in place; jobs that are new are counted, and shown when they are asked for, so that
 * nothing moves under the pointer.
 */
export const useJobsPageStore = defineStore('jobs-page', () => {
  const transport = useTransport()
  const clock = useClockStore()
  /** The address that the list was last shown with: the way back from a job. */
  const query = shallowRef<LocationQuery>({})
  const filter = shallowRef<JobsFilter>(readFilter({}))
  const total = ref(0)
  const isLoaded = ref(false)
  const error = shallowRef<unknown>(null)
  const pages = shallowRef(new Map<number, Job[]>())
  const fresh = shallowRef<ReadonlySet<string>>(new Set())
  /** Rows that have just changed their state, with the moment: they are tinted once. */
  const changed = shallowRef<ReadonlyMap<string, number>>(new Map())
  const removed = shallowRef<ReadonlySet<string>>(new Set())

  /** Where pages begin; the first one begins at the begin. */
  let cursors: (string | undefined)[] = [undefined]
  let places = new Map<string, number>()
  let wanted: readonly [number, number] = [0, 0]
  let isReading = false
  /** It was to be read anew from its begin, which has not come yet. */
  let isOutdated = false
  /** When the first page was read, in the daemon's time. */
  let loadedAt = 0
  let controller = new AbortController()

  const request = computed<JobFilter>(() => apiFilter(filter.value))

  /** Shows a filter from its first row on. Rows stay until the new ones are there when it is the same filter. */
  function show(next: JobsFilter, from: LocationQuery): void {
    query.value = from
    const isSame = isLoaded.value && JSON.stringify(next) === JSON.stringify(filter.value)
    filter.value = next
    if (isSame) return
    isLoaded.value = false
    void reload()
  }

  async function reload(): Promise<void> {
    controller.abort()
    controller = new AbortController()
    isOutdated = true
    isReading = false
    wanted = [0, 0]
    error.value = null
    await readOn(true)
  }

  /** Another try of what could not be read: the rows in view, or all of it where there is nothing yet. */
  function retry(): void {
    if (!isLoaded.value || isOutdated) {
      void reload()
      return
    }
    error.value = null
    void readOn(false)
  }
  useWhenBack(() => error.value !== null && retry())

  /** Rows that are in view: their pages are read if they are not there. */
  function want(from: number, to: number): void {
    wanted = [Math.floor(Math.max(0, from) / PAGE_ROWS), Math.floor(Math.max(0, to) / PAGE_ROWS)]
    if (isLoaded.value && error.value === null) void readOn(false)
  }

  async function readOn(isFirst: boolean): Promise<void> {
    if (isReading) return
    isReading = true
    const { signal } = controller
    try {
      let first = isFirst
      for (;;) {
        const page = first ? 0 : nextPage()
        if (page === null) return
        await readPage(page, signal, first)
        if (signal.aborted) return
        first = false
      }
    } catch (cause) {
      if (!isAbort(cause) && !signal.aborted) error.value = cause
    } finally {
      if (!signal.aborted) isReading = false
    }
  }

  /** The next page to read: one in view, or on the way to it the last one whose begin is known. */
  function nextPage(): number | null {
    const last = Math.max(0, Math.ceil(total.value / PAGE_ROWS) - 1)
    for (let page = wanted[0]; page <= Math.min(wanted[1], last); page += 1) {
      if (pages.value.has(page)) continue
      if (page < cursors.length) return page
      return cursors.length - 1
    }
    return null
  }

  async function readPage(page: number, signal: AbortSignal, isFirst: boolean): Promise<void> {
    const cursor = cursors[page]
    const asked = clock.now
    const reply = await transport.call(
      'listJobs',
      {
        query: {
          ...request.value,
          sort: filter.value.sort,
          limit: PAGE_ROWS,
          ...(isFirst || cursor === undefined ? {} : { cursor }),
        },
      },
      { signal },
    )
    if (signal.aborted) return
    if (isFirst) {
      isOutdated = false
      // What became other while nothing was heard is seen by comparing.
      tint(reply.jobs.filter((job) => isOther(job, stateOf(job.key))).map(({ key }) => key))
      pages.value = new Map()
      places = new Map()
      cursors = [undefined]
      fresh.value = new Set()
      removed.value = new Set()
      total.value = reply.total
      loadedAt = asked
      isLoaded.value = true
    }
    pages.value.set(page, reply.jobs)
    for (const [index, job] of reply.jobs.entries()) places.set(job.key, page * PAGE_ROWS + index)
    if (reply.next !== null) cursors[page + 1] = reply.next
    else {
      // The end came earlier or later than it was said at first.
      total.value = page * PAGE_ROWS + reply.jobs.length
    }
    if (reply.jobs.length === 0 && page > 0) total.value = Math.min(total.value, page * PAGE_ROWS)
    giveBack(page)
    triggerRef(pages)
  }

  function giveBack(near: number): void {
    if (pages.value.size <= MOST_PAGES) return
    const middle = (wanted[0] + wanted[1]) / 2
    const far = [...pages.value.keys()]
      .filter((page) => page !== near)
      .toSorted((a, b) => Math.abs(b - middle) - Math.abs(a - middle))[0]
    if (far === undefined) return
    for (const job of pages.value.get(far) ?? []) places.delete(job.key)
    pages.value.delete(far)
  }

  function rowAt(index: number): Job | null {
    return pages.value.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS] ?? null
  }

  /** Both ends with what lies between them, as far as it is held. */
  function rowsBetween(one: number, other: number): Job[] {
    const from = Math.min(one, other)
    const range = Array.from({ length: Math.abs(one - other) + 1 }, (_, step) => rowAt(from + step))
    return range.filter((job) => job !== null)
  }

  function placeOf(key: string): number | null {
    // Looked at also for its dependency: places come and go with the pages.
    return pages.value.size === 0 ? null : (places.get(key) ?? null)
  }

  function stateOf(key: string): Job['state'] | null {
    const place = places.get(key)
    return place === undefined ? null : (rowAt(place)?.state ?? null)
  }

  /** Tints rows once: the mark goes with the tint, so that neither scrolling back nor another change finds it there. */
  function tint(keys: readonly string[]): void {
    if (keys.length === 0) return
    const now = Date.now()
    changed.value = new Map([...changed.value, ...keys.map((key) => [key, now] as const)])
    setTimeout(() => (changed.value = new Map([...changed.value].filter(([, at]) => at > now))), TINT)
  }

  function apply(events: readonly FeedEvent[]): void {
    if (!isLoaded.value) return
    let isTouched = false
    const tinted: string[] = []
    for (const event of events) {
      if (event.type === 'job') {
        const before = stateOf(event.job.key)
        isTouched = put(event.job) || isTouched
        if (isOther(event.job, before)) tinted.push(event.job.key)
      } else if (event.type === 'job-removed') {
        if (places.has(event.key)) removed.value = new Set(removed.value).add(event.key)
        if (fresh.value.has(event.key)) fresh.value = new Set([...fresh.value].filter((key) => key !== event.key))
      } else if (event.type === 'stats') {
        const place = places.get(event.key)
        const job = place === undefined ? null : rowAt(place)
        if (job === null || place === undefined) continue
        const { pages: count, items, errors } = event
        setRow(place, { ...job, pages: count ?? job.pages, items: items ?? job.items, errors: errors ?? job.errors })
        isTouched = true
      }
    }
    tint(tinted)
    if (isTouched) triggerRef(pages)
  }

  function put(job: Job): boolean {
    const place = places.get(job.key)
    if (place === undefined) {
      const isNew = !fresh.value.has(job.key) && isSince(job)
      if (isNew && matchesFilter(job, request.value, clock.now)) fresh.value = new Set(fresh.value).add(job.key)
      return false
    }
    setRow(place, job)
    return true
  }

  /** A job of a page that is not held only changes there; one that came into the list since it was read is new. */
  function isSince(job: Job): boolean {
    const { state, outcome } = request.value
    const came =
      outcome !== undefined || state?.includes('finished') === true
        ? job.ended_at
        : state?.includes('running') === true
          ? job.started_at
          : job.created_at
    return came !== null && Date.parse(came) >= loadedAt
  }

  function setRow(place: number, job: Job): void {
    const rows = pages.value.get(Math.floor(place / PAGE_ROWS))
    if (rows !== undefined) rows[place % PAGE_ROWS] = job
  }

  /** The job before or after one in the list it was opened from; null: it is not there, or at an end. */
  function neighbourOf(key: string, step: 1 | -1): string | null {
    const place = placeOf(key)
    return place === null ? null : (rowAt(place + step)?.key ?? null)
  }

  return {
    query,
    filter,
    request,
    total,
    isLoaded,
    error,
    pages,
    fresh,
    changed,
    removed,
    show,
    reload,
    retry,
    want,
    rowAt,
    rowsBetween,
    placeOf,
    apply,
    neighbourOf,
  }
})

/** Whether a row that is known has another state now. */
function isOther(job: Job, before: Job['state'] | null): boolean {
  return before !== null && before !== job.state
}
