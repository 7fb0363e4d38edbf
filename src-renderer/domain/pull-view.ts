import type { Pull, PullStep } from '../../src-daemon/api/contract/values.ts'
import type { JobStatus } from './job-view.ts'

/** The shape that tells how far a node's part of a pull is. */
export function pullGlyph(step: Pick<PullStep, 'state'>): JobStatus {
  switch (step.state) {
    case 'waiting':
      return 'pending'
    case 'running':
      return 'starting'
    case 'ok':
      return 'finished'
    case 'error':
      return 'failed'
  }
}

export function isDone(step: Pick<PullStep, 'state'>): boolean {
  return step.state === 'ok' || step.state === 'error'
}

/** A pull that nobody goes on with: what was not done has failed, without a word of the node's about why. */
export function interrupted(pull: Pull, at: string): Pull {
  const steps = pull.steps.map((step) => (isDone(step) ? step : { ...step, state: 'error' as const, message: '' }))
  return { ...pull, ended_at: at, steps }
}

/** A line of git's output that says what went wrong. */
export function isGitError(line: string): boolean {
  return /^(error|fatal|CONFLICT|Aborting|hint: )/.test(line) || /^(Please commit|Automatic merge failed)/.test(line)
}
