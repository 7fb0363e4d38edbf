import { waitingStep } from '../api/contract/pull-steps.ts'
import type { Pull, PullStep } from '../api/contract/values.ts'

/** Of what git prints, so much is kept: the end. */
const MAX_OUTPUT = 20_000
/** Between two reports of a pull that only prints. */
const REPORT_MS = 200

type Change = Partial<Omit<PullStep, 'node_name' | 'project' | 'output'>>

/** One pull as everybody sees it: a step per project, told about whenever it changes. */
export class PullProgress {
  readonly #pull: Omit<Pull, 'ended_at' | 'steps'>
  readonly #steps: Map<string, PullStep>
  readonly #onStep: (pull: Pull) => void
  #endedAt: string | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(pull: Omit<Pull, 'ended_at' | 'steps'>, nodeName: string, onStep: (pull: Pull) => void) {
    this.#pull = pull
    this.#onStep = onStep
    this.#steps = new Map(pull.projects.map((project) => [project, waitingStep(project, nodeName)]))
  }

  /** A copy that does not change any more. */
  get state(): Pull {
    return { ...this.#pull, ended_at: this.#endedAt, steps: [...this.#steps.values()] }
  }

  set(projects: readonly string[], change: Change): void {
    for (const project of projects) this.#replace(project, change)
    this.#report()
  }

  /** Appends what git printed; reported a little later, together with what follows. */
  print(projects: readonly string[], text: string): void {
    for (const project of projects) {
      const output = `${this.#steps.get(project)?.output ?? ''}${text}`
      this.#replace(project, { output: output.length > MAX_OUTPUT ? `…${output.slice(1 - MAX_OUTPUT)}` : output })
    }
    this.#timer ??= setTimeout(() => this.#report(), REPORT_MS)
  }

  end(at: string): Pull {
    this.#endedAt = at
    this.#report()
    return this.state
  }

  #replace(project: string, change: Change & Partial<Pick<PullStep, 'output'>>): void {
    const step = this.#steps.get(project)
    if (step !== undefined) this.#steps.set(project, { ...step, ...change })
  }

  #report(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#onStep(this.state)
  }
}
