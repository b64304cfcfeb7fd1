// Records as the store keeps them, complete and plausible, for tests that care about one field only.

import type { ControlRecord } from '../../src/core/control.ts'
import { noControl } from '../../src/core/control.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import type { LeaseRecord } from '../../src/core/lease.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import type { Incarnation, SystemId, WallClockMs } from '../../src/core/names.ts'
import { asEpoch, asMonotonic, asNodeName, asTimeline } from '../../src/core/names.ts'
import type { NodeReport } from '../../src/core/node-report.ts'
import type { SyncRecord } from '../../src/core/sync-list.ts'
import { emptyList, makeList } from '../../src/core/sync-list.ts'
import type { ClusterRecord } from '../../src/ports/cluster-store.ts'

/** Above 2^53: a system identifier must never pass through a JSON number. */
export const testSystemId = '7654321098765432109' as SystemId

export function leaseRecord(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    holder: asNodeName('pg-0'),
    epoch: asEpoch(1),
    ttlMs: 1300,
    sequence: 1,
    state: 'serving',
    systemId: testSystemId,
    handOverTo: null,
    ...changes,
  }
}

export function syncRecord(changes: Partial<SyncRecord> = {}): SyncRecord {
  const members = ['pg-1-aaaaaaaa', 'pg-2-bbbbbbbb'] as Incarnation[]
  const target = makeList(1, members)
  return {
    systemId: testSystemId,
    epoch: asEpoch(1),
    owner: 'pg-0-cccccccc' as Incarnation,
    timeline: asTimeline(3),
    lists: [emptyList, target],
    target,
    timelines: [
      { timeline: asTimeline(1), epoch: asEpoch(1) },
      { timeline: asTimeline(3), epoch: asEpoch(2) },
    ],
    ...changes,
  }
}

export function clusterRecord(changes: Partial<ClusterRecord> = {}): ClusterRecord {
  return { systemId: testSystemId, createdAtMs: 1_760_000_000_000 as WallClockMs, ...changes }
}

export function controlRecord(changes: Partial<ControlRecord> = {}): ControlRecord {
  return { ...noControl, ...changes }
}

export function nodeReport(changes: Partial<NodeReport> = {}): NodeReport {
  return {
    name: asNodeName('pg-1'),
    role: 'data',
    incarnation: 'pg-1-aaaaaaaa' as Incarnation,
    systemId: testSystemId,
    state: 'streaming',
    detail: null,
    isPrimary: false,
    epoch: null,
    history: [{ timeline: asTimeline(1), endLsn: 0x3000148 as Lsn }],
    position: { timeline: asTimeline(3), flushLsn: 0x1_0000_0028 as Lsn },
    replayLsn: 0x1_0000_0000 as Lsn,
    upstream: asNodeName('pg-0'),
    promise: asEpoch(2),
    isEvidence: true,
    agent: null,
    balancing: null,
    version: '0.1.0',
    reportedAtMs: 1_760_000_000_000 as WallClockMs,
    ...changes,
  }
}

export function journalEvent(
  changes: Partial<JournalEvent> & { readonly id: string },
): JournalEvent {
  return {
    kind: 'promoted',
    node: asNodeName('pg-1'),
    epoch: asEpoch(2),
    ruleId: 'R314',
    message: 'pg-1 is primary: 主库已切换',
    operands: { needed: 2, answers: { 'pg-2': '1/28' } },
    atMs: 1_760_000_000_000 as WallClockMs,
    atMonotonicMs: asMonotonic(1234.5),
    ...changes,
  }
}
