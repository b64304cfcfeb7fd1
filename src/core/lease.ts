// The lease: one key, changed by compare-and-swap only (safety.md 2.1). Only clock *rates* matter.

import type { Epoch, MonotonicMs, NodeName, SystemId } from './names.ts'

export type LeaseState = 'preparing' | 'serving' | 'released'

export type LeaseRecord = {
  readonly holder: NodeName
  readonly epoch: Epoch
  readonly ttlMs: number
  /** Grows with every write of the holder: makes an ambiguous write recognisable as our own. */
  readonly sequence: number
  readonly state: LeaseState
  /** Absent only while the very first primary is being made. */
  readonly systemId: SystemId | null
  /** With `released`: the node that is asked to go first (switchover, hand-over of an election). */
  readonly handOverTo: NodeName | null
}

/**
 * Until when the holder may run a writable PostgreSQL: the monotonic time read **before** the renewal
 * was sent, plus the lease's time, minus the margin.
 * @param marginMs at least 5 % of ttlMs and at least 100 ms
 */
export function stopByOf(sentAtMs: MonotonicMs, ttlMs: number, marginMs: number): MonotonicMs {
  return (sentAtMs + ttlMs - marginMs) as MonotonicMs
}

/**
 * Whether somebody else may take the lease: it was released, or its revision has been seen unchanged
 * for its whole time on our own clock.
 * @param seenAtMs when we first saw this very revision
 */
export function isLeaseFree(
  lease: LeaseRecord,
  seenAtMs: MonotonicMs,
  nowMs: MonotonicMs,
): boolean {
  return lease.state === 'released' || nowMs - seenAtMs > lease.ttlMs
}
