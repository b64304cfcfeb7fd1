// The newest view of the store that this agent has seen, and since when it has seen the lease's present
// revision: the clock of everybody who is not the holder (safety.md 2.1).

import type { MonotonicMs } from '../core/names.ts'
import { vitalFingerprint } from '../core/node-report.ts'
import type { StoreView, Versioned } from '../core/store-view.ts'
import { emptyStoreView } from '../core/store-view.ts'
import type { Clock } from '../ports/clock.ts'
import type { StoreTransaction } from '../ports/cluster-store.ts'

export class StoreMirror {
  readonly #clock: Clock
  #view: StoreView | null = null
  #leaseSeenAtMs: MonotonicMs
  #answeredAtMs: MonotonicMs | null = null
  readonly #listeners: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#leaseSeenAtMs = clock.monotonicMs()
  }

  /** Null until the store has answered for the first time. */
  view(): StoreView | null {
    return this.#view
  }

  leaseSeenAtMs(): MonotonicMs {
    return this.#leaseSeenAtMs
  }

  /** When the store last answered anything; null for never. */
  answeredAtMs(): MonotonicMs | null {
    return this.#answeredAtMs
  }

  /** Called after something changed that can change a decision (a mere renewal does not). */
  onSignificantChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Takes a view over if it is newer. */
  accept(view: StoreView): void {
    this.#answeredAtMs = this.#clock.monotonicMs()
    const before = this.#view
    if (before !== null && view.revision < before.revision) return
    if (before?.lease?.revision !== view.lease?.revision) {
      this.#leaseSeenAtMs = this.#clock.monotonicMs()
    }
    this.#view = view
    if (before === null || isSignificant(before, view)) {
      for (const listener of this.#listeners) listener()
    }
  }

  /** Applies a transaction of our own that was committed, without waiting for the watch. */
  acceptCommit(transaction: StoreTransaction, revision: number): void {
    const before = this.#view ?? emptyStoreView
    const put = transaction.put
    const versioned = <T>(value: T | undefined, old: Versioned<T> | null): Versioned<T> | null =>
      value === undefined ? old : { value, revision }
    if (revision < before.revision) {
      // The watch was faster and may have brought something newer still.
      this.#answeredAtMs = this.#clock.monotonicMs()
      return
    }
    this.accept({
      revision,
      lease: versioned(put.lease, before.lease),
      sync: versioned(put.sync, before.sync),
      cluster: versioned(put.cluster, before.cluster),
      control: versioned(put.control, before.control),
      reports: before.reports,
    })
  }
}

function isSignificant(before: StoreView, after: StoreView): boolean {
  const oldLease = before.lease?.value
  const newLease = after.lease?.value
  if (oldLease?.epoch !== newLease?.epoch || oldLease?.state !== newLease?.state) return true
  if (oldLease?.holder !== newLease?.holder) return true
  if (before.sync?.revision !== after.sync?.revision) return true
  if (before.cluster?.revision !== after.cluster?.revision) return true
  if (before.control?.revision !== after.control?.revision) return true
  if (before.reports === after.reports) return false
  for (const [name, report] of after.reports) {
    const old = before.reports.get(name)
    if (old === undefined) return true
    if (old.revision !== report.revision) {
      if (vitalFingerprint(old.value) !== vitalFingerprint(report.value)) return true
    }
  }
  return false
}
