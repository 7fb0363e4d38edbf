import { computed, ref, shallowRef, watch, type ComputedRef, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute, useRouter } from 'vue-router'
import type { Job, Node, Project, Spider } from '../../src-daemon/api/contract/values.ts'
import { jobSeconds, jobStatus } from '../domain/job-view.ts'
import { nodeAddress, nodeStatus } from '../domain/node-view.ts'
import type { PaletteItem } from '../domain/palette-items.ts'
import { useClockStore } from '../stores/clock.ts'
import { useClusterStore } from '../stores/cluster.ts'
import { useJobsStore } from '../stores/jobs.ts'
import { useOverviewStore } from '../stores/overview.ts'
import { LANGUAGES, usePreferencesStore } from '../stores/preferences.ts'
import { useProjectsStore } from '../stores/projects.ts'
import { useRecentStore, type RecentPlace } from '../stores/recent.ts'
import { useSpidersStore } from '../stores/spiders.ts'
import { useAttention } from './use-attention.ts'
import { useFormat } from './use-format.ts'
import { useNodeActions } from './use-node-actions.ts'
import { useProjectActions } from './use-project-actions.ts'
import { useRunLink } from './use-run-link.ts'
import { useTransport } from './use-transport.ts'

const ASK_AFTER = 200
const ASKED_JOBS = 8

