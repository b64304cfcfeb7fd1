// L6xx: whether the servers of a balancer are the nodes of the compose files.

import { type DatabaseNode, dataNodesIn, namesOf, nodeOf, nodesOf } from '../../database-node.ts'
import type { Deployment } from '../../deployment.ts'
import { foundOnce } from '../../found-once.ts'
import { perServer, perTcpProxy } from '../../frames.ts'
import type { ComposeService } from '../../parse-compose.ts'
import type { HaproxyServer } from '../../parse-haproxy.ts'
import { type PostgresProxy, isWitness } from '../../postgres-proxy.ts'
import { type Fault, type Rule, faultAt, firstOf, listed } from '../../rule.ts'
import { nameOf, parseCount } from '../../source-text.ts'

export const acrossNodeRules: readonly Rule[] = [
  {
    id: 'L601',
    severity: 'error',
    title: 'a server line with another port than the node has',
    why: 'HAProxy never reaches this node, or takes another one for it; at a failover it is missing.',
    fix: 'write the published port of the compose file into the server line',
    check: perServer(({ proxy, server }, deployment) => portFaults(deployment, proxy.name, server)),
  },
  {
    id: 'L607',
    severity: 'warning',
    title: 'a node that a balancer does not know',
    why: 'When this node becomes primary, nobody reaches it.',
    fix: 'one server line for each data node',
    check: perTcpProxy((proxy, deployment) => missingNodes(deployment, proxy)),
  },
  {
    id: 'L608',
    severity: 'warning',
    title: 'a server that is no node',
    why: 'Either the line is left over, or its name is wrong and a node is missing.',
    fix: 'write the name that the node has in the compose file, or remove the line',
    check: perTcpProxy((proxy, deployment) => strangers(deployment, proxy)),
  },
]

function portFaults(
  deployment: Deployment,
  proxy: string,
  server: HaproxyServer,
): readonly Fault[] {
  const node = nodeOf(deployment, server)
  if (node === null || server.port === null) return []
  const { service, file } = node
  const inside = portInside(node)
  const isInside = namesOf(service).includes(server.host) || service.networkMode === 'host'
  const published = service.ports.filter(
    ({ target }) => target === inside || service.ports.length === 1,
  )
  const right = isInside ? [inside] : published.map((one) => one.published)
  if (right.length === 0 || right.includes(server.port)) return []
  const owner = publishers(deployment)
    .get(server.port)
    ?.find((one) => one.service !== service)
  // A pooler beside the node has a port of its own.
  if (owner?.isNode === false) return []
  const whose = owner === undefined ? '' : `, and ${server.port} for ${owner.service.name}`
  const said = isInside ? `${service.name} listens on` : `${nameOf(file)} publishes`
  const port = listed(right.map(String))
  return [
    faultAt(
      server.place,
      `server ${server.name} of ${proxy} uses port ${server.port}, ${said} ${port}` +
        `${isInside ? '' : ` for ${service.name}`}${whose}`,
      { proxy, server: server.name, port: server.port, published: right.map(String) },
      `server ${server.name} ${server.host}:${right[0] ?? ''}, with the options that it has`,
    ),
  ]
}

type Publisher = { readonly service: ComposeService; readonly isNode: boolean }

/** The first two services that publish a port: one of them is another one than any that is asked about. */
const publishers = foundOnce(
  (deployment: Deployment): ReadonlyMap<number, readonly Publisher[]> => {
    const nodes = new Set(nodesOf(deployment).map(({ service }) => service))
    const found = new Map<number, Publisher[]>()
    for (const service of deployment.compose.flatMap(({ services }) => services)) {
      for (const port of new Set(service.ports.map(({ published }) => published))) {
        const known = found.get(port) ?? []
        found.set(port, known)
        if (known.length < 2) known.push({ service, isNode: nodes.has(service) })
      }
    }
    return found
  },
)

const nodePorts = foundOnce(
  (deployment: Deployment): ReadonlySet<number> =>
    new Set(
      nodesOf(deployment).flatMap(({ service }) => service.ports.map(({ published }) => published)),
    ),
)

function portInside({ service }: DatabaseNode): number {
  const value =
    service.environment.get('POSTGRESQL_PORT_NUMBER')?.value ??
    service.environment.get('PGPORT')?.value
  return parseCount(value) ?? 5432
}

/** Nodes of a compose file to whose other nodes the proxy leads. */
function missingNodes(deployment: Deployment, proxy: PostgresProxy): readonly Fault[] {
  // A proxy of one server leads to this node on purpose.
  if (proxy.servers.length < 2) return []
  const known = new Set(proxy.servers.flatMap((server) => nodeOf(deployment, server) ?? []))
  const knownData = [...known].filter(({ role }) => role === 'data')
  return [...new Set(knownData.map(({ file }) => file))].flatMap((file) => {
    const data = dataNodesByFile(deployment).get(file) ?? []
    const missingCount = data.length - knownData.filter((node) => node.file === file).length
    if (missingCount === 0) return []
    const names = firstOf(data, (node) => !known.has(node)).map(({ service }) => service.name)
    const message = `${proxy.name} has no server for ${listed(names, missingCount)} of ${file}`
    return [faultAt(proxy.back.place, message, { proxy: proxy.name, nodes: names })]
  })
}

const dataNodesByFile = foundOnce(
  (deployment: Deployment): ReadonlyMap<string, readonly DatabaseNode[]> =>
    new Map(deployment.compose.map((compose) => [compose.file, dataNodesIn(compose)])),
)

/** Servers that no compose file knows, beside servers that one does. */
function strangers(deployment: Deployment, proxy: PostgresProxy): readonly Fault[] {
  const isKnown = (server: HaproxyServer) => nodeOf(deployment, server) !== null
  if (!proxy.servers.some(isKnown)) return []
  return proxy.servers
    .filter((server) => !isKnown(server) && !isWitness(deployment, server))
    .filter(({ port }) => port === null || !nodePorts(deployment).has(port))
    .map((server) =>
      faultAt(server.place, `server ${server.name} of ${proxy.name} is in no compose file`, {
        proxy: proxy.name,
        server: server.name,
      }),
    )
}
