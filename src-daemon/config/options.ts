/** The longest delay that a timer takes: above it Node fires at once. */
const LONGEST_TIMER = 2_147_483

/** What an option takes. Parsed by `option-value.ts`, described by `describeType()`. */
export type OptionType =
  | { readonly kind: 'text'; readonly maxLength: number }
  | { readonly kind: 'username' }
  | { readonly kind: 'password' }
  | { readonly kind: 'branch' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'seconds'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'address' }
  | { readonly kind: 'socket' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'folder-or-uri' }
  | { readonly kind: 'header' }
  | { readonly kind: 'host-names' }
  | { readonly kind: 'origins' }
  | { readonly kind: 'slave-hosts' }
  | { readonly kind: 'command' }
  | { readonly kind: 'module' }
  | { readonly kind: 'class'; readonly of: readonly string[] }
  | { readonly kind: 'ignored' }

/** One option of `[cluster]` or `[scrapyd]`. */
export interface Option {
  readonly section: 'cluster' | 'scrapyd'
  readonly name: string
  readonly type: OptionType
  /** As it would be written in a file; '' = unset. */
  readonly default: string
  readonly doc: string
}

const COUNT = { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER } as const
const IGNORED = { kind: 'ignored' } as const

/**
 * Every option of `[cluster]` and `[scrapyd]`: the source of validation, of the nearest name in warnings, of
 * `scrapyd-service config` and of the documentation. Source: CONFIG.md, and Scrapyd 1.6 `default_scrapyd.conf`.
 */
