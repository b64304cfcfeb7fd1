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

/** The records of which there is one. */
export type RecordKey = 'lease' | 'sync' | 'cluster' | 'control'

/** A record that is missing, cannot be read, or cannot be true. */
export type UnusableRecord = {
  readonly key: RecordKey | `reports/${string}`
  /** Ends the sentence that begins with the record's name. */
  readonly why: string
  /** Revision of what lies there; 0 when nothing does. Whoever replaces it compares this. */
  readonly revision: number
}

export type StoreView = {
  /** The store's revision at which this view held. */
  readonly revision: number
  readonly lease: Versioned<LeaseRecord> | null
  readonly sync: Versioned<SyncRecord> | null
  readonly cluster: Versioned<ClusterRecord> | null
  readonly control: Versioned<ControlRecord> | null
  readonly reports: ReadonlyMap<NodeName, Versioned<NodeReport>>
  readonly unusable: readonly UnusableRecord[]
}

export const emptyStoreView: StoreView = {
  revision: 0,
  lease: null,
  sync: null,
  cluster: null,
  control: null,
  reports: new Map(),
  unusable: [],
}

/** The revision to compare before `key` is written; 0 when nothing lies there. */
export function revisionOf(view: StoreView | null, key: RecordKey): number {
  if (view === null) return 0
  const unusable = view.unusable.find((record) => record.key === key)
  return view[key]?.revision ?? unusable?.revision ?? 0
}

/** The system identifier of the cluster, by whichever record tells it. */
export function systemIdOf(view: StoreView | null): SystemId | null {
  return view?.cluster?.value.systemId ?? view?.sync?.value.systemId ?? null
}
