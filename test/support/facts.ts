// Builders with defaults for tests of the core: say only what matters.

import type { ClusterLayout, NodeLayout } from '../../src/core/cluster-layout.ts'
import type { Facts } from '../../src/core/facts.ts'
import type { LeaseRecord } from '../../src/core/lease.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import type {
  ClusterName,
  Epoch,
  Incarnation,
  NodeName,
  SystemId,
  WallClockMs,
} from '../../src/core/names.ts'
import { asEpoch, asMonotonic, asNodeName, asTimeline } from '../../src/core/names.ts'
import type { NodeReport } from '../../src/core/node-report.ts'
import type { WalPosition } from '../../src/core/position.ts'
import { allProtections } from '../../src/core/protections.ts'
import type { PostgresObservation, Walsender } from '../../src/core/server.ts'
import type { StoreView } from '../../src/core/store-view.ts'
import type { SyncRecord } from '../../src/core/sync-list.ts'
import { makeList } from '../../src/core/sync-list.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'

export const systemId = '7000000000000000001' as SystemId

export const incarnation = (node: string): Incarnation => `${node}-aaaaaaaa` as Incarnation

export const position = (timeline: number, lsn: number): WalPosition => ({
  timeline: asTimeline(timeline),
  flushLsn: lsn as Lsn,
})

export function nodeLayout(name: string, changes: Partial<NodeLayout> = {}): NodeLayout {
  const isWitness = name.startsWith('pgw')
  return {
    name: asNodeName(name),
    role: isWitness ? 'witness' : 'data',
    host: '127.0.0.1',
    postgresPort: isWitness ? null : 5432 + Number(name.slice(-1)),
    apiPort: 8008,
    storeClientPort: 2379,
    storePeerPort: 2380,
    isVoter: true,
    noFailover: false,
    ...changes,
  }
}

export function layout(
  names: readonly string[] = ['pg-0', 'pg-1', 'pg-2'],
  changes: Partial<ClusterLayout> = {},
): ClusterLayout {
  return {
    cluster: 'demo' as ClusterName,
    durability: 'quorum',
    syncStandbys: 1,
    plan: timingPlans.fast,
    nodes: names.map((name) => nodeLayout(name)),
    endpoints: { write: null, read: null },
    balancerPorts: null,
    vip: null,
    ...changes,
  }
}

export function lease(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    holder: asNodeName('pg-0'),
    epoch: asEpoch(1),
    ttlMs: timingPlans.fast.ttlMs,
    sequence: 7,
    state: 'serving',
    systemId,
    handOverTo: null,
    ...changes,
  }
}

export function syncRecord(changes: Partial<SyncRecord> = {}): SyncRecord {
  const list = makeList(1, [incarnation('pg-1'), incarnation('pg-2')])
  return {
    systemId,
    epoch: asEpoch(1),
    owner: incarnation('pg-0'),
    timeline: asTimeline(1),
    lists: [list],
    target: list,
    timelines: [{ timeline: asTimeline(1), epoch: asEpoch(1) }],
    ...changes,
  }
}

export function report(name: string, changes: Partial<NodeReport> = {}): NodeReport {
  return {
    name: asNodeName(name),
    role: 'data',
    incarnation: incarnation(name),
    systemId,
    state: 'streaming',
    detail: null,
    isPrimary: false,
    epoch: null,
    history: null,
    position: position(1, 1000),
    replayLsn: 1000 as Lsn,
    upstream: null,
    promise: asEpoch(1),
    isEvidence: true,
    agent: null,
    balancing: null,
    version: 'test',
    reportedAtMs: 0 as WallClockMs,
    ...changes,
  }
}

export type ViewChanges = {
  readonly lease?: Partial<LeaseRecord> | null
  readonly sync?: Partial<SyncRecord> | null
  readonly reports?: readonly NodeReport[]
  readonly control?: NonNullable<StoreView['control']>['value']
}