export const OPTIONS = [
  {
    section: 'cluster',
    name: 'cluster_name',
    type: { kind: 'text', maxLength: 200 },
    default: 'cluster',
    doc: 'Name of the cluster.',
  },
  {
    section: 'cluster',
    name: 'node_name',
    type: { kind: 'text', maxLength: 200 },
    default: '',
    doc: 'Name of this node, unique in its cluster. Unset: the name of the host.',
  },
  {
    section: 'cluster',
    name: 'identity',
    type: { kind: 'choice', of: ['master', 'slave'] },
    default: 'slave',
    doc: 'master: runs jobs and distributes them to its slaves; a cluster has one. slave: runs jobs.',
  },
  {
    section: 'cluster',
    name: 'slave_hosts',
    type: { kind: 'slave-hosts' },
    default: '[]',
    doc: 'The slaves of a master: host:port or http(s)://user:password@host:port; ?max_proc=4 for a stock Scrapyd.',
  },
  {
    section: 'cluster',
    name: 'is_all_code_same',
    type: { kind: 'flag' },
    default: 'true',
    doc: "true: the master's list of spiders holds for every node. false: the lists of all nodes are joined.",
  },
  {
    section: 'cluster',
    name: 'pull_code_by_git',
    type: { kind: 'flag' },
    default: 'true',
    doc: 'Whether pullcode.json pulls the code of a project by git.',
  },
  {
    section: 'cluster',
    name: 'branch',
    type: { kind: 'branch' },
    default: '',
    doc: 'The git branch to pull. Unset: the branch that is checked out.',
  },
  {
    section: 'cluster',
    name: 'local_crawler_code_path',
    type: { kind: 'folder' },
    default: '',
    doc: 'Folder that relative paths of projects start from. Unset: the folder of the configuration file.',
  },
  {
    section: 'cluster',
    name: 'master_runs_jobs',
    type: { kind: 'flag' },
    default: 'true',
    doc: 'Whether the master runs jobs itself.',
  },
  {
    section: 'scrapyd',
    name: 'bind_address',
    type: { kind: 'address' },
    default: '127.0.0.1',
    doc: 'Address to listen on. One that other machines can reach needs username and password.',
  },
  {
    section: 'scrapyd',
    name: 'http_port',
    type: { kind: 'integer', min: 0, max: 65_535 },
    default: '6800',
    doc: 'Port to listen on; 0 = any free port, which is printed.',
  },
  {
    section: 'scrapyd',
    name: 'unix_socket_path',
    type: { kind: 'socket' },
    default: '',
    doc: 'Unix socket to listen on as well. With an empty bind_address it is the only one, as in Scrapyd.',
  },
  {
    section: 'scrapyd',
    name: 'username',
    type: { kind: 'username' },
    default: '',
    doc: 'User name for every request; needs password.',
  },
  {
    section: 'scrapyd',
    name: 'password',
    type: { kind: 'password' },
    default: '',
    doc: 'Password for every request; needs username.',
  },
  {
    section: 'scrapyd',
    name: 'allow_unauthenticated',
    type: { kind: 'flag' },
    default: 'off',
    doc: 'Whether other machines may reach this daemon without a password.',
  },
  {
    section: 'scrapyd',
    name: 'allowed_hosts',
    type: { kind: 'host-names' },
    default: '',
    doc: 'More host names by which browsers may reach this daemon.',
  },
  {
    section: 'scrapyd',
    name: 'allowed_origins',
    type: { kind: 'origins' },
    default: '',
    doc: 'Origins of other sites whose pages may call this daemon (CORS).',
  },
  {
    section: 'scrapyd',
    name: 'prefix_header',
    type: { kind: 'header' },
    default: 'x-forwarded-prefix',
    doc: "Request header with a reverse proxy's path prefix.",
  },
  {
    section: 'scrapyd',
    name: 'logs_dir',
    type: { kind: 'folder' },
    default: 'logs',
    doc: 'Folder of the logs: PROJECT/SPIDER/JOB.log.',
  },
  {
    section: 'scrapyd',
    name: 'dbs_dir',
    type: { kind: 'folder' },
    default: 'dbs',
    doc: 'Folder of the database. One daemon per folder.',
  },
  {
    section: 'scrapyd',
    name: 'items_dir',
    type: { kind: 'folder-or-uri' },
    default: '',
    doc: 'Folder or URI (s3://…) of the items: PROJECT/SPIDER/JOB.jl. Unset: items are not stored.',
  },
  {
    section: 'scrapyd',
    name: 'jobs_dir',
    type: { kind: 'folder' },
    default: '',
    doc: "Folder of Scrapy's JOBDIR. Unset: requests are kept in memory.",
  },
  {
    section: 'scrapyd',
    name: 'jobs_to_keep',
    type: COUNT,
    default: '5',
    doc: 'Log and item files to keep per spider.',
  },
  {
    section: 'scrapyd',
    name: 'finished_to_keep',
    type: COUNT,
    default: '100',
    doc: 'Finished jobs that listjobs.json shows.',
  },
  {
    section: 'scrapyd',
    name: 'history_to_keep',
    type: COUNT,
    default: '100000',
    doc: 'Finished jobs to keep in the ledger.',
  },
  {
    section: 'scrapyd',
    name: 'dates_to_keep',
    type: COUNT,
    default: '90',
    doc: 'Days to keep finished jobs in the ledger.',
  },
  {
    section: 'scrapyd',
    name: 'max_proc',
    type: { kind: 'integer', min: 0, max: 100_000 },
    default: '0',
    doc: 'Spiders to run at once; 0 = CPUs x max_proc_per_cpu.',
  },
  {
    section: 'scrapyd',
    name: 'max_proc_per_cpu',
    type: { kind: 'integer', min: 1, max: 10_000 },
    default: '4',
    doc: 'Spiders to run at once per CPU, where max_proc is 0.',
  },
  {
    section: 'scrapyd',
    name: 'cancel_timeout',
    type: { kind: 'seconds', min: 0, max: LONGEST_TIMER },
    default: '10',
    doc: 'Seconds from asking a spider to stop (INT) to killing it.',
  },
  {
    section: 'scrapyd',
    name: 'poll_interval',
    type: { kind: 'seconds', min: 0.01, max: LONGEST_TIMER },
    default: '5.0',
    doc: 'Seconds between two looks at the queue. A safety net only: jobs start at once.',
  },
  {
    section: 'scrapyd',
    name: 'ping_interval',
    type: { kind: 'seconds', min: 0.01, max: LONGEST_TIMER },
    default: '5.0',
    doc: 'Seconds between two pings of a slave.',
  },
  {
    section: 'scrapyd',
    name: 'proxy_expire',
    type: { kind: 'seconds', min: 0.01, max: LONGEST_TIMER },
    default: '600',
    doc: 'Seconds after which an unused forward is dropped.',
  },
  {
    section: 'scrapyd',
    name: 'python',
    type: { kind: 'command' },
    default: 'python3',
    doc: 'Interpreter for projects without one of their own ([python], .venv, venv).',
  },
  {
    section: 'scrapyd',
    name: 'debug',
    type: { kind: 'flag' },
    default: 'off',
    doc: 'Whether answers carry stack traces.',
  },
  {
    section: 'scrapyd',
    name: 'runner',
    type: { kind: 'module' },
    default: 'scrapyd_service.runner',
    doc: 'scrapyd_service.runner or scrapyd.runner: the built-in. Another module is run by python -m, supervised all the same.',
  },
  {
    section: 'scrapyd',
    name: 'warm_runner',
    type: { kind: 'choice', of: ['on', 'off', 'auto'] },
    default: 'auto',
    doc: 'Whether spiders start from a warm Python process; auto = wherever it is safe.',
  },
  {
    section: 'scrapyd',
    name: 'application',
    type: { kind: 'class', of: ['scrapyd_service.app.application', 'scrapyd.app.application'] },
    default: 'scrapyd_service.app.application',
    doc: 'Kept for old files: selects the built-in.',
  },
  {
    section: 'scrapyd',
    name: 'launcher',
    type: { kind: 'class', of: ['scrapyd_service.launcher.Launcher', 'scrapyd.launcher.Launcher'] },
    default: 'scrapyd_service.launcher.Launcher',
    doc: 'Kept for old files: selects the built-in.',
  },
  {
    section: 'scrapyd',
    name: 'webroot',
    type: { kind: 'class', of: ['scrapyd_service.website.Root', 'scrapyd.website.Root'] },
    default: 'scrapyd_service.website.Root',
    doc: 'Kept for old files: selects the built-in.',
  },
  {
    section: 'scrapyd',
    name: 'eggstorage',
    type: IGNORED,
    default: '',
    doc: 'Scrapyd only: projects are folders here.',
  },
  { section: 'scrapyd', name: 'eggs_dir', type: IGNORED, default: '', doc: 'Scrapyd only: projects are folders here.' },
  {
    section: 'scrapyd',
    name: 'jobstorage',
    type: IGNORED,
    default: '',
    doc: 'Scrapyd only: jobs are in the database.',
  },
  {
    section: 'scrapyd',
    name: 'spiderqueue',
    type: IGNORED,
    default: '',
    doc: 'Scrapyd only: the queue is in the database.',
  },
  { section: 'scrapyd', name: 'poller', type: IGNORED, default: '', doc: 'Scrapyd only: jobs start without polling.' },
] as const satisfies readonly Option[]

