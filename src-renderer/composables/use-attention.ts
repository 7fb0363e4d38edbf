import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRouter, type RouteLocationRaw } from 'vue-router'
import type { Attention } from '../../src-daemon/api/contract/values.ts'
import { codeView, isDrift, masterCode } from '../domain/code-view.ts'
import { shortCommit } from '../domain/job-view.ts'
import type { NodeStatus } from '../domain/node-view.ts'
import type { JobStatus } from '../domain/job-view.ts'
import { useClusterStore } from '../stores/cluster.ts'
import { useOverviewStore } from '../stores/overview.ts'
import { useProjectsStore } from '../stores/projects.ts'
import { useFormat } from './use-format.ts'
import { useNodeActions } from './use-node-actions.ts'
import { useNodeReason } from './use-node-reason.ts'
import { useProjectActions } from './use-project-actions.ts'
import { useReason } from './use-reason.ts'

/** A row of "Needs attention": what, why and consequence, since when, and the one action that solves it. */
export interface AttentionRow {
  readonly id: string
  readonly glyph: NodeStatus | JobStatus | 'warn'
  readonly title: string
  readonly text: string
  /** The text is quoted from a program. */
  readonly isQuoted: boolean
  readonly since: string | null
  readonly action: { readonly label: string; readonly to?: RouteLocationRaw; readonly run?: () => Promise<unknown> }
}

/** The overview's list in words, made live from what the stores know. */
export function useAttention(): ComputedRef<AttentionRow[]> {
  const { t } = useI18n()
  const format = useFormat()
  const router = useRouter()
  const reason = useReason()
  const nodeReason = useNodeReason()
  const overview = useOverviewStore()
  const cluster = useClusterStore()
  const projects = useProjectsStore()
  const nodeActions = useNodeActions()
  const projectActions = useProjectActions()

  const openNode = (id: string) => ({ label: t('attention.openNode'), to: { name: 'node', params: { id } } })

  const sentence = (words: string) => (words === '' || /[.!?。！？]$/.test(words) ? words : words + t('fullStop'))

  function words(row: Attention): Omit<AttentionRow, 'id' | 'since'> {
    const text = (name: string) => String(row.data[name] ?? '')
    const count = (name: string) => Number(row.data[name] ?? 0)
    switch (row.kind) {
      case 'node-offline':
        return {
          glyph: 'offline',
          title: t('attention.offline', { node: text('node') }),
          text: [
            sentence(nodeReason(text('reason'), cluster.byId.get(text('id')))),
            count('jobs') > 0 ? t('attention.jobsStay', { n: count('jobs') }, count('jobs')) : '',
          ]
            .filter(Boolean)
            .join(t('gap')),
          isQuoted: false,
          action: openNode(text('id')),
        }
      case 'node-problem':
        return {
          glyph: 'unknown',
          title: t('attention.problem', { node: text('node') }),
          text: nodeReason(text('reason'), cluster.byId.get(text('id'))),
          isQuoted: false,
          action: openNode(text('id')),
        }
      case 'spider-failing':
        return failing(text('project'), text('spider'), count('failures'))
      case 'jobs-lost':
        return {
          glyph: 'lost',
          title: t('attention.lost', { n: count('jobs') }, count('jobs')),
          text: t('attention.lostText'),
          isQuoted: false,
          action: { label: t('attention.showJobs'), to: { name: 'jobs', query: { outcome: 'lost', from: '-24h' } } },
        }
      case 'project-broken':
        return broken(text('project'), text('node'), text('reason'), count('modules'))
      case 'code-drift':
        return drift(text('project'))
      case 'jobs-waiting':
        return waiting(count('jobs'), text('reason'))
      case 'disk-low':
        return {
          glyph: 'warn',
          title: t('attention.disk', { node: text('node') }),
          text: t('attention.diskText', {
            free: format.memory(count('free_bytes')),
            share: format.percent(count('share')),
          }),
          isQuoted: false,
          action: openNode(text('id')),
        }
    }
  }

  function failing(project: string, spider: string, failures: number): Omit<AttentionRow, 'id' | 'since'> {
    const last = overview.overview?.last_failures.find((job) => job.project === project && job.spider === spider)
    return {
      glyph: 'failed',
      title: t('attention.failing', { spider, n: failures }),
      text: reason(last?.reason ?? null) || project,
      isQuoted: last?.reason != null,
      action:
        last === undefined
          ? { label: t('attention.showJobs'), to: { name: 'jobs', query: { project, spider } } }
          : { label: t('attention.openLog'), to: { name: 'job', params: { key: last.key } } },
    }
  }

  function broken(project: string, node: string, why: string, modules: number): Omit<AttentionRow, 'id' | 'since'> {
    return {
      glyph: 'warn',
      title:
        why === ''
          ? t('attention.notLoaded', { project, n: modules }, modules)
          : t('attention.broken', { project, node }),
      text: why === '' ? t('attention.notLoadedText') : reason(why),
      isQuoted: false,
      action: { label: t('attention.openProject'), to: { name: 'project', params: { project } } },
    }
  }

  function drift(name: string): Omit<AttentionRow, 'id' | 'since'> {
    const project = projects.byName.get(name)
    const master = project === undefined ? null : masterCode(project, cluster.masterName)
    const others = (project?.nodes ?? [])
      .map((code) => ({ code, view: codeView(code, master) }))
      .filter(({ view }) => isDrift(view.status))
    const sentences = others.slice(0, 2).map(({ code, view }) =>
      t(
        `attention.drift.${view.status}`,
        {
          node: code.node,
          n: view.distance,
          commit: shortCommit(code.commit ?? ''),
          master: shortCommit(master?.commit ?? ''),
        },
        view.distance,
      ),
    )
    return {
      glyph: 'warn',
      title: t('attention.driftTitle', { project: name }),
      text: sentences.join(t('gap')),
      isQuoted: false,
      action: {
        label: t('action.pull'),
        run: () => projectActions.pull(name, others.length > 0 ? others.map(({ code }) => code.node) : undefined),
      },
    }
  }

  function waiting(jobs: number, why: string): Omit<AttentionRow, 'id' | 'since'> {
    const paused = cluster.nodes.filter((node) => node.paused && why.includes(node.name))
    const [only] = paused
    return {
      glyph: 'pending',
      title: t('attention.waiting', { n: jobs }, jobs),
      text: reason(why),
      isQuoted: false,
      action:
        only !== undefined && paused.length === 1
          ? { label: t('attention.resume', { node: only.name }), run: () => nodeActions.resume(only) }
          : {
              label: t('attention.showJobs'),
              to: router.resolve({ name: 'jobs', query: { state: 'pending' } }).fullPath,
            },
    }
  }

  return computed(() =>
    (overview.overview?.attention ?? []).map((row, index) => ({
      id: `${row.kind}-${index}`,
      since: row.since,
      ...words(row),
    })),
  )
}
