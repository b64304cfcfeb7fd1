// Gives a port to everything that the spec does not name one for. The same spec gives the same ports
// on every machine, so agents on several hosts agree without talking.

import type { BalancerPorts } from '../core/cluster-layout.ts'
import { defaults } from './defaults.ts'
import type { PortKind } from './defaults.ts'
import type { ClusterSpec, NodeSpec } from './schema.ts'
import { chooseVoters } from './voters.ts'

export type NodePorts = {
  readonly postgresPort: number | null
  readonly apiPort: number
  readonly storeClientPort: number | null
  readonly storePeerPort: number | null
}

export type AssignedPorts = {
  readonly nodes: ReadonlyMap<string, NodePorts>
  /** Null without a balancer. */
  readonly endpoints: { readonly write: number; readonly read: number } | null
  /** Null without a balancer. */
  readonly balancer: BalancerPorts | null
}

/** True for addresses that no other machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Nodes with the same key share the ports of one machine. */
export function machineOf(host: string): string {
  return isLoopback(host) ? 'loopback' : host.toLowerCase()
}

/**
 * Ports of all nodes and endpoints. Named ones stay; the others follow the default scheme and step over
 * what is named in the spec or taken.
 * @param isTaken whether another program has a port of this machine already
 * @throws RangeError when a machine has no port left below 65536
 */
export function assignPorts(
  spec: ClusterSpec,
  isTaken: (machine: string, port: number) => boolean = () => false,
): AssignedPorts {
  const used = new Set(namedPorts(spec).map(({ machine, port }) => `${machine} ${String(port)}`))
  /** One port for all `hosts`: what every balancer has, it has at the same port. */
  const take = (kind: PortKind, hosts: readonly string[], named: number | undefined): number => {
    if (named !== undefined) return named
    const machines = hosts.map(machineOf)
    const start = hosts.some(isLoopback)
      ? spec.basePort + defaults.loopbackOffsets[kind]
      : defaults.hostPorts[kind]
    for (let port = start; port <= 65_535; port++) {
      const keys = machines.map((machine) => `${machine} ${String(port)}`)
      if (keys.some((key) => used.has(key))) continue
      if (machines.some((machine) => isTaken(machine, port))) continue
      for (const key of keys) used.add(key)
      return port
    }
    throw new RangeError(`no free port above ${String(start)} on ${hosts.join(', ')}`)
  }
  const each = (
    kind: PortKind,
    has: (node: NodeSpec) => boolean,
    named: (node: NodeSpec) => number | undefined,
  ): ReadonlyMap<string, number> =>
    new Map(
      spec.nodes
        .filter((node) => has(node))
        .map((node) => [node.name, take(kind, [node.host], named(node))]),
    )

  const voters = chooseVoters(spec.nodes)
  const balancers = spec.nodes.filter((node) => node.role === 'balancer').map((node) => node.host)
  const endpoints =
    balancers.length === 0
      ? null
      : {
          write: take('write', balancers, spec.endpoints.write.port),
          read: take('read', balancers, spec.endpoints.read.port),
        }
  const balancer =
    balancers.length === 0
      ? null
      : {
          stats: take('stats', balancers, spec.balancer.statsPort),
          health: take('health', balancers, spec.balancer.healthPort),
        }
  const isVoter = (node: NodeSpec) => voters.has(node.name)
  const postgres = each(
    'postgres',
    (node) => node.role === 'data',
    (node) => node.postgresPort,
  )
  const api = each(
    'api',
    () => true,
    (node) => node.apiPort,
  )
  const storeClient = each('storeClient', isVoter, (node) => node.storeClientPort)
  const storePeer = each('storePeer', isVoter, (node) => node.storePeerPort)
  return {
    nodes: new Map(
      spec.nodes.map((node) => [
        node.name,
        {
          postgresPort: postgres.get(node.name) ?? null,
          apiPort: api.get(node.name) ?? 0,
          storeClientPort: storeClient.get(node.name) ?? null,
          storePeerPort: storePeer.get(node.name) ?? null,
        },
      ]),
    ),
    endpoints,
    balancer,
  }
}

/** The same spec with every port named, so that nothing is left to a default. */
export function withPorts(spec: ClusterSpec, ports: AssignedPorts): ClusterSpec {
  return {
    ...spec,
    nodes: spec.nodes.map((node) => ({ ...node, ...presentPorts(ports.nodes.get(node.name)) })),
    endpoints:
      ports.endpoints === null
        ? spec.endpoints
        : {
            write: { ...spec.endpoints.write, port: ports.endpoints.write },
            read: { ...spec.endpoints.read, port: ports.endpoints.read },
          },
    balancer: { ...spec.balancer, ...balancerPortSettings(ports.balancer) },
  }
}

/** The ports of balancers under the names that they have in the spec. */
export function balancerPortSettings(
  ports: BalancerPorts | null,
): Pick<ClusterSpec['balancer'], 'statsPort' | 'healthPort'> {
  return ports === null ? {} : { statsPort: ports.stats, healthPort: ports.health }
}

function presentPorts(ports: NodePorts | undefined): Partial<NodeSpec> {
  return Object.fromEntries(Object.entries(ports ?? {}).filter(([, port]) => port !== null))
}

type NamedPort = { readonly machine: string; readonly port: number }

function namedPorts(spec: ClusterSpec): readonly NamedPort[] {
  const ofNodes = spec.nodes.flatMap((node) =>
    [node.postgresPort, node.apiPort, node.storeClientPort, node.storePeerPort].map((port) => ({
      machine: machineOf(node.host),
      port,
    })),
  )
  const ofEndpoints = spec.nodes
    .filter((node) => node.role === 'balancer')
    .flatMap((node) =>
      [
        spec.endpoints.write.port,
        spec.endpoints.read.port,
        spec.balancer.statsPort,
        spec.balancer.healthPort,
      ].map((port) => ({ machine: machineOf(node.host), port })),
    )
  return [...ofNodes, ...ofEndpoints].filter((each): each is NamedPort => each.port !== undefined)
}
