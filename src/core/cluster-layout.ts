// What the spec file says, in the form that decisions need: names, roles, addresses, durability, plan.

import type { ClusterName, NodeName, NodeRole } from './names.ts'
import type { TimingPlan } from './timing-plan.ts'

/** `quorum`: ANY k, the list may shrink to none. `strict`: never below k. `async`: no list. */
export type Durability = 'quorum' | 'strict' | 'async'

export type NodeLayout = {
  readonly name: NodeName
  readonly role: NodeRole
  /** Address that the other nodes and clients use. */
  readonly host: string
  /** PostgreSQL, data nodes only. */
  readonly postgresPort: number | null
  /** The agent's HTTP port. */
  readonly apiPort: number
  /** etcd, voters only. */
  readonly storeClientPort: number | null
  readonly storePeerPort: number | null
  readonly isVoter: boolean
  /** May never become primary (it still counts for durability). */
  readonly noFailover: boolean
}

/** An address that the balancers share: one of them has it at any time (VRRP). */
export type VipLayout = {
  readonly address: string
  readonly prefixLength: number
  /** Tells these balancers from others in the same network. */
  readonly routerId: number
  readonly delivery: 'unicast' | 'multicast'
  /** Period of the adverts of the balancer that has the address. */
  readonly advertMs: number
  /** Network interface of each balancer, by name; null: the one that has the address of its host. */
  readonly interfaces: Readonly<Record<string, string | null>>
}

export type BalancerPorts = {
  /** Statistics page and metrics, with a password. */
  readonly stats: number
  /** Whether HAProxy can serve at all, asked from the same machine only. */
  readonly health: number
}

export type ClusterLayout = {
  readonly cluster: ClusterName
  readonly durability: Durability
  /** How many standbys a commit waits for, when there are that many. */
  readonly syncStandbys: number
  readonly plan: TimingPlan
  readonly nodes: readonly NodeLayout[]
  /** Where applications connect; null without a balancer. */
  readonly endpoints: {
    readonly write: { readonly host: string; readonly port: number } | null
    readonly read: { readonly host: string; readonly port: number } | null
  }
  /** Ports of HAProxy on every balancer besides the endpoints; null without a balancer. */
  readonly balancerPorts: BalancerPorts | null
  /** Null: every balancer is reached by its own address. */
  readonly vip: VipLayout | null
}

export function dataNodesOf(layout: ClusterLayout): readonly NodeLayout[] {
  return layout.nodes.filter((node) => node.role === 'data')
}

export function balancersOf(layout: ClusterLayout): readonly NodeLayout[] {
  return layout.nodes.filter((node) => node.role === 'balancer')
}

export function votersOf(layout: ClusterLayout): readonly NodeLayout[] {
  return layout.nodes.filter((node) => node.isVoter)
}

/** @throws RangeError when the layout has no such node */
export function nodeIn(layout: ClusterLayout, name: NodeName): NodeLayout {
  const found = layout.nodes.find((node) => node.name === name)
  if (found === undefined) throw new RangeError(`the layout has no node ${name}`)
  return found
}