type KnownOption = (typeof OPTIONS)[number]
type KeyOf<O extends KnownOption> = O extends unknown ? `${O['section']}.${O['name']}` : never

/** `section.name` of an option. */
export type OptionKey = KeyOf<KnownOption>
/** What `OPTIONS` says about one option. */
export type OptionOf<K extends OptionKey> = Extract<
  KnownOption,
  K extends `${infer S}.${infer N}` ? { section: S; name: N } : never
>

/** Every section that a file may hold. */
export const SECTIONS = [
  { name: 'cluster', doc: 'This node and its cluster.' },
  { name: 'projects', doc: 'name = folder that holds scrapy.cfg (itself, or within two levels up or down).' },
  { name: 'python', doc: "name = path of the interpreter for a project. Left out: the project's own .venv or venv." },
  { name: 'warm_runner', doc: 'name = on, off or auto for one project; the others go by the option of that name.' },
  {
    name: 'spider_modules',
    doc: 'name = own or all: what a job imports of its project, the module of its spider alone (the default) or all, as Scrapy does.',
  },
  { name: 'scrapyd', doc: 'The daemon.' },
  { name: 'services', doc: 'endpoint.json = class path; an empty value switches the endpoint off.' },
  { name: 'master-services', doc: 'The same, for a master.' },
  { name: 'slave-services', doc: 'The same, for a slave.' },
] as const

/** What a value must look like, for error messages and documentation. */
export function describeType(type: OptionType): string {
  switch (type.kind) {
    case 'text':
      return `a line of text of at most ${type.maxLength} characters`
    case 'username':
      return 'a name without a colon'
    case 'password':
      return 'a line of text'
    case 'branch':
      return 'the name of a git branch'
    case 'flag':
      return 'on or off (also true/false, yes/no, 1/0)'
    case 'integer':
      return type.max >= Number.MAX_SAFE_INTEGER
        ? `a whole number, ${type.min} or more`
        : `a whole number from ${type.min} to ${type.max}`
    case 'seconds':
      return `a number of seconds from ${type.min} to ${type.max}`
    case 'choice':
      return type.of.join(' or ')
    case 'address':
      return 'an IP address or a host name'
    case 'socket':
      return 'the path of a Unix socket, of at most 103 bytes'
    case 'folder':
      return 'a folder'
    case 'folder-or-uri':
      return 'a folder or a URI, such as s3://bucket/items'
    case 'header':
      return 'the name of a request header'
    case 'host-names':
      return 'host names without scheme, port or wildcard, separated by commas'
    case 'origins':
      return 'origins such as https://console.example.com, separated by commas'
    case 'slave-hosts':
      return 'a JSON list of hosts, such as ["10.0.0.5:6800", "https://user:password@node.example.com"]'
    case 'command':
      return 'a command name or the path of an interpreter'
    case 'module':
      return 'the name of a Python module'
    case 'class':
      return type.of.join(' or ')
    case 'ignored':
      return 'nothing (it is ignored)'
  }
}
