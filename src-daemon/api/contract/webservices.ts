/**
 * Scrapyd's web services as data: the routes, the checks of parameters (in this order, with Scrapyd's messages), the client
 * and the OpenAPI document all come from this table. Source: HTTP_API.md, scrapyd 1.6 `webservice.py`.
 */

export type ParameterKind =
  /** UTF-8 text. */
  | 'text'
  /** A finite float, as Python's `float()` reads it. */
  | 'float'
  /** `NAME=value`, may be given many times. */
  | 'setting'
  /** Signal name with or without SIG, or a number. */
  | 'signal'
  /** Uploaded bytes; read to the end and dropped. */
  | 'bytes'

export interface WebserviceParameter {
  readonly name: string
  readonly kind: ParameterKind
  readonly required: boolean
  /** A slave takes it for any other parameter (of schedule: a spider argument). */
  readonly masterOnly?: true
  readonly description: string
}

export interface Webservice {
  readonly name: WebserviceName
  readonly method: 'GET' | 'POST'
  readonly parameters: readonly WebserviceParameter[]
  /** Any other parameter is a spider argument. */
  readonly openArguments: boolean
  /** Master only: a slave answers 404. */
  readonly masterOnly: boolean
  readonly summary: string
}

export type WebserviceName =
  | 'daemonstatus'
  | 'schedule'
  | 'cancel'
  | 'status'
  | 'listprojects'
  | 'listspiders'
  | 'listversions'
  | 'listjobs'
  | 'addproject'
  | 'delproject'
  | 'pullcode'
  | 'crawllog'
  | 'addversion'
  | 'delversion'

const required = (name: string, description: string, kind: ParameterKind = 'text'): WebserviceParameter => ({
  name,
  kind,
  required: true,
  description,
})
const optional = (name: string, description: string, kind: ParameterKind = 'text'): WebserviceParameter => ({
  name,
  kind,
  required: false,
  description,
})

const PROJECT = required('project', 'Name of the project')
const VERSION = optional('_version', 'The commit that must be checked out')

const get = (name: WebserviceName, summary: string, parameters: readonly WebserviceParameter[]): Webservice => ({
  name,
  method: 'GET',
  parameters,
  openArguments: false,
  masterOnly: false,
  summary,
})
const post = (name: WebserviceName, summary: string, parameters: readonly WebserviceParameter[]): Webservice => ({
  ...get(name, summary, parameters),
  method: 'POST',
})

export const WEBSERVICES: readonly Webservice[] = [
  get('daemonstatus', 'Numbers of pending, running and finished jobs', []),
  {
    ...post('schedule', 'Schedules a spider', [
      PROJECT,
      required('spider', 'Name of the spider'),
      VERSION,
      optional('jobid', 'Id of the job; made when left out'),
      optional('priority', 'Higher runs first', 'float'),
      optional('setting', 'Scrapy setting NAME=value', 'setting'),
      { ...optional('node', 'Master: pin the job to the node of this name'), masterOnly: true },
    ]),
    openArguments: true,
  },
  post('cancel', 'Cancels a pending or running job', [
    PROJECT,
    required('job', 'Id of the job'),
    optional('signal', 'Signal for a running spider (INT)', 'signal'),
    { ...optional('host', 'Master: node that holds the job (a hint)'), masterOnly: true },
  ]),
  get('status', 'State of a job', [required('job', 'Id of the job'), optional('project', 'Name of the project')]),
  get('listprojects', 'Names of the projects', []),
  get('listspiders', 'Names of the spiders of a project', [PROJECT, VERSION]),
  get('listversions', 'Commits that were current here, newest last', [PROJECT]),
  get('listjobs', 'Pending, running and finished jobs', [optional('project', 'Name of the project')]),
  post('addproject', 'Exposes a folder as a project', [
    PROJECT,
    optional('path', 'Folder on the node; local_crawler_code_path/project when left out'),
  ]),
  post('delproject', 'Takes a project out of service; the code stays on disk', [PROJECT]),
  post('pullcode', 'Pulls the code of one or all projects by git', [optional('project', 'Name of the project')]),
  {
    ...get('crawllog', "URL of a job's log, readable through this master", [
      optional('cluster_node', 'Node that ran the job (a hint)'),
      PROJECT,
      required('spider', 'Name of the spider'),
      required('jobid', 'Id of the job'),
    ]),
    masterOnly: true,
  },
  post('addversion', 'Not supported: projects are exposed by path', [
    PROJECT,
    required('version', 'Version of the egg'),
    required('egg', 'Python egg', 'bytes'),
  ]),
  post('delversion', 'Not supported: code is versioned by git', [PROJECT, required('version', 'Version to delete')]),
]
