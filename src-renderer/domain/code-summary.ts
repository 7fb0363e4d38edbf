import type { Project } from '../../src-daemon/api/contract/values.ts'
import { codeView, isDrift, masterCode, type CodeView } from './code-view.ts'

/** What is most worth saying about a project's code over the nodes. */
export type ProjectCodeSummary =
  | { readonly kind: 'drift'; readonly node: string; readonly view: CodeView; readonly more: number }
  | { readonly kind: 'broken'; readonly node: string }
  /** On some of the nodes only. */
  | { readonly kind: 'some'; readonly on: number; readonly of: number }
  | { readonly kind: 'only'; readonly node: string }
  | { readonly kind: 'same'; readonly on: number }

export function summarizeCode(project: Project, masterName: string, nodeCount: number): ProjectCodeSummary {
  const master = masterCode(project, masterName)
  const views = project.nodes.map((code) => ({ code, view: codeView(code, master) }))
  const drifting = views.filter(({ view }) => isDrift(view.status))
  const [first] = drifting
  if (first !== undefined) return { kind: 'drift', node: first.code.node, view: first.view, more: drifting.length - 1 }
  const broken = views.find(({ view }) => view.status === 'broken')
  if (broken !== undefined) return { kind: 'broken', node: broken.code.node }
  const on = project.nodes.length
  const [only] = project.nodes
  if (on === 1 && nodeCount > 1 && only !== undefined) return { kind: 'only', node: only.node }
  return on < nodeCount ? { kind: 'some', on, of: nodeCount } : { kind: 'same', on }
}
