import type { Requester, ScrapydApi } from './contract/scrapyd-api.ts'
import type { WebserviceName } from './contract/webservices.ts'
import { DirectoryTraversalError, InvalidParameterError, NotSupportedError, VersionNotFoundError } from '../errors.ts'
import type { WebserviceInput } from './webservice-input.ts'

/** What a web service answers beside `status` and `node_name`. */
export type WebserviceAnswer = Readonly<Record<string, unknown>>

/** One call of a web service: its parameters, already checked, and who asks. */
export interface WebserviceCall {
  readonly input: WebserviceInput
  readonly by: Requester
  /** Scheme, host and prefix under which the client sees this daemon. */
  readonly base: string
}

type Answerer = (api: ScrapydApi, call: WebserviceCall) => Promise<WebserviceAnswer>

const needed = ({ texts }: WebserviceInput, name: string) => texts.get(name) ?? ''
const optional = ({ texts }: WebserviceInput, name: string) => texts.get(name) ?? null
const versioned = (input: WebserviceInput) => ({
  project: needed(input, 'project'),
  // Scrapyd takes an empty version for none.
  version: optional(input, '_version') || null,
})

/** From a web service to the call of ScrapydApi, and back. `listjobs` is not here: its answer is a stream. */
export const ANSWERERS: Readonly<Record<Exclude<WebserviceName, 'listjobs'>, Answerer>> = {
  daemonstatus: async (api) => ({ ...(await api.daemonStatus()) }),
  schedule: async (api, { input, by }) => {
    const { jobid, node_name, duplicate } = await api.schedule(
      {
        ...versioned(input),
        spider: needed(input, 'spider'),
        jobid: optional(input, 'jobid'),
        priority: input.priority ?? 0,
        settings: input.settings,
        args: input.args,
        node: optional(input, 'node') || null,
      },
      by,
    )
    return { jobid, node_name, ...(duplicate === true ? { duplicate } : {}) }
  },
  cancel: async (api, { input, by }) => {
    const { texts, signal } = input
    const { prevstate } = await api.cancel(
      { project: needed(input, 'project'), job: needed(input, 'job'), signal, host: texts.get('host') ?? null },
      by,
    )
    return { prevstate }
  },
  status: async (api, { input }) => {
    const { currstate } = await api.status({ job: needed(input, 'job'), project: optional(input, 'project') })
    return { currstate }
  },
  listprojects: async (api) => ({ projects: (await api.listProjects()).projects }),
  listspiders: async (api, { input }) => ({ spiders: (await api.listSpiders(versioned(input))).spiders }),
  listversions: async (api, { input }) => {
    const project = folderName(needed(input, 'project'))
    return { versions: (await api.listVersions({ project })).versions }
  },
  addproject: async (api, { input, by }) => ({
    ...(await api.addProject({ project: needed(input, 'project'), path: optional(input, 'path') || null }, by)),
  }),
  delproject: async (api, { input, by }) => ({
    ...(await api.deleteProject({ project: folderName(needed(input, 'project')) }, by)),
  }),
  pullcode: async (api, { input, by }) => {
    const { message_details } = await api.pullCode({ project: optional(input, 'project') || null }, by)
    return { message_details }
  },
  crawllog: async (api, { input, base }) => {
    const { path } = await api.crawlLog({
      cluster_node: optional(input, 'cluster_node') || null,
      project: needed(input, 'project'),
      spider: needed(input, 'spider'),
      jobid: needed(input, 'jobid'),
    })
    return { url: base + path }
  },
  addversion: async (_api, { input }) => {
    if (!input.isZip) {
      throw new InvalidParameterError('egg', 'egg is not a ZIP file (if using curl, use egg=@path not egg=path)')
    }
    folderName(needed(input, 'project'))
    throw new NotSupportedError(
      'Eggs are not supported: projects are exposed by path here. Put the code on the node and call addproject.json ' +
        'with project and path (or name it in [projects]); pullcode.json brings it up to date.',
    )
  },
  delversion: async (api, { input }) => {
    const project = folderName(needed(input, 'project'))
    const version = needed(input, 'version')
    const { versions } = await api.listVersions({ project })
    if (!versions.includes(version)) throw new VersionNotFoundError(version)
    throw new NotSupportedError(
      'Versions are commits here, and code on disk is never deleted: delproject.json takes the project out of service.',
    )
  },
}

/** Where Scrapyd makes a folder of the project's name, it refuses one that leaves its place. */
function folderName(project: string): string {
  const isInside = !project.includes('/') && project !== '..' && !project.includes('\0')
  if (!isInside) throw new DirectoryTraversalError(project)
  return project
}
