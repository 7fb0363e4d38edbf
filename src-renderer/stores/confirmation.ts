import { defineStore } from 'pinia'
import { readonly, shallowRef } from 'vue'

/** One question before something that cannot be taken back. Title and both buttons are verbs; the safe one has focus. */
export interface Question {
  readonly title: string
  readonly text: string
  /** Label of the button that does it. */
  readonly yes: string
  /** Label of the safe button ("Keep running"). */
  readonly no: string
  readonly danger: boolean
}

export const useConfirmationStore = defineStore('confirmation', () => {
  const question = shallowRef<Question | null>(null)
  let resolve: ((answer: boolean) => void) | null = null

  /** Resolves to whether it shall be done. A second question answers the first with no. */
  function ask(next: Question): Promise<boolean> {
    answer(false)
    question.value = next
    return new Promise((settle) => (resolve = settle))
  }

  function answer(yes: boolean): void {
    question.value = null
    resolve?.(yes)
    resolve = null
  }

  return { question: readonly(question), ask, answer }
})
