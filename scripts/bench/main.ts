import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/root.ts'
import { table, type Row } from './figures.ts'
import { clusterDelay, clusterRate, forwardRate, manySlaves } from './cluster-benches.ts'
import { changeToScreen, firstView, hugeLog, tableScroll, tailRate } from './console-benches.ts'
import { desktopStart } from './desktop-benches.ts'
import { MachineWatch, machineLine, othersShare } from './machine.ts'
import {
  logDownload,
  longList,
  longQueue,
  scheduleRate,
  startAndMemory,
  startDelay,
  stockByDefault,
  throughput,
} from './node-benches.ts'
import { jobMemory, loopDelay } from './runner-benches.ts'

/** Everything that can be measured, by name; `npm run bench -- NAME …` measures some of it. */
const BENCHES: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  schedule: scheduleRate,
  'start-cold': () => startDelay('off'),
  'start-warm': () => startDelay('on'),
  'jobs-cold': () => throughput('off'),
  'jobs-warm': () => throughput('on'),
  'jobs-300': () => throughput('on', { count: 300, kind: 'newspapers' }),
  'jobs-300-stubs': () => throughput('on', { count: 300, kind: 'stubs' }),
  'stock-default': stockByDefault,
  'memory-cold': () => jobMemory('off'),
  'memory-warm': () => jobMemory('on'),
  loop: loopDelay,
  list: longList,
  idle: startAndMemory,
  log: logDownload,
  queue: longQueue,
  'cluster-jobs': clusterRate,
  'cluster-delay': clusterDelay,
  forward: forwardRate,
  slaves: manySlaves,
  'desktop-start': desktopStart,
  'console-view': firstView,
  'console-scroll': tableScroll,
  'console-tail': tailRate,
  'console-log': hugeLog,
  'console-change': changeToScreen,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`No benchmark is named ${unknown.join(', ')}. There are: ${Object.keys(BENCHES).join(', ')}.`)
  process.exitCode = 1
} else {
  const before = await othersShare(2_000)
  const watch = new MachineWatch()
  const rows: Row[] = []
  for (const name of wanted.length === 0 ? Object.keys(BENCHES) : wanted) {
    console.error(`measuring ${name} …`)
    const measured = await BENCHES[name]!()
    // What was measured is not lost if a later one fails.
    for (const { what, ours, stock, ratio } of measured) console.error(`  ${what}: ${ours}, stock ${stock}, ${ratio}`)
    rows.push(...measured)
  }
  const { stolen } = watch.shares()
  const report = [
    machineLine(),
    `Before the run others used ${(before * 100).toFixed(0)} % of one core; ${(stolen * 100).toFixed(1)} % was stolen meanwhile. ${new Date().toISOString().slice(0, 16)}Z`,
    '',
    table(rows),
    '',
  ].join('\n')
  console.log(report)
  mkdirSync(join(root, '.data'), { recursive: true })
  writeFileSync(join(root, '.data', 'bench.md'), report)
}
