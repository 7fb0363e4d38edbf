import type { PullStep } from './values.ts'

/** A project's part of a pull on a node, before anything has happened there. */
export function waitingStep(project: string, nodeName: string): PullStep {
  return {
    project,
    node_name: nodeName,
    state: 'waiting',
    message: 'waiting',
    branch: null,
    before: null,
    after: null,
    output: '',
    changes: null,
    stashed: null,
  }
}
