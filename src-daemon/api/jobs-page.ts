import { cspHash, escapeHtml } from './html.ts'
import { localSeconds, pythonDuration } from './local-time.ts'
import type { JobsPage, JobsPageRow } from './ports.ts'

const STYLE = `
body { font-family: system-ui, sans-serif; }
table { border-collapse: collapse; }
th, td { border: 1px solid; padding: .5rem; }
tbody > tr:first-child { background-color: #eee; }
td:nth-child(2), td:nth-child(3) { word-break: break-all; }
`
const CONFIRM = "return confirm('Are you sure?');"

/** Policy of the page: its own style, the question before a cancel, its forms. */
export const JOBS_CSP =
  `default-src 'none'; style-src ${cspHash(STYLE)}; script-src 'unsafe-hashes' ${cspHash(CONFIRM)}; ` +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export interface JobsPageView {
  readonly prefix: string
  /** Items are served here. */
  readonly hasItems: boolean
  /** `cancel.json` is switched on. */
  readonly hasCancel: boolean
  readonly now: number
}

const HEADERS = ['Project', 'Spider', 'Job', 'PID', 'Start', 'Runtime', 'Finish', 'Log', 'Items', 'Cancel'] as const
type Header = (typeof HEADERS)[number]
type Cells = Partial<Readonly<Record<Header, string>>>

const GROUPS = { pending: 'Pending', running: 'Running', finished: 'Finished' } as const
type State = keyof typeof GROUPS

/** Scrapyd's page of jobs, which clients (ScrapydWeb) parse: the structure is theirs, bare cells on one line each. */
export async function* jobsPage(jobs: JobsPage, view: JobsPageView): AsyncGenerator<string> {
  const headers = HEADERS.filter(
    (header) => (header !== 'Items' || view.hasItems) && (header !== 'Cancel' || view.hasCancel),
  )
  yield `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scrapyd</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Jobs</h1>
<p><a href="./">Go up</a></p>
<table id="jobs">
<thead>
<tr>
${headers.map((header) => `    <th>${header}</th>\n`).join('')}</tr>
</thead>
`
  for (const state of Object.keys(GROUPS) as State[]) {
    yield `<tbody>\n<tr>\n    <th colspan="${headers.length}">${GROUPS[state]}</th>\n</tr>\n`
    for await (const row of jobs.rows(state)) {
      const cells = cellsOf(row, state, view)
      yield `<tr>\n${headers.map((header) => `    <td>${cells[header] ?? ''}</td>\n`).join('')}</tr>\n`
    }
    yield '</tbody>\n'
  }
  yield '</table>\n</body>\n</html>\n'
}

function cellsOf(row: JobsPageRow, state: State, { prefix, now }: JobsPageView): Cells {
  const { project, spider, job, pid, startedAt, endedAt, logUrl, itemsUrl } = row
  const end = state === 'finished' ? endedAt : now
  // One that ended before it began counts as begun then, as in listjobs.json: ScrapydWeb takes jobs without a start for pending.
  const begin = state === 'pending' ? null : (startedAt ?? (state === 'finished' ? endedAt : null))
  return {
    Project: escapeHtml(project),
    Spider: escapeHtml(spider),
    Job: escapeHtml(job),
    PID: state === 'running' && pid !== null ? String(pid) : '',
    Start: begin === null ? '' : localSeconds(begin),
    Runtime: begin === null || end === null ? '' : pythonDuration(end - begin),
    Finish: state === 'finished' && endedAt !== null ? localSeconds(endedAt) : '',
    Log: logUrl === null ? '' : link(prefix, logUrl, 'Log'),
    Items: itemsUrl === null ? '' : link(prefix, itemsUrl, 'Items'),
    Cancel: state === 'finished' ? '' : cancelForm(prefix, project, job),
  }
}

function link(prefix: string, url: string, text: string): string {
  return `<a href="${prefix}${escapeHtml(url)}">${text}</a>`
}

/** Begins on a line of its own: ScrapydWeb takes a one-line cell in this place for the items. */
function cancelForm(prefix: string, project: string, job: string): string {
  return `
        <form method="post" onsubmit="${CONFIRM}" action="${prefix}/cancel.json">
        <input type="hidden" name="project" value="${escapeHtml(project)}">
        <input type="hidden" name="job" value="${escapeHtml(job)}">
        <input type="submit" value="Cancel">
        </form>
    `
}
