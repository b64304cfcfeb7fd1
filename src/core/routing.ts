// From the lease as one agent sees it to where the balancer may send writes (I2).

import type { LeaseRecord } from './lease.ts'
import type { Epoch, MonotonicMs, NodeName } from './names.ts'

export type WriteRoute =
  /** The lease says nothing certain now: the balancer's own checks decide alone. */
  | { readonly kind: 'unknown' }
  /** Nobody serves; whoever served before has been stopped by its guard or by itself. */
  | { readonly kind: 'nobody'; readonly epoch: Epoch }
  | { readonly kind: 'holder'; readonly node: NodeName; readonly epoch: Epoch }

/**
 * Where writes may go.
 * @param seenAtMs when this revision of the lease was first seen; null when its age cannot be told,
 *   because it was there before we looked and has not changed since
 */
export function writeRouteOf(
  lease: LeaseRecord | null,
  seenAtMs: MonotonicMs | null,
  nowMs: MonotonicMs,
): WriteRoute {
  if (lease === null || seenAtMs === null) return { kind: 'unknown' }
  // A holder that cannot reach the store may go on with its peers' consent (safety.md 2.5), so a lease
  // that we have not seen renewed proves neither that it serves nor that it does not.
  if (nowMs - seenAtMs > lease.ttlMs) return { kind: 'unknown' }
  if (lease.state === 'serving') return { kind: 'holder', node: lease.holder, epoch: lease.epoch }
  return { kind: 'nobody', epoch: lease.epoch }
}

export function isSameRoute(left: WriteRoute, right: WriteRoute): boolean {
  if (left.kind === 'unknown' || right.kind === 'unknown') return left.kind === right.kind
  const leftNode = left.kind === 'holder' ? left.node : null
  const rightNode = right.kind === 'holder' ? right.node : null
  return left.epoch === right.epoch && leftNode === rightNode
}
