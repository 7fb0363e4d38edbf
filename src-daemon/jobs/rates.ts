import type { RatePoint } from '../api/contract/values.ts'
import { counter } from './outcome.ts'
import type { StatsSnapshot } from '../runner/run.ts'

/** Live counters of a running job. */
export interface LiveCounters {
  readonly pages: number
  readonly items: number
  readonly errors: number
}

/** At most one point per 10 s over 30 minutes: 180 points a job. */
const STEP_MS = 10_000
const POINTS = 180

/** The short history of running jobs, in memory: pages, items and errors per minute. Gone with the job. */
export class Rates {
  readonly #jobs = new Map<
    string,
    { last: StatsSnapshot; point: { at: number; live: LiveCounters }; points: RatePoint[] }
  >()

  /** Takes a snapshot; returns the counters now and the new point, if one is due. */
  add(key: string, snapshot: StatsSnapshot): { readonly live: LiveCounters; readonly point: RatePoint | null } {
    const live = countersOf(snapshot.stats)
    const job = this.#jobs.get(key)
    if (job === undefined) {
      this.#jobs.set(key, { last: snapshot, point: { at: snapshot.at, live }, points: [] })
      return { live, point: null }
    }
    job.last = snapshot
    const elapsed = snapshot.at - job.point.at
    if (elapsed < STEP_MS) return { live, point: null }
    const perMinute = (now: number, before: number) => Math.round(((now - before) * 600_000) / elapsed) / 10
    const point: RatePoint = {
      at: new Date(snapshot.at).toISOString(),
      pages: perMinute(live.pages, job.point.live.pages),
      items: perMinute(live.items, job.point.live.items),
      errors: perMinute(live.errors, job.point.live.errors),
    }
    job.point = { at: snapshot.at, live }
    job.points.push(point)
    if (job.points.length > POINTS) job.points.shift()
    return { live, point }
  }

  points(key: string): readonly RatePoint[] {
    return this.#jobs.get(key)?.points ?? []
  }

  stats(key: string): Readonly<Record<string, unknown>> | null {
    return this.#jobs.get(key)?.last.stats ?? null
  }

  live(key: string): LiveCounters | null {
    const job = this.#jobs.get(key)
    return job === undefined ? null : countersOf(job.last.stats)
  }

  forget(key: string): void {
    this.#jobs.delete(key)
  }
}

/** Pages, items and errors out of Scrapy's stats. */
export function countersOf(stats: Readonly<Record<string, unknown>> | null): LiveCounters {
  return {
    pages: counter(stats, 'response_received_count'),
    items: counter(stats, 'item_scraped_count'),
    errors: counter(stats, 'log_count/ERROR') + counter(stats, 'log_count/CRITICAL'),
  }
}
