// What an agent offers to the outside: role answers from memory, its status, requests of operators and
// the calls of its peers. The HTTP adapter serves it; the agent implements it.

import type { ControlRecord } from '../core/control.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import type { LeaseState } from '../core/lease.ts'
import type { Epoch, NodeName, SystemId } from '../core/names.ts'
import type { NodeReport } from '../core/node-report.ts'
import type { FirstRecords, StoreEvidence } from '../core/store-recovery.ts'
import type { UnusableRecord } from '../core/store-view.ts'
import type { SyncRecord } from '../core/sync-list.ts'
import type { PeerService } from './peers.ts'
import type { Walsender } from './postgres.ts'
import type { StoreMemberState } from './store-member.ts'

/** Answers for balancers and supervisors. Plain values, computed ahead: no I/O happens when asked. */
export type RoleAnswer = {
  /** Open primary with a valid lease at this very instant (I2). */
  readonly isPrimary: boolean
  /** Streaming standby that may serve reads. */
  readonly isStandby: boolean
  /** Bytes this standby is behind what it knows of the primary; null when unknown. */
  readonly lagBytes: number | null
  /** The agent's loop has run recently. */
  readonly isLive: boolean
  /** The node does what it is there for (primary, streaming standby, running witness). */
  readonly isReady: boolean
}

/** The lease as this agent knows it. */
export type LeaseStatus = {
  readonly holder: NodeName
  readonly epoch: Epoch
  readonly state: LeaseState
  /** Time until others may take it, as seen from here; 0 when they may. */
  readonly remainingMs: number
}

/** One agent's view of the cluster, everything from memory. `status` merges those of all agents. */
export type AgentStatus = {
  readonly version: string
  readonly cluster: string
  readonly node: NodeName
  readonly systemId: SystemId | null
  readonly report: NodeReport
  /** The same answers that balancers get, of the same instant. */
  readonly role: RoleAnswer
  readonly lease: LeaseStatus | null
  /** Whether the store has answered this agent lately. */
  readonly isStoreReachable: boolean
  readonly sync: SyncRecord | null
  readonly control: ControlRecord
  /** Records of the store that are missing or cannot be used; older agents do not say. */
  readonly unusable?: readonly UnusableRecord[]
  readonly storeMember: StoreMemberState
  /** On a primary: its standbys as PostgreSQL sees them. */
  readonly walsenders: readonly Walsender[]
  /** Latest known reports of all nodes, by the store. */
  readonly reports: readonly NodeReport[]
  /** Progress of a clone or rewind that runs now. */
  readonly operation: {
    readonly name: string
    readonly sinceMs: number
    readonly doneBytes: number | null
    readonly totalBytes: number | null
  } | null
  /** Counters for metrics: name without prefix and unit, value. */
  readonly counters: Readonly<Record<string, number>>
}

export type RequestAnswer =
  | { readonly kind: 'accepted'; readonly id: string; readonly message: string }
  /** A safety or plausibility rule says no; the id goes to `pgherd why`. */
  | {
      readonly kind: 'refused'
      readonly ruleId: string
      readonly message: string
      readonly hint: string
    }
  /** Only the primary's agent can do this; ask there. */
  | { readonly kind: 'elsewhere'; readonly node: NodeName | null }

export interface AgentApi extends PeerService {
  role(): RoleAnswer
  status(): AgentStatus
  /** Checks and, unless `isDryRun`, writes the request; the switchover itself is seen in `status` and events. */
  requestSwitchover(to: NodeName | null, isDryRun: boolean): Promise<RequestAnswer>
  requestCancelSwitchover(): Promise<RequestAnswer>
  requestPause(reason: string): Promise<RequestAnswer>
  requestResume(): Promise<RequestAnswer>
  /** Newest events of the cluster, from the store; from this node only when the store does not answer. */
  events(countMax: number): Promise<readonly JournalEvent[]>
  /** What this node knows, for an operator whose store is lost. */
  storeEvidence(): Promise<StoreEvidence>
  /**
   * The store is given up: no primary runs here when it returns (or the evidence says so), and this voter's
   * copy is put aside unless it is the one on which the new store begins.
   */
  yieldToRecovery(isFounder: boolean): Promise<StoreEvidence>
  /** Begins the new store on this voter. @throws Error when it cannot */
  foundStore(records: FirstRecords): Promise<void>
  /** Where this agent sees the lease holder now; the balancer's agent follows it. */
  onChange(listener: () => void): void
}
