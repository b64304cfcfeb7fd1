// What a node must not forget, as plain data.

import type { Epoch, Incarnation, SystemId, TimelineId } from './names.ts'
import type { Lsn } from './lsn.ts'

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
