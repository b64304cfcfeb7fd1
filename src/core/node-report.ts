// What each agent publishes about its node, for the others, for `status` and for metrics. It is never
// evidence for a promotion: evidence is only the answer to a seal.

import type { Epoch, Incarnation, NodeName, NodeRole, SystemId, WallClockMs } from './names.ts'
import type { Lsn } from './lsn.ts'
import type { TimelineHistory, WalPosition } from './position.ts'

/** The state of a node in one word, as people see it. */
export type NodeState =
  | 'starting' // the agent is up, nothing is known yet
  | 'waiting' // waits for the store, a primary, or its turn
  | 'bootstrapping' // makes the first primary
  | 'cloning' // copies a primary
  | 'rewinding' // cuts diverged WAL
  | 'recovering' // PostgreSQL replays its own WAL, does not follow anybody yet
  | 'streaming' // follows the primary
  | 'sealed' // has promised not to acknowledge older primaries, waits for a new one
  | 'electing' // holds the lease, asks for seals
  | 'promoting' // elected, not open yet
  | 'running' // open primary, witness or balancer
  | 'stopping' // hands over or is being stopped
  | 'stopped' // PostgreSQL is stopped on purpose
  | 'failed' // needs a person; `detail` says why

export type NodeReport = {
  readonly name: NodeName
  readonly role: NodeRole
  readonly incarnation: Incarnation | null
  readonly systemId: SystemId | null
  readonly state: NodeState
  /** One sentence when `state` alone does not explain it. */
  readonly detail: string | null
  /** True while PostgreSQL runs as primary (open or not). */
  readonly isPrimary: boolean
  /** With isPrimary: the epoch under which it was started, and the branches that led to it. */
  readonly epoch: Epoch | null
  readonly history: TimelineHistory | null
  readonly position: WalPosition | null
  readonly replayLsn: Lsn | null
  readonly upstream: NodeName | null
  readonly promise: Epoch
  /** False while the directory's position went backwards and has not caught up (I11). */
  readonly isEvidence: boolean
  /** Nodes only; null from an older version. */
  readonly agent: AgentReport | null
  /** Balancers only. */
  readonly balancing: BalancerReport | null
  readonly version: string
  readonly reportedAtMs: WallClockMs
}

export type AgentReport = {
  /** Drawn at each start: reports of two runs in turn are those of two agents. */
  readonly run: string
  /** The run of another agent that publishes as this node, while there is one. */
  readonly rival: string | null
}

export type BalancerReport = {
  /** The node to which its proxy would send a new write session; null when it knows none. */
  readonly writesTo: NodeName | null
  /** Whether the address that the balancers share is on this host; null when there is none. */
  readonly hasVip: boolean | null
  /** The name of the address's present stay on this host, new with each; null: it is not here. */
  readonly holding: string | null
  /** While it is here: the stays on other hosts that this balancer has been told of. */
  readonly beside: readonly string[]
}

/** The part of a report that decisions of other nodes rest on: its change is published at once. */
export function vitalFingerprint(report: NodeReport): string {
  return JSON.stringify([
    report.incarnation,
    report.systemId,
    report.isPrimary,
    report.epoch,
    report.promise,
    report.isEvidence,
    report.isPrimary ? report.position?.timeline : null,
    // Balancers let clients wait before this node refuses them.
    report.epoch !== null && report.state === 'stopping',
    report.agent?.rival ?? null,
  ])
}

/** The part whose change people should see soon; the rest may wait for the period. */
export function reportFingerprint(report: NodeReport): string {
  return JSON.stringify([
    report.incarnation,
    report.systemId,
    report.state,
    report.detail,
    report.isPrimary,
    report.epoch,
    report.upstream,
    report.promise,
    report.isEvidence,
    report.balancing,
    report.agent?.rival ?? null,
    report.position?.timeline ?? null,
  ])
}
