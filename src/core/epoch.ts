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

/**
 * How many epochs may have been taken that left a trace nowhere but in a lease which is gone: an acquisition
 * reaches a promise or a report only a moment later, and who saw it may have been started again since.
 */
export const unseenEpochsMax = 1000

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
 * and the promise. A lease that is gone may have held a higher one than all of these; none of its epochs is
 * given to a second holder.
 */
export function nextEpochOf(view: StoreView | null, promise: Epoch | null): Epoch {
  const known = seenEpochOf(view, promise)
  let highest = known
  for (const { value } of view?.reports.values() ?? []) {
    for (const epoch of [value.promise, value.epoch ?? 0]) {
      if (epoch > highest && !isEpochJump(known, epoch)) highest = epoch
    }
  }
  const isGone = highest > 0 && (view?.lease ?? null) === null
  return (highest + 1 + (isGone ? unseenEpochsMax : 0)) as Epoch
}
