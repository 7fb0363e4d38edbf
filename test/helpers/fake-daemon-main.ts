import { fileURLToPath } from 'node:url'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { FakeDaemon } from './fake-daemon.ts'
import { sampleAnswers } from './sample-answers.ts'
import { sampleLog } from './sample-log.ts'
import { sampleCluster } from './sample-cluster.ts'

// A cluster to look at: `node test/helpers/fake-daemon-main.ts [port]` serves the built console with generated data that
// changes by itself.
const cluster = sampleCluster()
const tell = (job: Job) => daemon.commit({ type: 'job', job })
const daemon = new FakeDaemon({
  answers: sampleAnswers(cluster, (job) => void tell(job)),
  console: fileURLToPath(new URL('../../dist/console', import.meta.url)),
  tailed: (key) => {
    const job = cluster.jobs.find((each) => each.key === key)
    return job === undefined ? null : { text: sampleLog(job), isOver: job.state === 'finished' }
  },
})
console.log(await daemon.start(Number(process.argv[2] ?? 6_899)))

setInterval(() => {
  for (const job of cluster.jobs.filter(({ state, node_offline }) => state === 'running' && !node_offline)) {
    Object.assign(job, { pages: (job.pages ?? 0) + 11, items: (job.items ?? 0) + 7 })
    daemon.emit({ type: 'stats', key: job.key, pages: job.pages, items: job.items, errors: job.errors, rate: null })
  }
  for (const node of cluster.nodes.filter(({ state }) => state === 'online')) {
    const { id, pending, running, max_proc, latency_ms } = node
    daemon.emit({
      type: 'load',
      node: id,
      pending,
      running,
      max_proc,
      latency_ms: (latency_ms ?? 1) * (0.8 + Math.random() * 0.4),
    })
  }
}, 2_000)
