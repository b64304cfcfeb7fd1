// What a node must not forget: a small file outside the data directory that survives rewind and clone.

import type { Epoch, Incarnation, SystemId } from '../core/names.ts'
import type { Lsn } from '../core/lsn.ts'
import type { TimelineId } from '../core/names.ts'

export type LocalStateRecord = {
  /**
   * Never again acknowledge, stream from, be rewound to or cloned from a primary of a lower epoch (I7).
   * Null: there is no promise file; the node first reads the lease and persists its epoch.
   */
  readonly promise: Epoch | null
  /** Null until the volume holds (or is about to hold) a data directory. */
  readonly incarnation: Incarnation | null
  readonly systemId: SystemId | null
  /** The node is no evidence before its WAL has passed this (I11); null when it is. */
  readonly suspendedUntil: { readonly timeline: TimelineId; readonly lsn: Lsn | null } | null
  /** The data directory was started as a primary in this epoch and has not been a standby since. */
  readonly primaryEpoch: Epoch | null
}

export interface LocalState {
  /** The record as it was last saved. Memory only, never fails. */
  get(): LocalStateRecord
  /**
   * Merges `changes` and returns after they are on disk (fsync of file and directory). A promise never
   * goes down: a lower one is kept out.
   * @throws PgherdError PGHERD_STATE_UNWRITABLE when the disk refuses
   */
  save(changes: Partial<LocalStateRecord>): Promise<void>
}
