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
}

export function dataNodesOf(layout: ClusterLayout): readonly NodeLayout[] {
  return layout.nodes.filter((node) => node.role === 'data')
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
