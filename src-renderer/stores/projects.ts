import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Project } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'

/** The projects with their code on every node, live. */
export const useProjectsStore = defineStore('projects', () => {
  const transport = useTransport()
  const byName = shallowRef<ReadonlyMap<string, Project>>(new Map())
  const isLoaded = ref(false)

  const projects = computed(() => [...byName.value.values()].toSorted((a, b) => a.name.localeCompare(b.name)))
  const spiderCount = computed(() => projects.value.reduce((sum, { spiders }) => sum + (spiders ?? 0), 0))

  async function load(): Promise<void> {
    const reply = await transport.call('listProjects')
    byName.value = new Map(reply.projects.map((project) => [project.name, project]))
    isLoaded.value = true
  }

  function apply(event: FeedEvent): void {
    if (event.type === 'project') put(event.project)
    else if (event.type === 'project-removed') remove(event.name)
  }

  function put(project: Project): void {
    byName.value = new Map(byName.value).set(project.name, project)
  }

  /** What an answer says of a project that is new here. Of one that is known, events have told since what is newer. */
  function learn(project: Project): void {
    if (!byName.value.has(project.name)) put(project)
  }

  function remove(name: string): void {
    const next = new Map(byName.value)
    next.delete(name)
    byName.value = next
  }

  return { byName, isLoaded, projects, spiderCount, load, apply, learn, remove }
})
