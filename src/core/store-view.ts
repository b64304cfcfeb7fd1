// What the store holds, as plain data.

import type { ControlRecord } from './control.ts'
import type { LeaseRecord } from './lease.ts'
import type { NodeName, SystemId, WallClockMs } from './names.ts'
import type { NodeReport } from './node-report.ts'
import type { SyncRecord } from './sync-list.ts'

export type Versioned<T> = {
  readonly value: T
  /** Revision of the store at which this key was last written. */
  readonly revision: number
}

/** Written once, when the first primary was made. */
export type ClusterRecord = { readonly systemId: SystemId; readonly createdAtMs: WallClockMs }

export type StoreView = {
  /** The store's revision at which this view held. */
  readonly revision: number
  readonly lease: Versioned<LeaseRecord> | null
  readonly sync: Versioned<SyncRecord> | null
  readonly cluster: Versioned<ClusterRecord> | null
  readonly control: Versioned<ControlRecord> | null
  readonly reports: ReadonlyMap<NodeName, Versioned<NodeReport>>
}

export const emptyStoreView: StoreView = {
  revision: 0,
  lease: null,
  sync: null,
  cluster: null,
  control: null,
  reports: new Map(),
}
