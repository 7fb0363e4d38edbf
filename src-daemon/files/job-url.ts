import { urlName } from '../api/contract/url-name.ts'

/**
 * Where the log or the items of a job are read, as a path of a daemon's site. Plain names give what Scrapyd gives; spiders
 * may be called `50% off?` too.
 */
export function jobUrl(kind: 'log' | 'items', project: string, spider: string, id: string): string {
  const names = [project, spider, `${id}.${kind === 'log' ? 'log' : 'jl'}`]
  return `/${kind === 'log' ? 'logs' : 'items'}/${names.map(urlName).join('/')}`
}
