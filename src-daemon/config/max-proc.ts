import type { ScrapydConfig } from './config.ts'

/** How many spiders may run at once on a machine with `cpus` processors: `max_proc`, else CPUs × `max_proc_per_cpu`. */
export function maxProc(scrapyd: Pick<ScrapydConfig, 'maxProc' | 'maxProcPerCpu'>, cpus: number): number {
  return scrapyd.maxProc > 0 ? scrapyd.maxProc : Math.max(1, cpus) * scrapyd.maxProcPerCpu
}
