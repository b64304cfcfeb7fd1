// Which services of compose files run PostgreSQL, what each is to the cluster, and under which names it
// is known.

import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import type { ComposeFile, ComposeService } from './parse-compose.ts'
import type { HaproxyServer } from './parse-haproxy.ts'
import { folderOf } from './source-text.ts'

/** A service that runs PostgreSQL, with what it is to the cluster. */
export type DatabaseNode = {
  readonly service: ComposeService
  /** The compose file. */
  readonly file: string
  readonly role: 'data' | 'witness'
  readonly isRepmgr: boolean
}

/** The nodes of one compose file. */
export const databaseNodesOf = foundOnce((compose: ComposeFile): readonly DatabaseNode[] =>
  compose.services.flatMap((service): DatabaseNode[] => {
    const image = service.image?.value.toLowerCase() ?? ''
    const isRepmgr = /repmgr/.test(image) || service.environment.has('REPMGR_NODE_NAME')
    const isServer =
      /(^|[/_-])(postgres(ql)?|postgis|timescaledb(-ha)?|pgvector|spilo|patroni)([-_:@/]|$)/.test(
        image,
      )
    const isOther = /exporter|pgadmin|bouncer|pgpool|backup|client|adminer|postgrest|pgcat/.test(
      image,
    )
    if ((!isServer && !isRepmgr) || isOther) return []
    const type = service.environment.get('REPMGR_NODE_TYPE')?.value
    const role = type === 'witness' ? 'witness' : 'data'
    return [{ service, file: compose.file, role, isRepmgr }]
  }),
)

/** The nodes of one compose file that hold the database. */
export const dataNodesIn = foundOnce((compose: ComposeFile): readonly DatabaseNode[] =>
  databaseNodesOf(compose).filter(({ role }) => role === 'data'),
)

/** The nodes of every compose file. */
export const nodesOf = foundOnce((deployment: Deployment): readonly DatabaseNode[] =>
  deployment.compose.flatMap((compose) => databaseNodesOf(compose)),
)

/** The nodes that hold the database, of every compose file. */
export const dataNodesOf = foundOnce((deployment: Deployment): readonly DatabaseNode[] =>
  deployment.compose.flatMap((compose) => dataNodesIn(compose)),
)

/** Every name under which others may know a service. */
export function namesOf(service: ComposeService): readonly string[] {
  const names = [service.name, service.containerName, service.hostname, ...service.aliases]
  const repmgr = ['REPMGR_NODE_NAME', 'REPMGR_NODE_NETWORK_NAME'].map(
    (key) => service.environment.get(key)?.value,
  )
  return [...names, ...repmgr].filter(
    (name): name is string => typeof name === 'string' && name !== '',
  )
}

/** Every name of every node, and of those of one role. */
export const nodeNamesOf = foundOnce((deployment: Deployment) => {
  const namesIn = (nodes: readonly DatabaseNode[]): ReadonlySet<string> =>
    new Set(nodes.flatMap(({ service }) => namesOf(service)))
  const all = nodesOf(deployment)
  const witnesses = all.filter(({ role }) => role === 'witness')
  return { all: namesIn(all), data: namesIn(dataNodesOf(deployment)), witness: namesIn(witnesses) }
})

/** The first node of each name. */
const nodesByName = foundOnce((deployment: Deployment): ReadonlyMap<string, DatabaseNode> => {
  const named = nodesOf(deployment).flatMap((node) =>
    namesOf(node.service).map((name) => [name, node] as const),
  )
  // The last entry of a map wins, so the first node comes last.
  return new Map(named.reverse())
})

/** The node that a server line means; null when no compose file has it. */
export function nodeOf(deployment: Deployment, server: HaproxyServer): DatabaseNode | null {
  const byName = nodesByName(deployment)
  return byName.get(server.name) ?? byName.get(server.host) ?? null
}

/** Where the images keep the database; paths below are inside the data directory or its volume. */
export const dataFolders: ReadonlySet<string> = new Set([
  '/bitnami/postgresql',
  '/var/lib/postgresql',
  '/var/lib/pgsql',
  '/home/postgres/pgdata',
])

/** Whether `path` is one of `folders` or lies below it. */
export function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = path; at !== ''; at = folderOf(at)) if (folders.has(at)) return true
  return false
}
