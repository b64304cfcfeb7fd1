// L6xx: what one file says and another one denies.

import { type DatabaseNode, type Deployment, databaseNodesOf, namesOf } from '../deployment.ts'
import {
  type HaproxyDirective,
  type HaproxyServer,
  parseHaproxyTimeMs,
  settingOf,
} from '../parse-haproxy.ts'
import { type PostgresProxy, allPostgresProxies, isWitness } from '../postgres-proxy.ts'
import { type ProxyPair, proxyPairs } from '../proxy-pair.ts'
import { clientLimitOf, maxConnectionsOf } from '../connection-limits.ts'
import { type Fault, type Rule, faultAt } from '../rule.ts'
import { type Place, folderOf, isOpen, nameOf, parseCount } from '../source-text.ts'
import { membersOf } from '../vrrp-pair.ts'

/** A limit may stay this far below the database's, for what does not come through the balancer. */
const usedShareMin = 0.9

export const acrossRules: readonly Rule[] = [
  {
    id: 'L601',
    severity: 'error',
    title: 'a server line with another port than the node has',
    why: 'HAProxy never reaches this node, or takes another one for it; at a failover it is missing.',
    fix: 'write the published port of the compose file into the server line',
    check: (deployment) =>
      tcpProxies(deployment).flatMap(({ name, servers }) =>
        servers.flatMap((server) => portFaults(deployment, name, server)),
      ),
  },
  {
    id: 'L602',
    severity: 'warning',
    title: 'the balancer lets fewer clients in than the database takes',
    why: 'Clients wait at HAProxy until they give up, while the database has connections left.',
    fix: 'maxconn a little below max_connections, the rest is for administrators',
    check: (deployment) =>
      limitFaults(deployment, (limit, max) => limit < max * usedShareMin, 'below'),
  },
  {
    id: 'L603',
    severity: 'warning',
    title: 'the balancer lets more clients in than the database takes',
    why: 'Under load PostgreSQL refuses clients with "too many clients", administrators among them.',
    fix: 'maxconn a little below max_connections, the rest is for administrators',
    check: (deployment) => limitFaults(deployment, (limit, max) => limit > max, 'above'),
  },
  {
    id: 'L604',
    severity: 'error',
    title: 'the two balancers lead to different servers',
    why: 'After the address has moved, clients come to another set of nodes than before.',
    fix: 'write the same server lines on both balancers',
    check: (deployment) => proxyPairs(deployment).flatMap(serverDifferences),
  },
  {
    id: 'L605',
    severity: 'error',
    title: 'the two balancers listen on different ports',
    why: 'After the address has moved, nobody answers on the port that clients use.',
    fix: 'write the same bind port on both balancers',
    check: (deployment) =>
      proxyPairs(deployment).flatMap(([left, right]) => {
        const [mine, others] = [portsOf(right), portsOf(left)]
        const place = right.fronts.flatMap(({ binds }) => binds)[0]?.place
        if (place === undefined || mine.length === 0 || others.length === 0) return []
        if (mine.join(',') === others.join(',')) return []
        const message =
          `${right.name} listens on ${mine.join(', ')}, ` +
          `in ${left.file.file} on ${others.join(', ')}`
        return [faultAt(place, message, { proxy: right.name, ports: mine, otherPorts: others })]
      }),
  },
  {
    id: 'L606',
    severity: 'error',
    title: 'the moving address is also that of a machine',
    why: 'Two machines answer for one address, and clients reach one or the other by chance.',
    fix: 'virtual_ipaddress with an address that no machine has',
    check: (deployment) => {
      const machines = machineAddresses(deployment)
      return membersOf(deployment).flatMap(({ instance }) =>
        instance.addresses.flatMap(({ value, place }) => {
          const machine = machines.find(({ address }) => address === value)
          if (machine === undefined) return []
          const at = `${machine.place.file}:${machine.place.line}`
          return [
            faultAt(place, `${value} is also the address of ${machine.who} (${at})`, {
              address: value,
            }),
          ]
        }),
      )
    },
  },
  {
    id: 'L607',
    severity: 'warning',
    title: 'a node that a balancer does not know',
    why: 'When this node becomes primary, nobody reaches it.',
    fix: 'one server line for each data node',
    check: (deployment) =>
      tcpProxies(deployment).flatMap((proxy) => missingNodes(deployment, proxy)),
  },
  {
    id: 'L608',
    severity: 'warning',
    title: 'a server that is no node',
    why: 'Either the line is left over, or its name is wrong and a node is missing.',
    fix: 'write the name that the node has in the compose file, or remove the line',
    check: (deployment) => tcpProxies(deployment).flatMap((proxy) => strangers(deployment, proxy)),
  },
  {
    id: 'L609',
    severity: 'info',
    title: 'HAProxy is bound to the moving address',
    why: 'On the balancer that does not hold the address HAProxy cannot start.',
    fix: 'bind *:5432, or sysctl net.ipv4.ip_nonlocal_bind=1 on both balancers',
    check: (deployment) => {
      const moving = new Set(
        membersOf(deployment).flatMap(({ instance }) =>
          instance.addresses.map(({ value }) => value),
        ),
      )
      return deployment.haproxy.flatMap(({ proxies }) =>
        proxies.flatMap(({ binds }) =>
          binds
            .filter(({ host, words }) => moving.has(host) && !words.includes('transparent'))
            .map(({ host, place }) =>
              faultAt(place, `bind ${host} is the address that Keepalived moves`, {
                address: host,
              }),
            ),
        ),
      )
    },
  },
  {
    id: 'L610',
    severity: 'warning',
    title: 'the two balancers have different idle time-outs',
    why: 'Clients are cut off only while one of them holds the address, which nobody can explain later.',
    fix: 'write the same time-outs on both balancers',
    check: (deployment) =>
      proxyPairs(deployment).flatMap(([left, right]) =>
        (['client', 'server'] as const).flatMap((side) => {
          const [mine, others] = [timeoutOf(right, side), timeoutOf(left, side)]
          if (mine === null || others === null) return []
          if (parseHaproxyTimeMs(mine.words[2]) === parseHaproxyTimeMs(others.words[2])) return []
          const message =
            `timeout ${side} of ${right.name} is ${mine.words[2] ?? ''}, ` +
            `in ${left.file.file} ${others.words[2] ?? ''}`
          return [faultAt(mine.place, message, { proxy: right.name })]
        }),
      ),
  },
]

