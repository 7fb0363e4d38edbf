import { cspHash, escapeHtml } from './html.ts'

const STYLE = `
body { font-family: system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }
code { overflow-wrap: anywhere; }
`

/** Policy of the plain page. */
export const HOME_CSP = `default-src 'none'; style-src ${cspHash(STYLE)}; frame-ancestors 'none'; base-uri 'none'`

export interface HomePage {
  readonly prefix: string
  /** Scheme, host and prefix, for the example; `''` when unknown. */
  readonly base: string
  readonly nodeName: string
  readonly isMaster: boolean
  readonly version: string
  readonly projects: readonly string[]
  readonly hasItems: boolean
}

/** The plain page of a daemon that has no console: links for clients without JavaScript, and how to go on. */
export function homePage(page: HomePage): string {
  const { prefix, base, nodeName, isMaster, version, hasItems } = page
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scrapyd Service</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Scrapyd Service</h1>
<p>${isMaster ? 'Master' : 'Slave'} <b>${escapeHtml(nodeName)}</b>, version ${escapeHtml(version)}</p>

<ul>
    <li><a href="${prefix}/jobs">Jobs</a></li>
${hasItems ? `    <li><a href="${prefix}/items/">Items</a></li>\n` : ''}    <li><a href="${prefix}/logs/">Logs</a></li>
</ul>

${projectList(page.projects)}

<p>${
    isMaster
      ? 'The console is not built here. To schedule spiders, use the API:'
      : 'The console is on the master. To schedule spiders here, use the API:'
  }</p>

<p><code>curl ${escapeHtml(base === '' ? 'http://localhost:6800' : base)}/schedule.json -d project=default -d spider=somespider</code></p>
</body>
</html>
`
}

function projectList(projects: readonly string[]): string {
  if (projects.length === 0) return '<p>No Scrapy projects yet.</p>'
  const items = projects
    .toSorted()
    .map((project) => `    <li>${escapeHtml(project)}</li>\n`)
    .join('')
  return `<p>Scrapy projects:</p>\n<ul>\n${items}</ul>`
}
