// The newest view of the store that this agent has seen, and since when it has seen the lease's present
// revision: the clock of everybody who is not the holder (safety.md 2.1).

import type { Epoch, MonotonicMs, NodeName } from '../core/names.ts'
import { vitalFingerprint } from '../core/node-report.ts'
import { recordNews } from '../core/record-screen.ts'
import type { ClusterRecord, StoreView, UnusableRecord, Versioned } from '../core/store-view.ts'
import { emptyStoreView, revisionOf } from '../core/store-view.ts'
import type { SyncRecord } from '../core/sync-list.ts'
import type { Clock } from '../ports/clock.ts'
import type { StoreTransaction } from '../ports/cluster-store.ts'

/** The last records that were good, and the lease under which they were seen. */
export type KeptRecords = {
  readonly holder: NodeName
  readonly epoch: Epoch
  readonly sync: SyncRecord
  readonly cluster: ClusterRecord | null
}

export class StoreMirror {
  readonly #clock: Clock
  readonly #screen: (view: StoreView) => StoreView
  #kept: KeptRecords | null = null
  #highestEpoch = 0
  #view: StoreView | null = null
  #leaseSeenAtMs: MonotonicMs
  #answeredAtMs: MonotonicMs | null = null
  readonly #listeners: (() => void)[] = []
  readonly #newsListeners: ((
    lost: readonly UnusableRecord[],
    back: readonly UnusableRecord[],
  ) => void)[] = []

  /** @param screen takes out of a view what cannot be true (core/record-screen.ts) */
  constructor(clock: Clock, screen: (view: StoreView) => StoreView = (view) => view) {
    this.#clock = clock
    this.#screen = screen
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

  /** Called when a record was found unusable, or is usable again. */
  onRecordNews(
    listener: (lost: readonly UnusableRecord[], back: readonly UnusableRecord[]) => void,
  ): void {
    this.#newsListeners.push(listener)
  }

  /** The highest epoch of any lease that was seen and could be true; the lease may be gone since. */
  highestEpoch(): Epoch {
    return this.#highestEpoch as Epoch
  }

  /** The last good records that were seen together with a lease; null for none. */
  kept(): KeptRecords | null {
    return this.#kept
  }

  /** The view without what cannot be true. */
  screen(view: StoreView): StoreView {
    return this.#screen(view)
  }

  /** Takes a view over if it is newer. */
  accept(found: StoreView): void {
    this.#answeredAtMs = this.#clock.monotonicMs()
    const before = this.#view
    if (before !== null && found.revision < before.revision && !isOfNextStore(before, found)) {
      return
    }
    const view = this.#screen(found)
    if (before === null || revisionOf(before, 'lease') !== revisionOf(view, 'lease')) {
      this.#leaseSeenAtMs = this.#clock.monotonicMs()
    }
    this.#view = view
    this.#highestEpoch = Math.max(this.#highestEpoch, view.lease?.value.epoch ?? 0)
    if (view.lease !== null && view.sync !== null) {
      const { holder, epoch } = view.lease.value
      const isSameTenure = this.#kept?.holder === holder && this.#kept.epoch === epoch
      const cluster = view.cluster?.value ?? (isSameTenure ? (this.#kept?.cluster ?? null) : null)
      this.#kept = { holder, epoch, sync: view.sync.value, cluster }
    }
    const { lost, back } = recordNews(before?.unusable ?? [], view.unusable)
    if (lost.length > 0 || back.length > 0) {
      for (const listener of this.#newsListeners) listener(lost, back)
    }
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
      unusable: before.unusable.filter(
        ({ key, why }) =>
          why !== 'is missing' && (put as Record<string, unknown>)[key] === undefined,
      ),
    })
  }
}

/**
 * In one store epochs grow with revisions. A higher epoch at a lower revision is a store that was begun
 * anew after this one was lost: it begins above every epoch that anybody knew.
 */
function isOfNextStore(before: StoreView, view: StoreView): boolean {
  return (view.lease?.value.epoch ?? 0) > (before.lease?.value.epoch ?? 0)
}

function isSignificant(before: StoreView, after: StoreView): boolean {
  const oldLease = before.lease?.value
  const newLease = after.lease?.value
  if (oldLease?.epoch !== newLease?.epoch || oldLease?.state !== newLease?.state) return true
  if (oldLease?.holder !== newLease?.holder) return true
  if (before.sync?.revision !== after.sync?.revision) return true
  if (before.cluster?.revision !== after.cluster?.revision) return true
  if (before.control?.revision !== after.control?.revision) return true
  if (before.unusable.length > 0 || after.unusable.length > 0) {
    const { lost, back } = recordNews(before.unusable, after.unusable)
    if (lost.length > 0 || back.length > 0) return true
  }
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
