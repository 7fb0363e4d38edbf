import type { Project, ProjectCode } from '../../src-daemon/api/contract/values.ts'

/** A project's code on one node, seen from the master's. */
export type CodeStatus = 'same' | 'behind' | 'ahead' | 'other' | 'dirty' | 'offline' | 'absent' | 'broken' | 'no-git'

export type CodeOnNode = Project['nodes'][number]

export interface CodeView {
  readonly status: CodeStatus
  /** Commits behind or ahead of the master's; 0 elsewhere. */
  readonly distance: number
}

/** `master` is the same project on the master (null where it is not there). */
export function codeView(
  code: CodeOnNode | undefined,
  master: Pick<ProjectCode, 'commit' | 'behind' | 'ahead'> | null,
): CodeView {
  if (code === undefined) return { status: 'absent', distance: 0 }
  if (code.node_state === 'offline') return { status: 'offline', distance: 0 }
  if (code.error !== null) return { status: 'broken', distance: 0 }
  if (code.commit === null) return { status: master?.commit == null ? 'no-git' : 'other', distance: 0 }
  if (master?.commit != null && master.commit !== code.commit) return distanceView(code, master)
  return { status: code.dirty === true ? 'dirty' : 'same', distance: 0 }
}

/** Both know how far they are from the same upstream branch; the difference is what lies between them. */
function distanceView(code: CodeOnNode, master: Pick<ProjectCode, 'behind' | 'ahead'>): CodeView {
  const behind = (code.behind ?? 0) - (master.behind ?? 0)
  const ahead = (code.ahead ?? 0) - (master.ahead ?? 0)
  if (behind > 0 && ahead <= 0) return { status: 'behind', distance: behind }
  if (ahead > 0 && behind <= 0) return { status: 'ahead', distance: ahead }
  if (behind < 0 && ahead <= 0) return { status: 'ahead', distance: -behind }
  return { status: 'other', distance: 0 }
}

/** The states that mean other code than on the master. */
export function isDrift(status: CodeStatus): boolean {
  return status === 'behind' || status === 'ahead' || status === 'other' || status === 'dirty'
}

/** The entry of the master's own node, or the first one where the master runs no jobs. */
export function masterCode(project: Pick<Project, 'nodes'>, masterName: string): CodeOnNode | null {
  return project.nodes.find(({ node }) => node === masterName) ?? project.nodes[0] ?? null
}

/** Those whose code is not the master's come first where there is no room for all; not there is worth the least. */
const URGENCY: Record<CodeStatus, number> = {
  broken: 0,
  other: 1,
  behind: 1,
  ahead: 1,
  dirty: 1,
  offline: 2,
  same: 3,
  'no-git': 3,
  absent: 4,
}

/** Of the states of many nodes what there is room for: all of them in their order, or else the most urgent. */
export function shownCells<T extends { readonly status: CodeStatus }>(
  cells: readonly T[],
  limit: number,
): readonly T[] {
  if (cells.length <= limit) return cells
  return cells.toSorted((a, b) => URGENCY[a.status] - URGENCY[b.status]).slice(0, limit)
}
