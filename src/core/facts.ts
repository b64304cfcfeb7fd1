// What one agent knows at one instant: plain data, nothing derived. `classify.ts` turns it into words.

import type { MemberAnswer } from './candidate.ts'
import type { ClusterLayout, NodeLayout } from './cluster-layout.ts'
import type { LeaseState } from './lease.ts'
import type { LocalStateRecord } from './local-state.ts'
import type { Lsn } from './lsn.ts'
import type { Epoch, Incarnation, MonotonicMs, NodeName } from './names.ts'
import type { Protections } from './protections.ts'
import type { DataDirectory, PostgresObservation, Walsender } from './server.ts'
import type { StoreView } from './store-view.ts'
import type { SyncRecord } from './sync-list.ts'

/** The lease as this agent holds it: it wrote it, and nothing else counts. */
export type Tenure = {
  readonly epoch: Epoch
  readonly state: LeaseState
  readonly stopByMs: MonotonicMs
  /** Another holds the lease, or it was given back. The deadline alone is judged with `nowMs`. */
  readonly isLost: boolean
}

export type Election = {
  readonly epoch: Epoch
  /** By node, this one included. */
  readonly answers: ReadonlyMap<NodeName, MemberAnswer>
}

/** How this node was last told to stream. */
export type Following = {
  readonly node: NodeName
  readonly epoch: Epoch
  /** Since when it has not been streaming although it should; null while it streams. */
  readonly silentSinceMs: MonotonicMs | null
}

export type SwitchoverProgress = {
  readonly id: string
  readonly isCheckpointed: boolean
  readonly sinceMs: MonotonicMs
}

export type Facts = {
  readonly nowMs: MonotonicMs
  readonly self: NodeLayout
  readonly layout: ClusterLayout
  readonly protections: Protections
  readonly wish: 'run' | 'stop'
  /** Name of the long operation that runs now. */
  readonly operation: string | null

  /** Null until the store has answered once. */
  readonly store: StoreView | null
  /** The last good sync record seen under the lease that this agent holds without a break. */
  readonly keptRecord: SyncRecord | null
  /** When the lease's present revision was first seen here. */
  readonly leaseSeenAtMs: MonotonicMs
  readonly tenure: Tenure | null

  readonly local: LocalStateRecord
  readonly directory: DataDirectory | null
  readonly server: PostgresObservation
  /** Since when the server has been `unknown` without a break. */
  readonly serverSilentSinceMs: MonotonicMs | null
  /** The standbys at the last time this server was seen as an open primary. */
  readonly lastWalsenders: readonly Walsender[]
  readonly diskProbeMs: number
  readonly isGuardAlive: boolean
  /** A server runs that the guard did not start: nobody would stop it at the deadline. */
  readonly isServerUnguarded: boolean
  /** The guard's deadline as it last confirmed it; null while it has none. */
  readonly guardStopByMs: MonotonicMs | null

  readonly election: Election | null
  /** Since when PostgreSQL could not be prepared for the promotion of this node; null while it could. */
  readonly promotionFailsSinceMs: MonotonicMs | null
  /** Behind the first record after this node's last start as primary; null before it was written. */
  readonly gateLsn: Lsn | null
  /** The gate's protection may be taken away by the simulator for promotions only. */
  readonly startedBy: 'promotion' | 'restart' | null
  readonly following: Following | null
  /** A rewind was tried against this epoch's primary and failed. */
  readonly rewindFailedEpoch: Epoch | null
  readonly switchover: SwitchoverProgress | null

  /** No attempt at the lease before this. */
  readonly backoffUntilMs: MonotonicMs
  /** This node confirmed a holder without the store and promised to wait. */
  readonly deferUntilMs: MonotonicMs
  /** Before the first lease: what the other nodes said about data of theirs. */
  readonly bootstrapCheck: 'unknown' | 'clear' | 'data-elsewhere'
  readonly noLeaseSinceMs: MonotonicMs | null
}

/** The incarnation of this node, when its volume has one. */
export function selfIncarnation(facts: Facts): Incarnation | null {
  return facts.local.incarnation
}
