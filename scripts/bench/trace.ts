import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  readonly args?: { readonly name?: string }
}

/** What the main threads of pages did while something was traced. */
export interface Tasks {
  /** Milliseconds of the longest task. */
  readonly longestMs: number
  /** Tasks that took longer than 50 ms, which is what browsers call long. */
  readonly long: number
  /** Share of the time in which the busiest main thread worked. */
  readonly busy: number
}

/** What Chromium calls a task of a thread; others of that kind lie within it. */
const TASK = 'ThreadControllerImpl::RunTask'

/** Traces the browser by its own means while `work` is done, and tells of the tasks of the pages' main threads. */
export async function traced(browser: Browser, page: Page, work: () => Promise<void>): Promise<Tasks> {
  const path = join(tmpdir(), `scrapyd-service-trace-${process.pid}.json`)
  await browser.startTracing(page, { path, categories: ['toplevel', '__metadata'] })
  const begun = performance.now()
  await work()
  const ms = performance.now() - begun
  await browser.stopTracing()
  const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as { traceEvents: TraceEvent[] }
  rmSync(path)
  const mains = new Set(
    traceEvents
      .filter((event) => event.name === 'thread_name' && event.args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}:${tid}`),
  )
  const tasks = traceEvents.filter((event) => event.ph === 'X' && event.name === TASK)
  const byThread = Map.groupBy(tasks, ({ pid, tid }) => `${pid}:${tid}`)
  let [longestMs, long, busy] = [0, 0, 0]
  for (const [thread, own] of byThread) {
    if (!mains.has(thread)) continue
    const times = own.map(({ dur = 0 }) => dur / 1000)
    longestMs = Math.max(longestMs, ...times)
    long += times.filter((time) => time > 50).length
    busy = Math.max(busy, times.reduce((sum, time) => sum + time, 0) / ms)
  }
  if (longestMs === 0) throw new Error('the trace has no task of a page')
  return { longestMs, long, busy }
}
