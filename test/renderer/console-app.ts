import { mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { onTestFinished } from 'vitest'
import { createApp, defineComponent, h, type Component } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { provideTransport } from '../../src-renderer/composables/use-transport.ts'
import { i18n, showLanguage } from '../../src-renderer/i18n.ts'
import { useLiveStore } from '../../src-renderer/stores/live.ts'
import type { Transport } from '../../src-renderer/transport/transport.ts'
import { sampleAnswers } from '../helpers/sample-answers.ts'
import { sampleCluster, type SampleCluster } from '../helpers/sample-cluster.ts'
import { FakeProblem } from '../helpers/fake-daemon.ts'
import { CallError } from '../../src-renderer/transport/call-error.ts'
import { FakeTransport } from './fake-transport.ts'

/** Gives stores a transport, as the app does, without any page. */
export function useStores(transport: Transport): void {
  const app = createApp(defineComponent({ render: () => null }))
  const pinia = createPinia()
  app.use(pinia)
  app.use(i18n)
  provideTransport(app, transport)
  setActivePinia(pinia)
}

const ROUTES = ['overview', 'jobs', 'job', 'projects', 'project', 'nodes', 'node', 'forwards']

type Pages = Readonly<Record<string, Component>>

/** A router over the console's route names, without its pages but those that are given. */
export function createTestRouter(pages: Pages = {}): Router {
  const paths: Record<string, string> = {
    overview: '/',
    job: '/jobs/:key/:tab?',
    project: '/projects/:project/:tab?',
    node: '/nodes/:id/:tab?',
  }
  return createRouter({
    history: createMemoryHistory(),
    routes: ROUTES.map((name) => ({
      path: paths[name] ?? `/${name}`,
      name,
      component: pages[name] ?? { render: () => null },
    })),
  })
}

/** Mounts a component in the document with everything the console gives it. */
export async function mountInConsole(
  component: Component,
  options: {
    readonly transport: Transport
    readonly props?: Record<string, unknown>
    readonly path?: string
    readonly pages?: Pages
  },
): Promise<{ wrapper: VueWrapper; router: Router }> {
  const router = createTestRouter(options.pages)
  await router.push(options.path ?? '/')
  const transportPlugin = {
    install: (app: Parameters<typeof provideTransport>[0]) => provideTransport(app, options.transport),
  }
  const pinia = createPinia()
  setActivePinia(pinia)
  await showLanguage('en')
  const wrapper = mount(component, {
    props: options.props ?? {},
    attachTo: document.body,
    global: { plugins: [transportPlugin, pinia, i18n, router] },
  })
  return { wrapper, router }
}

/** As `mountInConsole`, for one test: at its end nothing of it is left in the document. */
export async function showInConsole(...given: Parameters<typeof mountInConsole>): ReturnType<typeof mountInConsole> {
  const shown = await mountInConsole(...given)
  onTestFinished(() => {
    shown.wrapper.unmount()
    document.body.replaceChildren()
  })
  return shown
}

/** A page as the shell shows it: once the state is there. */
export function whenReady(page: Component): Component {
  return defineComponent({ setup: () => () => (useLiveStore().isReady ? h(page) : null) })
}

/** Runs a composable in a component of its own; `unmount` ends its scope. */
export async function runInConsole<T>(
  use: () => T,
  options: { readonly transport: Transport; readonly path?: string },
): Promise<{ result: T; router: Router; unmount: () => void }> {
  let result: T | undefined
  const component = defineComponent({
    setup() {
      result = use()
      return () => h('div')
    },
  })
  const { wrapper, router } = await mountInConsole(component, options)
  return { result: result as T, router, unmount: () => wrapper.unmount() }
}

/** A transport that answers about the sample cluster. */
export function sampleTransport(cluster: SampleCluster = sampleCluster()): FakeTransport {
  const answers = sampleAnswers(cluster)
  const adapted = Object.entries(answers).map(([name, answer]) => [
    name,
    (input: { params?: object; query?: object; body?: unknown }) => {
      try {
        return answer({
          params: (input.params ?? {}) as Record<string, string>,
          query: searchOf(input.query ?? {}),
          body: input.body ?? null,
        })
      } catch (error) {
        if (!(error instanceof FakeProblem)) throw error
        throw new CallError('refused', error.message, { status: error.status, code: error.code })
      }
    },
  ])
  return new FakeTransport(Object.fromEntries(adapted) as FakeTransport['answers'])
}

function searchOf(query: object): URLSearchParams {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query) as [string, unknown][]) {
    for (const single of Array.isArray(value) ? value : [value])
      if (single !== undefined) search.append(name, String(single))
  }
  return search
}

/** For one test: elements have a size, as virtual lists make rows for what can be seen only. */
export function giveSizes({ width = 1_200, height = 700 } = {}): void {
  const sizes = { offsetWidth: width, offsetHeight: height, clientWidth: width, clientHeight: height }
  for (const [name, value] of Object.entries(sizes)) {
    const before = Object.getOwnPropertyDescriptor(HTMLElement.prototype, name)
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value })
    onTestFinished(() => {
      if (before === undefined) Reflect.deleteProperty(HTMLElement.prototype, name)
      else Object.defineProperty(HTMLElement.prototype, name, before)
    })
  }
}
