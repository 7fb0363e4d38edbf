import type { RunSpec } from './run.ts'

/** The variable that proves whose process it is: every process of a run has the attempt's token in its environment. */
export const TOKEN_VARIABLE = 'SCRAPYD_RUN_TOKEN'

/** What concerns this daemon alone: its configuration (with its password), and what started it. */
const OURS =
  /^(?:SCRAPYD_(?:BIND_ADDRESS|HTTP_PORT|USERNAME|PASSWORD|UNIX_SOCKET_PATH|RUN_TOKEN|SERVICE_.*)|ELECTRON_RUN_AS_NODE|ELECTRON_NO_ASAR|NODE_CHANNEL_.*|NOTIFY_SOCKET|LISTEN_(?:PID|FDS|FDNAMES))$/

/** Old Scrapy takes every `SCRAPY_…` variable for a setting; an inherited SCRAPY_SETTINGS_MODULE is some other project's. */
const SCRAPYS = /^SCRAPY_/

/** The environment that project code runs in, without what names a job. */
export function projectEnvironment(
  base: NodeJS.ProcessEnv,
  project: string,
  settingsModule: string,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(base)) {
    if (value !== undefined && !OURS.test(name) && !SCRAPYS.test(name)) environment[name] = value
  }
  environment.SCRAPY_PROJECT = project
  environment.SCRAPY_SETTINGS_MODULE = settingsModule
  return environment
}

/** What one job adds to the environment of its project. */
export function jobVariables(spec: Pick<RunSpec, 'jobId' | 'spider' | 'nodeName' | 'token'>): Record<string, string> {
  return {
    SCRAPYD_JOB: spec.jobId,
    SCRAPYD_SPIDER: spec.spider,
    SCRAPYD_NODE: spec.nodeName,
    [TOKEN_VARIABLE]: spec.token,
  }
}
