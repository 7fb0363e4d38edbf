/** Runs `work` on every item, `limit` at a time; the answers come in the order of the items. */
export async function mapLimited<Item, Answer>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next
      next += 1
      const item = items[index]
      if (item !== undefined) answers[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: limit }, worker))
  return answers
}
