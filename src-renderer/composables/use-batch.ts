import { computed, readonly, ref, shallowRef, type ComputedRef, type Ref } from 'vue'
import type { NewJob } from '../../src-daemon/api/contract/endpoints.ts'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { useErrorText } from './use-error-text.ts'
import { useReason } from './use-reason.ts'
import { useTransport } from './use-transport.ts'

/** One spider of a batch with what became of it. */
export interface BatchRow {
  readonly spider: string
  readonly state: 'waiting' | 'sending' | 'scheduled' | 'refused'
  readonly job: Job | null
  readonly error: string | null
}

export interface Batch {
  readonly rows: Readonly<Ref<readonly BatchRow[]>>
  readonly isSending: Readonly<Ref<boolean>>
  readonly answered: ComputedRef<number>
  readonly refused: ComputedRef<readonly BatchRow[]>
  /** Sends them in order, some at a time; resolves when all are answered or it was stopped. */
  send(jobs: readonly NewJob[]): Promise<void>
  /** What was not sent yet stays unsent. */
  stop(): void
}

const AT_ONCE = 10

/** Schedules many jobs and keeps what became of each. */
export function useBatch(): Batch {
  const transport = useTransport()
  const errorText = useErrorText()
  const reason = useReason()
  const rows = shallowRef<readonly BatchRow[]>([])
  const isSending = ref(false)
  let isStopped = false

  const answered = computed(() => rows.value.filter(({ state }) => state === 'scheduled' || state === 'refused').length)
  const refused = computed(() => rows.value.filter(({ state }) => state === 'refused'))

  function set(from: number, count: number, change: (row: BatchRow, index: number) => BatchRow): void {
    rows.value = rows.value.map((row, index) =>
      index >= from && index < from + count ? change(row, index - from) : row,
    )
  }

  async function send(jobs: readonly NewJob[]): Promise<void> {
    rows.value = jobs.map(({ spider }) => ({ spider, state: 'waiting', job: null, error: null }))
    isSending.value = true
    isStopped = false
    for (let from = 0; from < jobs.length && !isStopped; from += AT_ONCE) {
      const part = jobs.slice(from, from + AT_ONCE)
      set(from, part.length, (row) => ({ ...row, state: 'sending' }))
      await sendPart(part, from)
    }
    isSending.value = false
  }

  async function sendPart(part: readonly NewJob[], from: number): Promise<void> {
    try {
      const { results } = await transport.call('createJobs', { body: { jobs: [...part] } })
      set(from, part.length, (row, index) => {
        const result = results[index]
        return {
          ...row,
          state: result?.ok === true ? 'scheduled' : 'refused',
          job: result?.job ?? null,
          error: reason(result?.error ?? null) || null,
        }
      })
    } catch (error) {
      set(from, part.length, (row) => ({ ...row, state: 'refused', error: errorText(error) }))
    }
  }

  return {
    rows: readonly(rows) as Readonly<Ref<readonly BatchRow[]>>,
    isSending: readonly(isSending),
    answered,
    refused,
    send,
    stop: () => (isStopped = true),
  }
}