function tcpProxies(deployment: Deployment): readonly PostgresProxy[] {
  return allPostgresProxies(deployment).filter(({ mode }) => mode === 'tcp')
}

function timeoutOf(proxy: PostgresProxy, side: 'client' | 'server'): HaproxyDirective | null {
  const [front] = proxy.fronts
  const where = side === 'server' ? proxy.back : front
  return where === undefined ? null : settingOf(where, 'timeout', side)
}

type OwnedNode = DatabaseNode & { readonly file: string }

type Nodes = {
  readonly all: readonly OwnedNode[]
  /** The first one of each name. */
  readonly byName: ReadonlyMap<string, OwnedNode>
}

/** Kept, for every server line asks for it. */
const nodesFound = new WeakMap<Deployment, Nodes>()

function findNodes(deployment: Deployment): Nodes {
  const known = nodesFound.get(deployment)
  if (known !== undefined) return known
  const all = deployment.compose.flatMap((compose) =>
    databaseNodesOf(compose).map((node) => ({ ...node, file: compose.file })),
  )
  const named = all.flatMap((node) => namesOf(node.service).map((name) => [name, node] as const))
  // The last entry of a map wins, so the first node comes last.
  const nodes = { all, byName: new Map(named.reverse()) }
  nodesFound.set(deployment, nodes)
  return nodes
}

function nodesOf(deployment: Deployment): readonly OwnedNode[] {
  return findNodes(deployment).all
}

function nodeOf(deployment: Deployment, server: HaproxyServer): OwnedNode | null {
  const { byName } = findNodes(deployment)
  return byName.get(server.name) ?? byName.get(server.host) ?? null
}

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
  // A pooler beside the node has a port of its own.
  const others = deployment.compose
    .flatMap(({ services }) => services)
    .filter((one) => one !== service)
  const owner = others.find(({ ports }) => ports.some((port) => port.published === server.port))
  const isNode = nodesOf(deployment).some((one) => one.service === owner)
  if (owner !== undefined && !isNode) return []
  const whose = owner === undefined ? '' : `, and ${server.port} for ${owner.name}`
  const said = isInside ? `${service.name} listens on` : `${nameOf(file)} publishes`
  const port = right.join(', ')
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

function portInside({ service }: DatabaseNode): number {
  const value =
    service.environment.get('POSTGRESQL_PORT_NUMBER')?.value ??
    service.environment.get('PGPORT')?.value
  return parseCount(value) ?? 5432
}

