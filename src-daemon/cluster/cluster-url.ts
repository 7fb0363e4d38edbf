import { jobUrl } from '../files/job-url.ts'
import { LOCAL_NODE, type FileUrl } from '../storage/jobs.ts'

/**
 * Widens the URLs of files to those on other nodes: the master streams them from there under the same path. Whether a
 * remote file is still there only its node knows; items are taken to be where this node stores them, too.
 */
export function clusterUrl(hasItems: boolean): (local: FileUrl) => FileUrl {
  return (local) => (kind, project, spider, id, nodeId) => {
    if (nodeId === null || nodeId === LOCAL_NODE) return local(kind, project, spider, id, nodeId)
    if (kind === 'items' && !hasItems) return null
    return jobUrl(kind, project, spider, id)
  }
}
