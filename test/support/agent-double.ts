// An agent that answers what a test tells it to, for tests of what stands in front of agents.

import { asEpoch, asNodeName, asTimeline } from '../../src/core/names.ts'
import type { Incarnation, SystemId, WallClockMs } from '../../src/core/names.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import { noControl } from '../../src/core/control.ts'
import type { AgentApi, AgentStatus, RoleAnswer } from '../../src/ports/agent-api.ts'
import type { StoreEvidence } from '../../src/core/store-recovery.ts'
import type { NodeReport } from '../../src/core/node-report.ts'

export const standbyRole: RoleAnswer = {
  isPrimary: false,
  isStandby: true,
  lagBytes: 1000,
  isLive: true,
  isReady: true,
}

export function makeReport(changes: Partial<NodeReport> = {}): NodeReport {
  return {
    name: asNodeName('pg-1'),
    role: 'data',
    incarnation: null,
    systemId: '7312345678901234567' as SystemId,
    state: 'streaming',
    detail: null,
    isPrimary: false,
    epoch: null,
    history: null,
    position: { timeline: asTimeline(2), flushLsn: 5000 as Lsn },
    replayLsn: 4000 as Lsn,
    upstream: asNodeName('pg-0'),
    promise: asEpoch(3),
    isEvidence: true,
    agent: null,
    balancing: null,
    version: '0.1.0',
    reportedAtMs: 1_700_000_000_000 as WallClockMs,
    ...changes,
  }
}

export function makeAgentStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    version: '0.1.0',
    cluster: 'main',
    node: asNodeName('pg-1'),
    systemId: '7312345678901234567' as SystemId,
    report: makeReport(),
    role: standbyRole,
    lease: { holder: asNodeName('pg-0'), epoch: asEpoch(3), state: 'serving', remainingMs: 900 },
    isStoreReachable: true,
    sync: null,
    control: noControl,
    storeMember: { kind: 'none' },
    walsenders: [],
    reports: [],
    operation: null,
    counters: {},
    ...changes,
  }
}

/** A standby called pg-1 that has seen no store. */
export function makeEvidence(changes: Partial<StoreEvidence> = {}): StoreEvidence {
  return {
    node: asNodeName('pg-1'),
    systemId: '7312345678901234567' as SystemId,
    incarnation: 'pg-1-0000aaaa' as Incarnation,
    promise: asEpoch(3),
    primaryEpoch: null,
    isSuspended: false,
    directory: { timeline: asTimeline(2), isStandby: true },
    isPrimary: false,
    position: { timeline: asTimeline(2), flushLsn: 5000 as Lsn },
    timelines: [asTimeline(1), asTimeline(2)],
    isStoreWhole: false,
    copy: { hasData: false, raftIndex: null },
    seen: [],
    ...changes,
  }
}

/** A standby called pg-1; every answer can be replaced. */
export function makeAgentApi(changes: Partial<AgentApi> = {}): AgentApi {
  return {
    role: () => standbyRole,
    status: () => makeAgentStatus(),
    requestSwitchover: async () => ({ kind: 'accepted', id: 's-1', message: 'asked' }),
    requestCancelSwitchover: async () => ({ kind: 'accepted', id: 's-1', message: 'cancelled' }),
    requestPause: async (reason) => ({ kind: 'accepted', id: 'p-1', message: reason }),
    requestResume: async () => ({ kind: 'accepted', id: 'p-1', message: 'resumed' }),
    events: async () => [],
    storeEvidence: async () => makeEvidence(),
    yieldToRecovery: async () => makeEvidence(),
    foundStore: async () => undefined,
    onChange: () => undefined,
    onSeal: async (request) => ({ kind: 'refused', promise: request.epoch, why: 'a test' }),
    onConfirm: (request) => ({ isConfirmed: true, promise: request.epoch }),
    onHello: () => ({
      report: makeReport(),
      hasData: true,
      hasEverRunStore: true,
      traces: ['data'],
      foundingToken: null,
    }),
    ...changes,
  }
}
