import { computed, type ComputedRef } from 'vue'
import type { Node } from '../../src-daemon/api/contract/values.ts'
import { codeView, masterCode, type CodeOnNode, type CodeView } from '../domain/code-view.ts'
import { useClusterStore } from '../stores/cluster.ts'
import { useProjectsStore } from '../stores/projects.ts'

export interface NodeCode {
  readonly project: string
  readonly code: CodeOnNode
  readonly view: CodeView
}

/** The projects of a node with their code, seen from the master's. Project events keep it live. */
export function useNodeCode(node: () => Node): ComputedRef<NodeCode[]> {
  const cluster = useClusterStore()
  const projects = useProjectsStore()
  return computed(() =>
    projects.projects.flatMap((project) => {
      const code = project.nodes.find((each) => each.node === node().name)
      if (code === undefined) return []
      const view = codeView({ ...code, node_state: 'online' }, masterCode(project, cluster.masterName))
      return [{ project: project.name, code, view }]
    }),
  )
}
