// The hosts of a lab: what a spec's addresses become on this machine. Pure.

import { createHash } from 'node:crypto'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { ClusterName, NodeName } from '../../core/names.ts'

/** A host of the lab: a network namespace with one cable to the switch. */
export type LabHost = {
  /** The node on it, the first one when there are several; `client` for the one with no node. */
  readonly name: string
  readonly address: string
  /** Nodes that run on it. */
  readonly nodes: readonly NodeName[]
  readonly namespace: string
  /** The other end of its cable, in the switch. */
  readonly port: string
}

export type LabNetwork = {
  /** Name of the cluster, for people. */
  readonly cluster: ClusterName
  /** All namespaces of this lab begin with it. */
  readonly prefix: string
  /** Namespace of the switch, which holds nothing but the bridge and the cables. */
  readonly switchNamespace: string
  readonly prefixLength: number
  readonly hosts: readonly LabHost[]
}

/** The host where applications would run; commands ask the agents from there too. */
export const clientHost = 'client'

/** The last part of the name of the switch's namespace, and its bridge. */
export const switchName = 'switch'

/** Every host of the lab has the same kind of network card. */
export const hostInterface = 'eth0'

/** Hosts of one lab share one network of this size. */
export const labPrefixLength = 24

/**
 * The network of a cluster.
 * @param directory folder of the cluster, from which unique names follow: labs do not meet
 * @param layout nodes with IPv4 addresses of one /24
 * @throws RangeError when no address is left for the client
 */
export function labNetworkOf(directory: string, layout: ClusterLayout): LabNetwork {
  const prefix = `pgherd-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}-`
  const addresses = [...new Set(layout.nodes.map((node) => node.host))]
  const hosts = addresses.map((address): Omit<LabHost, 'namespace' | 'port'> => {
    const nodes = layout.nodes.filter((node) => node.host === address).map((node) => node.name)
    return { name: nodes[0] ?? address, address, nodes }
  })
  const { endpoints, vip } = layout
  const taken = [...addresses, vip?.address, endpoints.write?.host, endpoints.read?.host]
  const client = { name: clientHost, address: freeAddress(taken), nodes: [] }
  return {
    cluster: layout.cluster,
    prefix,
    switchNamespace: switchNamespaceOf(prefix),
    prefixLength: labPrefixLength,
    hosts: [...hosts, client].map((host, index) => ({
      ...host,
      namespace: `${prefix}${host.name}`,
      port: `port${String(index)}`,
    })),
  }
}

/** @param prefix with which all namespaces of a lab begin */
export function switchNamespaceOf(prefix: string): string {
  return `${prefix}${switchName}`
}

/** The host of that name, or the one on which the node of that name runs; null when there is none. */
export function labHostOf(network: LabNetwork, name: string): LabHost | null {
  const { hosts } = network
  return (
    hosts.find((host) => host.name === name) ??
    hosts.find((host) => host.nodes.some((node) => node === name)) ??
    null
  )
}

/** The network of an IPv4 address, as `10.77.0.`. */
export function networkPartOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.') + 1)
}

/** From the top: nodes are counted from below. */
function freeAddress(taken: readonly (string | undefined)[]): string {
  const network = networkPartOf(taken.find((address) => address !== undefined) ?? '')
  for (let last = 250; last > 0; last--) {
    const address = `${network}${String(last)}`
    if (!taken.includes(address)) return address
  }
  throw new RangeError(`no address is left in ${network}0/${String(labPrefixLength)}`)
}
