import type { ApiHandlers } from '../api/ports.ts'
import type { JobDesk } from '../jobs/job-desk.ts'
import type { StatsStore } from '../storage/stats.ts'
import { signalOf } from './signals.ts'

type JobHandlers = Pick<
  ApiHandlers,
  'listJobs' | 'createJobs' | 'cancelJobs' | 'rerunJobs' | 'getJob' | 'cancelJob' | 'rerunJob' | 'spiderHints'
>

/** The `/api` handlers that the ledger answers: the same on a node and on a master. */
export function jobHandlers(desk: JobDesk, stats: StatsStore): JobHandlers {
  return {
    listJobs: async ({ query }) => desk.page(query),
    createJobs: ({ body }, by) => desk.create('jobs' in body ? body.jobs : [body], by),
    cancelJobs: ({ body }, by) => desk.cancelMany(body, by),
    rerunJobs: ({ body }, by) => desk.rerunMany(body, by),
    getJob: async ({ params }) => desk.detail(params.key),
    cancelJob: ({ params, body }, by) =>
      desk.cancelByKey(params.key, body.signal === undefined ? null : signalOf(body.signal), by),
    rerunJob: ({ params }, by) => desk.rerun(params.key, by),
    spiderHints: async ({ params: { project, spider } }) => ({
      args: [...stats.usedNames('args', project, spider)],
      settings: [...stats.usedNames('settings', project, spider)],
    }),
  }
}
