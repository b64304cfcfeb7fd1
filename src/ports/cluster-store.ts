// The consistent key-value store, in our terms. Linearizable reads and writes; every call carries its
// deadline. One record per key: lease, sync record, cluster record, control, a report per node, events.

import type { ControlRecord } from '../core/control.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import type { LeaseRecord } from '../core/lease.ts'
import type { NodeReport } from '../core/node-report.ts'
import type { ClusterRecord, StoreView } from '../core/store-view.ts'
import type { SyncRecord } from '../core/sync-list.ts'

export { emptyStoreView } from '../core/store-view.ts'
export type { ClusterRecord, StoreView, Versioned } from '../core/store-view.ts'

/**
 * All or nothing: every expectation must hold at the same instant, then every put is made.
 * In `expect`, a number is the revision the key must have and 0 means that it must not exist; a key
 * that is not named is not compared.
 */
export type StoreTransaction = {
  readonly expect: {
    readonly lease?: number
    readonly sync?: number
    readonly cluster?: number
    readonly control?: number
  }
  readonly put: {
    readonly lease?: LeaseRecord
    readonly sync?: SyncRecord
    readonly cluster?: ClusterRecord
    readonly control?: ControlRecord
  }
}

export type TransactionResult =
  | { readonly kind: 'committed'; readonly revision: number }
  /** Nothing was written; `view` is what the store holds (linearizable). */
  | { readonly kind: 'conflict'; readonly view: StoreView }

/** The store did not answer in time or refused. A write may or may not have happened: read again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

export interface ClusterStore {
  /**
   * A linearizable read of everything but events.
   * @throws StoreUnavailableError after `deadlineMs`
   */
  read(deadlineMs: number): Promise<StoreView>
  /**
   * @throws StoreUnavailableError when the outcome is unknown. The adapter never sends a transaction
   * twice unless it knows that the first was not carried out.
   */
  transact(transaction: StoreTransaction, deadlineMs: number): Promise<TransactionResult>
  /**
   * Calls `listener` with each newer view, never an older one, until `signal` aborts. It reopens by
   * itself when it fell silent; changes may be merged, so a listener sees states and not every step.
   */
  watch(listener: (view: StoreView) => void, signal: AbortSignal): void
  /**
   * Replaces this node's report.
   * @throws StoreUnavailableError
   */
  publish(report: NodeReport, deadlineMs: number): Promise<void>
  /**
   * Adds events; an event that is there already (same id) is left as it is. Old ones beyond some
   * hundreds are dropped by the adapter.
   * @throws StoreUnavailableError
   */
  appendEvents(events: readonly JournalEvent[], deadlineMs: number): Promise<void>
  /**
   * The newest `countMax` events, oldest first.
   * @throws StoreUnavailableError
   */
  readEvents(countMax: number, deadlineMs: number): Promise<readonly JournalEvent[]>
}