export function storeView(changes: ViewChanges = {}): StoreView {
  const reports = changes.reports ?? [
    report('pg-0', { isPrimary: true, epoch: asEpoch(1), history: [], state: 'running' }),
    report('pg-1'),
    report('pg-2'),
  ]
  return {
    revision: 100,
    lease: changes.lease === null ? null : { value: lease(changes.lease), revision: 99 },
    sync: changes.sync === null ? null : { value: syncRecord(changes.sync), revision: 50 },
    cluster:
      changes.sync === null
        ? null
        : { value: { systemId, createdAtMs: 0 as WallClockMs }, revision: 10 },
    control: changes.control === undefined ? null : { value: changes.control, revision: 60 },
    reports: new Map(reports.map((entry) => [entry.name, { value: entry, revision: 70 }])),
    unusable: [],
  }
}

export function standby(
  changes: Partial<Extract<PostgresObservation, { kind: 'standby' }>> = {},
): PostgresObservation {
  return {
    kind: 'standby',
    position: position(1, 1000),
    replayLsn: 1000 as Lsn,
    isReceiving: false,
    isStreaming: false,
    receivingFrom: null,
    isAtEndOfWal: true,
    trouble: null,
    ...changes,
  }
}

export function walsender(
  node: string,
  flushLsn: number,
  changes: Partial<Walsender> = {},
): Walsender {
  return {
    pid: 1000 + Number(node.slice(-1)),
    applicationName: incarnation(node),
    state: 'streaming',
    flushLsn: flushLsn as Lsn,
    replayLsn: flushLsn as Lsn,
    syncPriority: 1,
    syncState: 'quorum',
    ...changes,
  }
}

export function primary(
  walsenders: readonly Walsender[] = [walsender('pg-1', 1000), walsender('pg-2', 1000)],
  lsn = 1000,
): PostgresObservation {
  return {
    kind: 'primary',
    position: position(1, lsn),
    walsenders,
    syncWaiterCount: 0,
    syncSettingText: '',
  }
}

/** Facts of `name` at 100 s of its clock, a healthy three-node cluster around it. */
export function facts(name: string, changes: Partial<Facts> = {}): Facts {
  const cluster = changes.layout ?? layout()
  const self = cluster.nodes.find((node) => node.name === name) ?? nodeLayout(name)
  return {
    nowMs: asMonotonic(100_000),
    self,
    layout: cluster,
    protections: allProtections,
    wish: 'run',
    operation: null,
    store: storeView(),
    keptRecord: null,
    leaseSeenAtMs: asMonotonic(99_900),
    tenure: null,
    local: {
      promise: asEpoch(1),
      incarnation: incarnation(name),
      systemId,
      suspendedUntil: null,
      primaryEpoch: null,
    },
    directory: {
      kind: 'present',
      systemId,
      isStandby: true,
      isClean: false,
      timeline: asTimeline(1),
    },
    server: standby(),
    serverSilentSinceMs: null,
    lastWalsenders: [],
    diskProbeMs: 1,
    isGuardAlive: true,
    isServerUnguarded: false,
    guardStopByMs: null,
    election: null,
    promotionFailsSinceMs: null,
    gateLsn: null,
    startedBy: null,
    following: null,
    rewindFailedEpoch: null,
    switchover: null,
    backoffUntilMs: asMonotonic(0),
    deferUntilMs: asMonotonic(0),
    bootstrapCheck: 'unknown',
    noLeaseSinceMs: null,
    ...changes,
  }
}

/** A lease held by this node at 100 s, good until `stopByMs`. */
export function tenure(
  epoch: number,
  state: 'preparing' | 'serving',
  stopByMs = 100_800,
): Facts['tenure'] {
  return { epoch: epoch as Epoch, state, stopByMs: asMonotonic(stopByMs), isLost: false }
}

export const node = (name: string): NodeName => asNodeName(name)
