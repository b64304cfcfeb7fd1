// The spec in the form that decisions need: addresses with ports, voters, timing.

import { timingPlans } from '../core/timing-plan.ts'
import type { ClusterLayout, VipLayout } from '../core/cluster-layout.ts'
import type { ClusterName, NodeName } from '../core/names.ts'
import { assignPorts } from './ports.ts'
import type { ClusterSpec } from './schema.ts'
import { parseVip } from './vip.ts'
import { chooseVoters } from './voters.ts'

/** How many standbys a commit waits for when the spec does not say: half, rounded up, at least 1. */
export function defaultSyncStandbys(dataNodeCount: number): number {
  return Math.max(1, Math.ceil((dataNodeCount - 1) / 2))
}

/**
 * The layout of a checked spec, with ports by the default scheme where the spec names none.
 * Pure: every agent of the cluster derives the same.
 */
export function layoutOf(spec: ClusterSpec): ClusterLayout {
  const voters = chooseVoters(spec.nodes)
  const ports = assignPorts(spec)
  const dataNodeCount = spec.nodes.filter((node) => node.role === 'data').length
  const balancerHost = spec.nodes.find((node) => node.role === 'balancer')?.host ?? null
  const vip = vipLayoutOf(spec)
  const endpointOf = (kind: 'write' | 'read') =>
    balancerHost === null || ports.endpoints === null
      ? null
      : {
          host: spec.endpoints[kind].host ?? vip?.address ?? balancerHost,
          port: ports.endpoints[kind],
        }
  return {
    cluster: spec.cluster as ClusterName,
    durability: spec.durability,
    syncStandbys: spec.syncStandbys ?? defaultSyncStandbys(dataNodeCount),
    plan: timingPlans[spec.plan],
    nodes: spec.nodes.map((node) => ({
      name: node.name as NodeName,
      role: node.role,
      host: node.host,
      ...(ports.nodes.get(node.name) ?? {
        postgresPort: null,
        apiPort: 0,
        storeClientPort: null,
        storePeerPort: null,
      }),
      isVoter: voters.has(node.name),
      noFailover: node.noFailover,
    })),
    endpoints: { write: endpointOf('write'), read: endpointOf('read') },
    balancerPorts: ports.balancer,
    vip,
  }
}

function vipLayoutOf({ balancer, plan, nodes }: ClusterSpec): VipLayout | null {
  const vip = balancer.vip === null ? null : parseVip(balancer.vip)
  if (vip === null) return null
  const balancers = nodes.filter((node) => node.role === 'balancer')
  return {
    address: vip.address,
    prefixLength: vip.prefixLength,
    routerId: balancer.vrrpRouterId,
    delivery: balancer.vrrp,
    advertMs: balancer.advertMs ?? timingPlans[plan].vrrpAdvertMs,
    interfaces: Object.fromEntries(
      balancers.map((node) => [node.name, node.interface ?? balancer.interface]),
    ),
  }
}

/** Advice about what a valid spec cannot give; each one sentence. */
export function adviceFor(spec: ClusterSpec): readonly string[] {
  const advice: string[] = []
  const dataNodeCount = spec.nodes.filter((node) => node.role === 'data').length
  const voters = [...chooseVoters(spec.nodes)]
  if (dataNodeCount === 1) {
    advice.push(
      'There is one data node: nothing can take over when it fails. Add data nodes and a witness.',
    )
  } else if (voters.length === 1) {
    advice.push(
      `Only ${voters[0] ?? 'one node'} votes: when it fails, nothing can take over. Add a witness.`,
    )
  }
  const balancerCount = spec.nodes.filter((node) => node.role === 'balancer').length
  if (balancerCount === 1 && spec.balancer.vip !== null) {
    advice.push(
      'One balancer has the VIP: when its host fails, nobody takes it over. Add a second balancer, which may share the host of a data node.',
    )
  }
  if (balancerCount > 1 && spec.balancer.vip === null) {
    advice.push(
      `There are ${String(balancerCount)} balancers and no VIP: an application that knows one address loses its way when that host fails. Set balancer.vip.`,
    )
  }
  if (spec.durability === 'async' && spec.syncStandbys !== null) {
    advice.push('syncStandbys has no effect with durability async.')
  }
  if (spec.durability === 'async') {
    advice.push('With durability async a failover may lose the last acknowledged commits.')
  }
  return advice
}
