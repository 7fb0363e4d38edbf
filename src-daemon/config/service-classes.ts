import { WEBSERVICES } from '../api/contract/webservices.ts'
import type { WebserviceName } from '../api/contract/webservices.ts'

/** The web services that can be named in a services section: `schedule.json` and so on. */
export const ENDPOINTS: readonly string[] = WEBSERVICES.map(({ name }) => `${name}.json`)

/** The modules that hold the classes, in the original and in Scrapyd. The module does not matter, the class does. */
const MODULES = ['scrapyd_service.webservices_master', 'scrapyd_service.webservices_slave', 'scrapyd.webservice']

const CLASSES: Readonly<Record<WebserviceName, string>> = {
  daemonstatus: 'DaemonStatus',
  schedule: 'Schedule',
  cancel: 'Cancel',
  status: 'Status',
  listprojects: 'ListProjects',
  listspiders: 'ListSpiders',
  listversions: 'ListVersions',
  listjobs: 'ListJobs',
  addproject: 'AddProject',
  delproject: 'DeleteProject',
  pullcode: 'PullCode',
  crawllog: 'CrawlLog',
  addversion: 'AddVersion',
  delversion: 'DeleteVersion',
}

const ENDPOINT_BY_PATH: ReadonlyMap<string, string> = new Map(
  MODULES.flatMap((module) =>
    Object.entries(CLASSES).map(([name, className]) => [`${module}.${className}`, `${name}.json`] as const),
  ),
)

/** What is wrong with the class path of a web service; null where it selects the built-in one. */
export function classPathProblem(endpoint: string, classPath: string): string | null {
  const actual = ENDPOINT_BY_PATH.get(classPath)
  if (actual === endpoint) return null
  const className = CLASSES[endpoint.replace(/\.json$/, '') as WebserviceName] as string | undefined
  const takes =
    className === undefined ? '' : `; it takes ${MODULES.map((module) => `${module}.${className}`).join(' or ')}`
  if (actual === undefined) {
    return `'${classPath}' cannot be loaded: only the built-in web services can be selected here${takes}, or nothing: off`
  }
  // Another address for a built-in service: the warning about the unknown name says that it is not served.
  return className === undefined ? null : `'${classPath}' is the class of ${actual}${takes}`
}
