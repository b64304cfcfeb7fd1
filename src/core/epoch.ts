// How far an epoch may be from what is known, and the epoch with which a free lease is taken. An epoch
// that was persisted as a promise is never taken back, so one that cannot be true must not get so far.

import type { Epoch } from './names.ts'
import type { StoreView } from './store-view.ts'

/** No record holds a higher one. */
export const epochMax = 2_147_483_647

/**
 * Each acquisition takes one epoch. The fastest plan and a cluster that elects without a break need more
 * than a week for so many, and two thousand such jumps are needed to use up the range.
 */
export const epochJumpMax = 1_000_000

/** Whether `epoch` is further above `known` than elections can have brought it. */
export function isEpochJump(known: number, epoch: number): boolean {
  return epoch > known + epochJumpMax || epoch > epochMax
}

/** The highest epoch that this node has reason to believe in: its promise and the sync record. */
export function knownEpochOf(view: StoreView | null, promise: Epoch | null): number {
  return Math.max(promise ?? 0, view?.sync?.value.epoch ?? 0)
}

/** The same with the lease, in a view from which what cannot be true was taken (record-screen.ts). */
export function seenEpochOf(view: StoreView | null, promise: Epoch | null): number {
  return Math.max(knownEpochOf(view, promise), view?.lease?.value.epoch ?? 0)
}

/**
 * The epoch for a lease that is taken now: above every epoch in the lease, the sync record, the reports
 * and the promise (a lease that was deleted must not let epochs go back).
 */
export function nextEpochOf(view: StoreView | null, promise: Epoch | null): Epoch {
  const known = seenEpochOf(view, promise)
  let highest = known
  for (const { value } of view?.reports.values() ?? []) {
    for (const epoch of [value.promise, value.epoch ?? 0]) {
      if (epoch > highest && !isEpochJump(known, epoch)) highest = epoch
    }
  }
  return (highest + 1) as Epoch
}