/** Everything the palette can go to or do, from what the page knows; older jobs are asked for as the query is typed. */
export function usePaletteItems(query: Ref<string>, openShortcuts: () => void): ComputedRef<PaletteItem[]> {
  const { t } = useI18n()
  const route = useRoute()
  const router = useRouter()
  const format = useFormat()
  const transport = useTransport()
  const clock = useClockStore()
  const cluster = useClusterStore()
  const projects = useProjectsStore()
  const spiders = useSpidersStore()
  const jobs = useJobsStore()
  const preferences = usePreferencesStore()
  const link = useRunLink()
  const projectActions = useProjectActions()
  const nodeActions = useNodeActions()
  const overview = useOverviewStore()
  const recent = useRecentStore()
  const attention = useAttention()

  if (overview.overview === null) void overview.load()
  watch(
    () => projects.projects.map(({ name }) => name),
    (names) => {
      // One that cannot be listed is only not found here; its page says why.
      for (const name of names) spiders.loadOnce(name).catch(() => {})
    },
    { immediate: true },
  )

  const found = shallowRef<readonly Job[]>([])
  const asked = ref(0)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(query, (text) => {
    clearTimeout(timer)
    const round = ++asked.value
    if (text.trim().length < 3) return
    timer = setTimeout(async () => {
      const reply = await transport.call('listJobs', { query: { q: text.trim(), limit: ASKED_JOBS } }).catch(() => null)
      if (round === asked.value && reply !== null) found.value = reply.jobs
    }, ASK_AFTER)
  })

  function aboutJob(job: Job): string {
    const seconds = jobSeconds(job, clock.now)
    const status = jobStatus(job)
    if (job.state === 'running') return t('palette.runningFor', { time: format.duration(seconds ?? 0) })
    if (job.ended_at === null || status === 'pending' || status === 'starting' || status === 'running')
      return t(`state.${status}`)
    return t('palette.endedAgo', { state: t(`legend.${status}`), ago: format.ago(job.ended_at, clock.now) })
  }

  function spiderItem(project: string, spider: Spider): PaletteItem {
    const job = spider.last_job
    return {
      id: `spider ${project} ${spider.name}`,
      group: 'spiders',
      glyph: job === null ? { icon: 'run' } : { state: jobStatus(job) },
      title: spider.name,
      detail: job === null ? project : `${project} · ${aboutJob(job)}`,
      openLabel: job === null ? t('action.run') : t('palette.openJob'),
      open: () =>
        job === null ? link.run(project, [spider.name]) : router.push({ name: 'job', params: { key: job.key } }),
      run: () => link.run(project, [spider.name]),
    }
  }

  function projectItems(project: Project): PaletteItem[] {
    const { name } = project
    const nodes = t('pull.nodes', { n: project.nodes.length }, project.nodes.length)
    return [
      {
        id: `project ${name}`,
        group: 'projects',
        glyph: { icon: 'projects' },
        title: name,
        detail: [t('project.spiders', { n: project.spiders ?? 0 }, project.spiders ?? 0), nodes].join(t('comma')),
        open: () => router.push({ name: 'project', params: { project: name } }),
        run: () => link.run(name),
      },
      {
        id: `run ${name}`,
        group: 'actions',
        glyph: { icon: 'run' },
        title: t('palette.runOf', { project: name }),
        detail: '',
        openLabel: t('action.run'),
        open: () => link.run(name),
      },
      {
        id: `pull ${name}`,
        group: 'actions',
        glyph: { icon: 'pull' },
        title: t('palette.pullOf', { project: name }),
        detail: t('palette.on', { nodes }),
        openLabel: t('action.pull'),
        open: () => projectActions.pull(name),
      },
    ]
  }

  function jobItem(job: Job): PaletteItem {
    return {
      id: `job ${job.key}`,
      group: 'jobs',
      glyph: { state: jobStatus(job) },
      title: `${job.id.slice(0, 8)} ${job.spider}`,
      keywords: [job.id],
      detail: [
        job.project,
        aboutJob(job),
        ...(job.items === null ? [] : [t('palette.items', { n: format.number(job.items) }, job.items)]),
      ].join(t('comma')),
      openLabel: t('palette.openJob'),
      open: () => router.push({ name: 'job', params: { key: job.key } }),
      run: () => link.rerun(job.key),
    }
  }

  function nodeItems(node: Node): PaletteItem[] {
    const action = node.paused ? 'resume' : 'pause'
    return [
      {
        id: `node ${node.id}`,
        group: 'nodes',
        glyph: { state: nodeStatus(node) },
        title: node.name,
        detail: [
          t(`state.${nodeStatus(node)}`),
          t('slotsOf', { used: node.running, total: node.max_proc ?? '–' }),
          nodeAddress(node),
        ]
          .filter(Boolean)
          .join(t('comma')),
        openLabel: t('attention.openNode'),
        open: () => router.push({ name: 'node', params: { id: node.id } }),
      },
      {
        id: `${action} ${node.id}`,
        group: 'actions',
        glyph: { icon: node.paused ? 'run' : 'pause' },
        title: t(`palette.${action}`, { node: node.name }),
        detail: '',
        openLabel: t(`node.${action}`),
        open: () => (node.paused ? nodeActions.resume(node) : nodeActions.pause(node, null)),
      },
    ]
  }

  /** The state of a place as far as it is known here. */
  function glyphOf({ kind, path }: RecentPlace, known: readonly Job[]): PaletteItem['glyph'] {
    const id = decodeURIComponent(path.split('/')[2] ?? '')
    const job = kind === 'jobs' ? known.find(({ key }) => key === id) : undefined
    if (job !== undefined) return { state: jobStatus(job) }
    const node = kind === 'nodes' ? cluster.byId.get(id) : undefined
    return node === undefined ? { icon: kind } : { state: nodeStatus(node) }
  }

  const actions = computed<PaletteItem[]>(() => {
    const page = (name: 'overview' | 'jobs' | 'projects' | 'nodes' | 'forwards', key: string): PaletteItem => ({
      id: `page ${name}`,
      group: 'actions',
      glyph: { icon: name },
      title: t(`nav.${name}`),
      detail: '',
      keywords: [t(`words.${name}`)],
      shortcut: `G ${key}`,
      open: () => router.push(name === 'overview' ? '/' : `/${name}`),
    })
    return [
      {
        id: 'run',
        group: 'actions',
        glyph: { icon: 'run' },
        title: t('action.runSpiders'),
        detail: '',
        keywords: [t('words.run')],
        shortcut: 'R',
        open: () => link.run(),
      },
      page('overview', 'O'),
      page('jobs', 'J'),
      page('projects', 'P'),
      page('nodes', 'N'),
      page('forwards', 'F'),
      {
        id: 'failed',
        group: 'actions',
        glyph: { icon: 'filter' },
        title: t('palette.failedJobs'),
        detail: t('palette.lastDay'),
        open: () => router.push({ name: 'jobs', query: { outcome: ['failed', 'lost'], from: '-24h' } }),
      },
      {
        id: 'pull-all',
        group: 'actions',
        glyph: { icon: 'pull' },
        title: t('palette.pullAll'),
        detail: '',
        open: () => projectActions.pullAll(projects.projects),
      },
      ...(cluster.isMaster
        ? [
            {
              id: 'add-node',
              group: 'actions' as const,
              glyph: { icon: 'plus' as const },
              title: t('node.add'),
              detail: '',
              open: () => router.push({ name: 'nodes', query: { add: '1' } }),
            },
          ]
        : []),
      {
        id: 'keys',
        group: 'actions',
        glyph: { icon: 'terminal' },
        title: t('shortcuts.title'),
        detail: '',
        shortcut: '?',
        open: openShortcuts,
      },
      {
        id: 'theme',
        group: 'actions',
        glyph: { icon: 'overview' },
        title: t('palette.theme'),
        detail: '',
        open: () => (preferences.chosen.theme = preferences.isDark ? 'light' : 'dark'),
      },
      {
        id: 'language',
        group: 'actions',
        glyph: { icon: 'overview' },
        title: t('palette.language'),
        detail: '',
        open: () => (preferences.chosen.language = LANGUAGES.find((one) => one !== preferences.language) ?? 'system'),
      },
    ]
  })

  return computed(() => {
    const known = [...jobs.active, ...jobs.ended]
    const keys = new Set(known.map(({ key }) => key))
    return [
      // First, so that what is chosen before anything is typed goes somewhere and changes nothing.
      ...actions.value,
      ...recent.places
        .filter(({ path }) => path !== route.path)
        .map((place): PaletteItem => ({
          id: `recent ${place.path}`,
          group: 'recent',
          glyph: glyphOf(place, known),
          title: place.title,
          detail: place.detail,
          open: () => router.push(place.path),
        })),
      ...attention.value.map((row): PaletteItem => ({
        id: `attention ${row.id}`,
        group: 'attention',
        glyph: { state: row.glyph },
        title: row.title,
        detail: row.text,
        openLabel: row.action.label,
        open: () => (row.action.to === undefined ? row.action.run?.() : router.push(row.action.to)),
      })),
      ...known
        .filter(({ state }) => state === 'running')
        .map((job): PaletteItem => ({ ...jobItem(job), id: `running ${job.key}`, group: 'running' })),
      ...[...spiders.byProject.values()].flatMap((list) =>
        list.spiders.map((spider) => spiderItem(list.project, spider)),
      ),
      ...projects.projects.flatMap(projectItems),
      ...[...known, ...found.value.filter(({ key }) => !keys.has(key))].map(jobItem),
      ...cluster.nodes.flatMap(nodeItems),
    ]
  })
}
