/**
 * Runs `task` for every item, at most `limit` at once. Results come in the order of the items; an error is a result too,
 * so that one node's failure is never everybody's.
 */
export async function concurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
): Promise<readonly ({ readonly item: T; readonly value: R } | { readonly item: T; readonly error: unknown })[]> {
  const results: ({ readonly item: T; readonly value: R } | { readonly item: T; readonly error: unknown })[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      const item = items[index]!
      try {
        results[index] = { item, value: await task(item) }
      } catch (error) {
        results[index] = { item, error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}
