import type { PendingGroup } from '../storage/jobs.ts'

/**
 * Which of the waiting jobs is next on this node: the best priority over the whole node, then the project that has the
 * fewest running jobs (fair between projects), then the oldest. Pure.
 * @param heads the oldest job of each (priority, project), best priority first
 */
export function nextJob(
  heads: Iterable<PendingGroup>,
  runningOf: (project: string) => number,
  isRunnable: (head: PendingGroup) => boolean = () => true,
): PendingGroup | null {
  let best: PendingGroup | null = null
  for (const head of heads) {
    if (best !== null && head.priority < best.priority) break
    if (!isRunnable(head)) continue
    if (best === null) {
      best = head
      continue
    }
    const difference = runningOf(head.project) - runningOf(best.project)
    if (difference < 0 || (difference === 0 && head.n < best.n)) best = head
  }
  return best
}
