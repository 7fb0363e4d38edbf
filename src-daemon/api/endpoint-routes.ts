import { Router } from 'express'
import type { RequestHandler } from 'express'
import { ENDPOINTS } from './contract/endpoints.ts'
import type { Endpoint, EndpointName } from './contract/endpoints.ts'

/** All endpoints with their names, typed as what they have in common. */
export const endpointList = Object.entries(ENDPOINTS) as readonly (readonly [EndpointName, Endpoint])[]

/** Methods of every path of the table, as `Allow` names them. */
const ALLOWED: ReadonlyMap<string, string> = new Map(
  [...Map.groupBy(endpointList, ([, { path }]) => path)].map(([path, group]) => {
    const methods = new Set<string>(group.map(([, { method }]) => method))
    return [path, ['OPTIONS', ...(methods.has('GET') ? ['HEAD'] : []), ...methods].join(', ')]
  }),
)

/** A router with a handler for each endpoint, and one for the other methods of its path. */
export function endpointRouter(
  handlerOf: (name: EndpointName, endpoint: Endpoint) => RequestHandler,
  otherMethod: (allow: string) => RequestHandler,
): Router {
  const router = Router({ caseSensitive: true, strict: true })
  for (const [name, endpoint] of endpointList) {
    const method = endpoint.method.toLowerCase() as Lowercase<Endpoint['method']>
    router[method](expressPath(endpoint.path), handlerOf(name, endpoint))
  }
  for (const [path, allow] of ALLOWED) router.all(expressPath(path), otherMethod(allow))
  return router
}

/** `/api/jobs/{key}` → `/api/jobs/:key` */
function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}
