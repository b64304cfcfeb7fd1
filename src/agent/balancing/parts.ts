// What the agent of a balancer consists of, and what it remembers.

import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import type { Epoch, MonotonicMs, NodeName } from '../../core/names.ts'
import type { WriteRoute } from '../../core/routing.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ClusterStore } from '../../ports/cluster-store.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Peers } from '../../ports/peers.ts'
import type { Proxy } from '../../ports/proxy.ts'
import type { Random } from '../../ports/random.ts'
import type { StoreMember } from '../../ports/store-member.ts'
import type { Vip } from '../../ports/vip.ts'
import type { Chronicle } from '../chronicle.ts'
import type { StoreMirror } from '../store-mirror.ts'
import type { Waker } from '../waker.ts'
import type { Holding } from './holding.ts'

export type BalancerPorts = {
  readonly clock: Clock
  readonly store: ClusterStore
  readonly journal: Journal
  readonly proxy: Proxy
  /** A balancer may vote too. */
  readonly member: StoreMember
  readonly peers: Peers
  readonly random: Random
  /** Null: the cluster has no address that its balancers share. */
  readonly vip: Vip | null
}

export type BalancerParts = BalancerPorts & {
  readonly layout: ClusterLayout
  readonly self: NodeLayout
  readonly version: string
  readonly mirror: StoreMirror
  readonly holding: Holding
  readonly waker: Waker
  readonly reportWaker: Waker
  readonly chronicle: Chronicle
  readonly counters: Record<string, number>
  /** What changes while it runs. */
  readonly memory: {
    loopedAtMs: MonotonicMs
    isStopping: boolean
    /** What the proxy was last told; null: nothing yet since it was started. */
    applied: WriteRoute | null
    /** The nodes that it would send writes to, as far as we know. */
    writesTo: readonly NodeName[]
    /** Why this balancer may not have the shared address; null: it may. */
    unfitBecause: string | null
    /** When it was last told a route. */
    switchedAtMs: MonotonicMs
    /** Lease revision that was there when we first looked: its age is unknown. */
    firstLeaseRevision: number | null
    /** The epoch in which its holder has last said, asked by us, that clients get in; null: in none. */
    openIn: Epoch | null
  }
}
