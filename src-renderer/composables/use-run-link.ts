import { useRoute, useRouter, type LocationQuery, type RouteLocationRaw } from 'vue-router'

export interface RunLink {
  /** Opens the run dialog over this page; without a project it asks for one. */
  run(project?: string, spiders?: readonly string[]): void
  /** Opens it with what an earlier job had. */
  rerun(key: string): void
  /** The same as a place to link to. */
  to(project: string, spiders?: readonly string[]): RouteLocationRaw
  /** Opens the pull dock of a project over this page: its last pull, or the one with an id; at a node's output. */
  pull(project: string, id?: string, node?: string): void
  /** Shows the output of another node of the same pull. */
  pullNode(node: string): void
  closePull(): void
}

/** What the address asks the pull dock to show; null: no dock. Without an id it is the last pull, as it goes on. */
export function readPull(query: LocationQuery): { project: string; id: string | null; node: string | null } | null {
  const project = single(query['pull'])
  if (project === '') return null
  return { project, id: single(query['pull-id']) || null, node: single(query['pull-node']) || null }
}

/** The address without the pull dock's part of it. */
function withoutPull(query: LocationQuery): LocationQuery {
  const { pull: _pull, 'pull-id': _id, 'pull-node': _node, ...rest } = query
  return rest
}

/** The jobs page filters by `spider`, so there the dialog's spiders have a name of their own. */
function spiderKey(routeName: unknown): string {
  return routeName === 'jobs' ? 'run-spider' : 'spider'
}

/** The address without the run dialog's part of it. */
export function withoutRun(query: LocationQuery, routeName: unknown): LocationQuery {
  const { run: _run, rerun: _rerun, ...rest } = query
  delete rest[spiderKey(routeName)]
  return rest
}

/** What the address asks the run dialog to show; null: no dialog. */
export function readRun(
  query: LocationQuery,
  routeName: unknown,
): { project: string; spiders: string[]; rerun: string | null } | null {
  if (query['run'] === undefined && query['rerun'] === undefined) return null
  const spiders = query[spiderKey(routeName)]
  return {
    project: single(query['run']),
    spiders: (Array.isArray(spiders) ? spiders : [spiders]).filter(
      (name) => typeof name === 'string' && name !== '',
    ) as string[],
    rerun: single(query['rerun']) || null,
  }
}

function single(value: LocationQuery[string] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? ''
}

/** Dialogs over any page are a part of its address, so that they can be linked to. */
export function useRunLink(): RunLink {
  const route = useRoute()
  const router = useRouter()
  const to = (project: string, spiders: readonly string[] = []): RouteLocationRaw => ({
    query: {
      ...withoutRun(route.query, route.name),
      run: project,
      ...(spiders.length > 0 ? { [spiderKey(route.name)]: [...spiders] } : {}),
    },
  })
  return {
    run: (project = '', spiders = []) => void router.push(to(project, spiders)),
    rerun: (key) => void router.push({ query: { ...withoutRun(route.query, route.name), rerun: key } }),
    to,
    pull: (project, id, node) =>
      void router.push({
        query: {
          ...withoutPull(route.query),
          pull: project,
          ...(id === undefined ? {} : { 'pull-id': id }),
          ...(node === undefined ? {} : { 'pull-node': node }),
        },
      }),
    pullNode: (node) => void router.replace({ query: { ...route.query, 'pull-node': node } }),
    closePull: () => void router.replace({ query: withoutPull(route.query) }),
  }
}
