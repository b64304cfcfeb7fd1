// What an agent remembers between two looks at the world. All of it may be lost with the process: what
// must not be forgotten is in the local state or in the store.

import type { MemberAnswer } from '../core/candidate.ts'
import type { DecisionKind } from '../core/decision.ts'
import type { Following, SwitchoverProgress } from '../core/facts.ts'
import type { Lsn } from '../core/lsn.ts'
import type { Epoch, Incarnation, MonotonicMs, NodeName } from '../core/names.ts'
import type { NodeState } from '../core/node-report.ts'
import type { TimelineHistory } from '../core/position.ts'
import type { DataDirectory, PostgresObservation, ServerConfig, Walsender } from '../core/server.ts'
import type { Clock } from '../ports/clock.ts'

export type Memory = {
  wish: 'run' | 'stop'
  hasExited: boolean
  /** As it lay when it was last looked at. Null: to be looked at now, whatever runs in it. */
  directory: DataDirectory | null
  /** Null: a server has run in it since, so it is looked at again as soon as none does. */
  inspectedAtMs: MonotonicMs | null
  server: PostgresObservation
  /** A server was seen that the guard held neither before nor after the look. */
  isServerUnguarded: boolean
  serverSilentSinceMs: MonotonicMs | null
  /** Since when the guard of a standby has not answered. */
  guardSilentSinceMs: MonotonicMs | null
  lastWalsenders: readonly Walsender[]
  /**
   * As last written to disk and taken over by the server. Null: nothing is known, because this agent has
   * not written it yet or an attempt has an unknown outcome.
   */
  config: ServerConfig | null
  /** This agent has tried to set something: what a former one set is not there any more, or only in part. */
  isConfigOfOurs: boolean
  /** The postmaster has read a closed gate, and the sessions from before were ended. */
  isShut: boolean
  /** Clients may be routed here (with the lease and the server's role besides). */
  isOpen: boolean
  election: {
    epoch: Epoch
    answers: Map<NodeName, MemberAnswer>
    /** How long each answer took, for people who want to know where the time went. */
    tookMs: Map<NodeName, number>
  } | null
  /** Since when a seal changes the server and looks at it again and again: the loop leaves it to it. */
  sealingSinceMs: MonotonicMs | null
  promotionFailsSinceMs: MonotonicMs | null
  /** A promotion that was asked for and that nobody was told about yet. */
  promotion: {
    readonly epoch: Epoch
    readonly ruleId: string
    readonly sinceMs: MonotonicMs
  } | null
  gateLsn: Lsn | null
  startedBy: 'promotion' | 'restart' | null
  /**
   * Every process of the server has used the record's target since this agent started or promoted it:
   * then a flush past the first record proves the target, and nothing else has to be waited for.
   */
  isListFresh: boolean
  history: TimelineHistory | null
  following: Following | null
  rewindFailedEpoch: Epoch | null
  switchover: SwitchoverProgress | null
  backoffUntilMs: MonotonicMs
  deferUntilMs: MonotonicMs
  bootstrapCheck: 'unknown' | 'clear' | 'data-elsewhere'
  /** What the first primary waits for, for people; null when nothing holds it back. */
  bootstrapWait: string | null
  noLeaseSinceMs: MonotonicMs | null
  /** Since when a listed standby has not been streaming. */
  lostSinceMs: Map<Incarnation, MonotonicMs>
  slotsKeptAtMs: MonotonicMs | null
  /** The other agent of this node of which an event was made. */
  toldRival: string | null
  leaderMovedAtMs: MonotonicMs | null
  /** What the last turn of the loop failed with; null after one that went well. */
  trouble: string | null
  /** What `status` says about this node when the observation alone does not tell. */
  stage: { state: NodeState; detail: string | null } | null
  loopedAtMs: MonotonicMs
  /** What the loop decides at present, and since when without a break. */
  decision: { readonly kind: DecisionKind; readonly sinceMs: MonotonicMs } | null
  /** What the reporting loop was last woken for. */
  reportedFingerprint: string
  counters: Record<string, number>
}

export function emptyMemory(clock: Clock): Memory {
  const nowMs = clock.monotonicMs()
  return {
    wish: 'run',
    hasExited: false,
    directory: null,
    inspectedAtMs: null,
    server: { kind: 'unknown', why: 'not looked at yet' },
    isServerUnguarded: false,
    serverSilentSinceMs: null,
    guardSilentSinceMs: null,
    lastWalsenders: [],
    config: null,
    isConfigOfOurs: false,
    isShut: false,
    isOpen: false,
    election: null,
    sealingSinceMs: null,
    promotionFailsSinceMs: null,
    promotion: null,
    gateLsn: null,
    startedBy: null,
    isListFresh: false,
    history: null,
    following: null,
    rewindFailedEpoch: null,
    switchover: null,
    backoffUntilMs: nowMs,
    deferUntilMs: nowMs,
    bootstrapCheck: 'unknown',
    bootstrapWait: null,
    noLeaseSinceMs: null,
    lostSinceMs: new Map(),
    slotsKeptAtMs: null,
    toldRival: null,
    leaderMovedAtMs: null,
    trouble: null,
    stage: null,
    loopedAtMs: nowMs,
    decision: null,
    reportedFingerprint: '',
    counters: {},
  }
}