function limitFaults(
  deployment: Deployment,
  isFault: (limit: number, max: number) => boolean,
  word: 'below' | 'above',
): readonly Fault[] {
  const max = maxConnectionsOf(deployment)
  if (max === null) return []
  const seen = new Set<string>()
  return tcpProxies(deployment)
    .filter(({ isForWrites }) => isForWrites)
    .flatMap((proxy) => {
      const limit = clientLimitOf(proxy)
      if (limit === null || !isFault(limit.count, max.count)) return []
      const key = `${limit.place.file}:${limit.place.line}`
      if (seen.has(key)) return []
      seen.add(key)
      const message = `${limit.name} is ${limit.count}, ${word} max_connections ${max.count} (${max.where})`
      return [faultAt(limit.place, message, { limit: limit.count, maxConnections: max.count })]
    })
}

function portsOf(proxy: PostgresProxy): readonly string[] {
  const ports = proxy.fronts.flatMap(({ binds }) => binds.map(({ port }) => port))
  return [...new Set(ports.filter((port) => port !== null))].map(String).sort()
}

function isLoopback(host: string): boolean {
  return /^127\.|^localhost$|^::1$/.test(host)
}

function serverDifferences([left, right]: ProxyPair): readonly Fault[] {
  const wrong = right.servers.flatMap((server) => {
    const other = left.servers.find(({ name }) => name === server.name)
    const where = `${server.host}:${String(server.port)}`
    if (other === undefined) {
      const message = `server ${server.name} of ${right.name} is not in ${left.file.file}`
      return [faultAt(server.place, message, { proxy: right.name, server: server.name })]
    }
    if (isOpen(server.host) || isOpen(other.host)) return []
    // Each balancer may see a node on its own machine under another address.
    const isSameHost =
      server.host === other.host || isLoopback(server.host) || isLoopback(other.host)
    if (isSameHost && server.port === other.port) return []
    const message =
      `server ${server.name} of ${right.name} is ${where}, ` +
      `in ${left.file.file} ${other.host}:${String(other.port)}`
    return [faultAt(server.place, message, { proxy: right.name, server: server.name })]
  })
  const missing = left.servers.filter(({ name }) => right.servers.every((one) => one.name !== name))
  return [
    ...wrong,
    ...missing.map(({ name }) =>
      faultAt(right.back.place, `${right.name} lacks server ${name} of ${left.file.file}`, {
        proxy: right.name,
        server: name,
      }),
    ),
  ]
}

type Machine = { readonly address: string; readonly who: string; readonly place: Place }

function machineAddresses(deployment: Deployment): readonly Machine[] {
  return [
    ...tcpProxies(deployment).flatMap(({ servers }) =>
      servers.map(({ host, name, place }) => ({ address: host, who: `server ${name}`, place })),
    ),
    ...membersOf(deployment).flatMap(({ instance, file }) => {
      const who = `the balancer ${folderOf(file.file) || file.file}`
      const source = instance.unicastSource
      return [
        ...(source === null ? [] : [{ address: source.value, who, place: source.place }]),
        ...instance.unicastPeers.map(({ value, place }) => ({
          address: value,
          who: 'another balancer',
          place,
        })),
      ]
    }),
    ...nodesOf(deployment).flatMap(({ service }) =>
      service.ports.map(({ hostAddress, place }) => ({
        address: hostAddress,
        who: `node ${service.name}`,
        place,
      })),
    ),
  ].filter(({ address }) => address !== '')
}

/** Nodes of a compose file to whose other nodes the proxy leads. */
function missingNodes(deployment: Deployment, proxy: PostgresProxy): readonly Fault[] {
  // A proxy of one server leads to this node on purpose.
  if (proxy.servers.length < 2) return []
  const known = new Set(proxy.servers.map((server) => nodeOf(deployment, server)?.service))
  return deployment.compose.flatMap((compose) => {
    const data = databaseNodesOf(compose).filter(({ role }) => role === 'data')
    if (!data.some(({ service }) => known.has(service))) return []
    return data
      .filter(({ service }) => !known.has(service))
      .map(({ service }) =>
        faultAt(
          proxy.back.place,
          `${proxy.name} has no server for ${service.name} of ${compose.file}`,
          {
            proxy: proxy.name,
            node: service.name,
          },
        ),
      )
  })
}

/** Servers that no compose file knows, beside servers that one does. */
function strangers(deployment: Deployment, proxy: PostgresProxy): readonly Fault[] {
  const isKnown = (server: HaproxyServer) => nodeOf(deployment, server) !== null
  if (!proxy.servers.some(isKnown)) return []
  const ports = new Set(
    nodesOf(deployment).flatMap(({ service }) => service.ports.map(({ published }) => published)),
  )
  return proxy.servers
    .filter((server) => !isKnown(server) && !isWitness(deployment, server))
    .filter(({ port }) => port === null || !ports.has(port))
    .map((server) =>
      faultAt(server.place, `server ${server.name} of ${proxy.name} is in no compose file`, {
        proxy: proxy.name,
        server: server.name,
      }),
    )
}
