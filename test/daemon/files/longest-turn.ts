/**
 * What `work` gives, and how long it keeps this thread from everything else at most: in milliseconds of processor time,
 * as on a busy machine the clock also counts what others do.
 */
export async function longestTurn<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly longest: number }> {
  let longest = 0
  let isOver = false
  let before = threadTime()
  const look = () => {
    const now = threadTime()
    longest = Math.max(longest, now - before)
    before = now
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  const result = await work()
  isOver = true
  return { result, longest: Math.max(longest, threadTime() - before) }
}

function threadTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
