// From the lease and the holder's own words, as one agent sees them, to where the balancer may send
// writes (I2).

import type { LeaseRecord } from './lease.ts'
import type { Epoch, MonotonicMs, NodeName } from './names.ts'
import type { NodeReport } from './node-report.ts'

export type WriteRoute =
  /** The lease says nothing certain now: the balancer's own checks decide alone. */
  | { readonly kind: 'unknown' }
  /** Nobody serves; whoever served before has been stopped by its guard or by itself. */
  | { readonly kind: 'nobody'; readonly epoch: Epoch }
  /**
   * The lease says `serving`, which is written before clients are let in (safety.md 2.3 rule 7d): nobody but
   * this node may take writes, and whether it does already, only the node itself can say.
   */
  | { readonly kind: 'opening'; readonly node: NodeName; readonly epoch: Epoch }
  | { readonly kind: 'holder'; readonly node: NodeName; readonly epoch: Epoch }

/** What is known of the lease and of its holder. */
export type RouteFacts = {
  readonly lease: LeaseRecord | null
  /**
   * When this revision of the lease was first seen; null when its age cannot be told, because it was there
   * before we looked and has not changed since.
   */
  readonly seenAtMs: MonotonicMs | null
  readonly nowMs: MonotonicMs
  /** The holder's report in the store, if there is one. */
  readonly report: NodeReport | null
  /** The epoch in which its holder has last said, asked by us, that clients get in. */
  readonly openIn: Epoch | null
}

/** Where writes may go. */
export function writeRouteOf({ lease, seenAtMs, nowMs, report, openIn }: RouteFacts): WriteRoute {
  if (lease === null || seenAtMs === null) return { kind: 'unknown' }
  // A holder that cannot reach the store may go on with its peers' consent (safety.md 2.5), so a lease
  // that we have not seen renewed proves neither that it serves nor that it does not.
  if (nowMs - seenAtMs > lease.ttlMs) return { kind: 'unknown' }
  const { epoch, holder: node } = lease
  if (lease.state !== 'serving' || isClosing(report, epoch)) return { kind: 'nobody', epoch }
  return openIn === epoch ? { kind: 'holder', node, epoch } : { kind: 'opening', node, epoch }
}

/** Whether a primary has announced that it will stop: clients are to wait before it refuses them. */
export function isClosing(report: NodeReport | null, epoch: Epoch): boolean {
  return report?.state === 'stopping' && report.epoch === epoch
}

/** The epoch in which a node says to let clients in; null: it does not say so. */
export function openEpochOf(report: NodeReport): Epoch | null {
  return report.state === 'running' ? report.epoch : null
}

/** The only node that writes may be led to; null: none. */
export function targetOf(route: WriteRoute): NodeName | null {
  return route.kind === 'holder' || route.kind === 'opening' ? route.node : null
}

/** Whether what was done for one route is all that has to be done for the other. */
export function isSameRoute(left: WriteRoute, right: WriteRoute): boolean {
  if (left.kind !== right.kind || left.kind === 'unknown' || right.kind === 'unknown') {
    return left.kind === right.kind
  }
  return left.epoch === right.epoch && targetOf(left) === targetOf(right)
}
