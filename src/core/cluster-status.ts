// The status document: the answers of all agents merged into one picture of the cluster. Pure.
// Nobody is believed to be primary for saying so: the lease decides, and a contradiction is shown.
// Why the verdict is what it is, in sentences: status-reasons.ts.

import type { ClusterLayout, NodeLayout } from './cluster-layout.ts'
import type { ControlRecord } from './control.ts'
import type { LeaseState } from './lease.ts'
import { type Lsn, lagBytes, renderLsn } from './lsn.ts'
import { type Epoch, type Incarnation, type NodeName, type SystemId, nodeOf } from './names.ts'
import type { NodeReport, NodeState } from './node-report.ts'
import { type RecordTrouble, type StatusReason, reasonsOf, summaryOf } from './status-reasons.ts'
import type { UnusableRecord } from './store-view.ts'
import type { SyncRecord } from './sync-list.ts'

/** The part of an agent's status that the merge reads; the port's AgentStatus is one. */
export type AgentView = {
  readonly node: NodeName
  readonly systemId: SystemId | null
  readonly report: NodeReport
  readonly role: { readonly isPrimary: boolean; readonly lagBytes: number | null }
  readonly lease: LeaseView | null
  readonly isStoreReachable: boolean
  readonly sync: SyncRecord | null
  readonly control: ControlRecord
  /** Older agents do not say. */
  readonly unusable?: readonly UnusableRecord[]
  readonly storeMember: {
    readonly kind: 'none' | 'starting' | 'running' | 'failed'
    readonly isEmpty?: boolean
    /** With `starting` and `failed`: what it does, waits for, or fails with. */
    readonly detail?: string
  }
  readonly walsenders: readonly {
    readonly applicationName: string
    readonly state: string
    readonly flushLsn: Lsn | null
  }[]
  readonly reports: readonly NodeReport[]
  readonly operation: OperationView | null
}

export type LeaseView = {
  readonly holder: NodeName
  readonly epoch: Epoch
  readonly state: LeaseState
  readonly remainingMs: number
}

export type OperationView = {
  readonly name: string
  /** How long it runs already. */
  readonly sinceMs: number
  readonly doneBytes: number | null
  readonly totalBytes: number | null
}

/** What the runtime knows about a node's agent process; null where it cannot know. */
export type AgentProcess = {
  /** False: no process of the node is left, of PostgreSQL neither. */
  readonly isAnythingLeft: boolean
  readonly state: 'running' | 'frozen' | 'restarting' | 'stopped' | 'failed'
  /** With `failed` and `restarting`: the agent's last words. */
  readonly detail: string | null
  /** The host of a lab that the node is on, while it has no power; then nothing starts there. */
  readonly hostWithoutPower: string | null
}

export type NodeObservation =
  | { readonly kind: 'answered'; readonly view: AgentView; readonly process: AgentProcess | null }
  | {
      readonly kind: 'silent'
      readonly silence: 'refused' | 'timeout' | 'foreign'
      readonly process: AgentProcess | null
    }

export type Verdict = 'healthy' | 'degraded' | 'no-primary' | 'unreachable'

export type NodeStatus = {
  /** 1000… for data nodes, 2000… for witnesses, in the order of the spec. */
  readonly id: number
  readonly name: NodeName
  readonly role: 'primary' | 'standby' | 'witness'
  readonly state: NodeState | 'unreachable' | 'frozen'
  /** One sentence when `state` alone does not explain it. */
  readonly detail: string | null
  readonly upstream: NodeName | null
  readonly timeline: number | null
  readonly lsn: string | null
  /** Flushed WAL that the primary has and this node has not; null when unknown. */
  readonly lagBytes: number | null
  /** Whether commits count on this standby: `quorum` listed, `leaving` still in an old list. */
  readonly sync: 'quorum' | 'leaving' | 'async' | null
  readonly address: string
  /** It runs as primary and the lease says that it may not. Nobody routes writes to it. */
  readonly isContradiction: boolean
  readonly operation: OperationView | null
  /** Wall clock of its last report in the store. */
  readonly lastReportAtMs: number | null
}

export type BalancerStatus = {
  readonly name: NodeName
  readonly state: NodeState | 'unreachable' | 'frozen'
  readonly detail: string | null
  /** Whether the address that the balancers share is on it; null when there is none, or it is silent. */
  readonly hasVip: boolean | null
}

export type SyncStatus = {
  /** How many of `members` a commit waits for; 0: for nobody. */
  readonly count: number
  readonly members: readonly NodeName[]
  /** Fewer than the spec asks for. */
  readonly isDegraded: boolean
}

export type StoreStatus = {
  /** At least one agent has an answer of the store's majority. */
  readonly isReachable: boolean
  readonly voters: readonly {
    readonly name: NodeName
    readonly state: 'starting' | 'running' | 'failed' | 'unknown'
  }[]
}

/** The document of `status --json`. `version` grows when a field changes its meaning or goes. */
export type ClusterStatus = {
  readonly version: 1
  readonly cluster: string
  readonly systemId: string | null
  readonly verdict: Verdict
  readonly summary: string
  readonly lease: LeaseView | null
  readonly durability: ClusterLayout['durability']
  readonly sync: SyncStatus | null
  readonly paused: ControlRecord['paused']
  readonly store: StoreStatus
  readonly nodes: readonly NodeStatus[]
  readonly balancers: readonly BalancerStatus[]
  readonly endpoints: ClusterLayout['endpoints']
  readonly reasons: readonly StatusReason[]
}

/**
 * Merges what every node answered, or did not.
 * @param observations by node name; a node that is missing counts as refused
 */
export function mergeStatus(
  layout: ClusterLayout,
  observations: ReadonlyMap<NodeName, NodeObservation>,
): ClusterStatus {
  const views = [...observations.values()].flatMap((one) =>
    one.kind === 'answered' ? [one.view] : [],
  )
  const lease = newestLease(views)
  const primary = primaryOf(views, lease, observations)
  const sync = newestSync(views)
  const nodes = numberedNodes(layout).map(({ id, node }) =>
    nodeStatus({ id, node, observation: observations.get(node.name), primary, lease, sync }, views),
  )
  const facts = {
    layout,
    observations,
    lease,
    nodes,
    balancers: layout.nodes
      .filter((node) => node.role === 'balancer')
      .map(({ name }) => {
        const observation = observations.get(name)
        const hasVip =
          observation?.kind === 'answered'
            ? (observation.view.report.balancing?.hasVip ?? null)
            : null
        return { name, state: stateOf(observation), detail: detailOf(observation), hasVip }
      }),
    primary: primary.node,
    isOpen: primary.isOpen,
    sync: syncStatus(layout, sync),
    records: recordTroubles(layout, views, lease, sync),
    paused: views.find((view) => view.isStoreReachable)?.control.paused ?? null,
    store: storeStatus(layout, observations, views),
  }
  const reasons = reasonsOf(facts)
  const verdict = verdictOf(views.length, primary, reasons)
  return {
    version: 1,
    cluster: layout.cluster,
    systemId: views.find((view) => view.systemId !== null)?.systemId ?? null,
    verdict,
    summary: summaryOf(verdict, facts, reasons),
    lease,
    durability: layout.durability,
    sync: facts.sync,
    paused: facts.paused,
    store: facts.store,
    nodes,
    balancers: facts.balancers,
    endpoints: layout.endpoints,
    reasons,
  }
}

function verdictOf(
  answerCount: number,
  primary: Primary,
  reasons: readonly StatusReason[],
): Verdict {
  if (answerCount === 0) return 'unreachable'
  if (!primary.isOpen) return 'no-primary'
  return reasons.length === 0 ? 'healthy' : 'degraded'
}

const leaseOrder: Readonly<Record<LeaseState, number>> = { preparing: 0, serving: 1, released: 2 }

/**
 * The lease as the best informed agent sees it: highest epoch; within it those whose store answers,
 * then the later state (within an epoch it only moves forward), then the freshest view.
 */
export function newestLease(views: readonly AgentView[]): LeaseView | null {
  const known = views.flatMap((view) =>
    view.lease === null ? [] : [{ lease: view.lease, isFresh: view.isStoreReachable }],
  )
  known.sort(
    (left, right) =>
      right.lease.epoch - left.lease.epoch ||
      Number(right.isFresh) - Number(left.isFresh) ||
      leaseOrder[right.lease.state] - leaseOrder[left.lease.state] ||
      right.lease.remainingMs - left.lease.remainingMs,
  )
  const lease = known[0]?.lease
  if (lease === undefined) return null
  const { holder, epoch, state, remainingMs } = lease
  return { holder, epoch, state, remainingMs: Math.round(remainingMs) }
}

type Primary = {
  /** The node that the lease makes primary, as far as it is known; null when nobody is. */
  readonly node: NodeName | null
  /** It takes writes. */
  readonly isOpen: boolean
  readonly view: AgentView | null
}

/**
 * Who is primary. An agent that says so is believed only when nobody knows of a newer lease; a holder
 * that does not answer counts as long as somebody sees its lease serving and not yet run out, unless
 * its processes can be seen to be gone.
 */
function primaryOf(
  views: readonly AgentView[],
  lease: LeaseView | null,
  observations: ReadonlyMap<NodeName, NodeObservation>,
): Primary {
  const holder = views.find((view) => view.node === lease?.holder)
  if (lease === null) return { node: null, isOpen: false, view: null }
  if (holder === undefined) {
    const isPresumed = lease.state === 'serving' && lease.remainingMs > 0
    const isGone = observations.get(lease.holder)?.process?.isAnythingLeft === false
    return {
      node: isPresumed ? lease.holder : null,
      isOpen: isPresumed && !isGone,
      view: null,
    }
  }
  const isHolder = holder.report.isPrimary && holder.report.epoch === lease.epoch
  if (!isHolder || lease.state === 'released') return { node: null, isOpen: false, view: null }
  return { node: holder.node, isOpen: holder.role.isPrimary, view: holder }
}

/** What is wrong with the records, each once, as those agents see it that reach the store. */
function recordTroubles(
  layout: ClusterLayout,
  views: readonly AgentView[],
  lease: LeaseView | null,
  sync: SyncRecord | null,
): readonly RecordTrouble[] {
  const fresh = views.filter((view) => view.isStoreReachable)
  const troubles = fresh
    .flatMap((view) => view.unusable ?? [])
    .map(({ key, why }) => ({ key, why }))
  const isKnown = (name: NodeName) =>
    layout.nodes.some((node) => node.name === name && node.role === 'data')
  const strange = (key: string, what: string, name: NodeName | null | undefined) =>
    name !== null && name !== undefined && !isKnown(name)
      ? [{ key, why: `names ${name} as ${what}, which is no data node of this cluster` }]
      : []
  const control = fresh[0]?.control
  const members = sync?.lists.flatMap((list) => list.members.map(nodeOf)) ?? []
  const all = [
    ...troubles,
    ...strange('lease', 'the holder', lease?.holder),
    ...strange('sync', 'the owner', sync === null ? null : nodeOf(sync.owner)),
    ...members.flatMap((member) => strange('sync', 'a synchronous standby', member)),
    ...strange('control', 'the target of a switchover', control?.switchover?.to),
  ]
  return [...new Map(all.map((one) => [one.key, one])).values()]
}

/** The sync record of the best informed agent. */
function newestSync(views: readonly AgentView[]): SyncRecord | null {
  const known = views.filter((view) => view.sync !== null)
  known.sort(
    (left, right) =>
      (right.sync?.epoch ?? 0) - (left.sync?.epoch ?? 0) ||
      Number(right.isStoreReachable) - Number(left.isStoreReachable),
  )
  return known[0]?.sync ?? null
}

/** The numbers that people know from repmgr: 1000… for data nodes, 2000… for witnesses. */
function numberedNodes(layout: ClusterLayout): { id: number; node: NodeLayout }[] {
  const next = { data: 1000, witness: 2000, balancer: 3000 }
  return layout.nodes
    .map((node) => ({ id: next[node.role]++, node }))
    .filter(({ node }) => node.role !== 'balancer')
}

type NodeFacts = {
  readonly id: number
  readonly node: NodeLayout
  readonly observation: NodeObservation | undefined
  readonly primary: Primary
  readonly lease: LeaseView | null
  readonly sync: SyncRecord | null
}

function nodeStatus(facts: NodeFacts, views: readonly AgentView[]): NodeStatus {
  const { id, node, observation, primary, sync } = facts
  const view = observation?.kind === 'answered' ? observation.view : null
  const report = view?.report ?? null
  const isWitness = node.role === 'witness'
  const isPrimary = primary.node === node.name
  const published = latestReport(node.name, views)
  const incarnation = report?.incarnation ?? published?.incarnation ?? null
  return {
    id,
    name: node.name,
    role: isWitness ? 'witness' : isPrimary ? 'primary' : 'standby',
    state: stateOf(observation),
    detail: detailOf(observation),
    upstream: isPrimary ? null : (report?.upstream ?? null),
    timeline: report?.position?.timeline ?? null,
    lsn: report?.position ? renderLsn(report.position.flushLsn) : null,
    lagBytes: isWitness || isPrimary || view === null ? null : lagOf(view, primary.view),
    sync: isWitness || isPrimary ? null : syncOf(incarnation, sync),
    address: `${node.host}:${String(node.postgresPort ?? node.apiPort)}`,
    isContradiction:
      report?.isPrimary === true && !isPrimary && isForeignLease(report, facts.lease),
    operation: view?.operation ?? null,
    lastReportAtMs: report?.reportedAtMs ?? published?.reportedAtMs ?? null,
  }
}

/** True unless the lease is this node's own, of the epoch in which it runs. */
function isForeignLease(report: NodeReport, lease: LeaseView | null): boolean {
  return lease === null || lease.holder !== report.name || lease.epoch !== report.epoch
}

function latestReport(name: NodeName, views: readonly AgentView[]): NodeReport | null {
  let latest: NodeReport | null = null
  for (const report of views.flatMap((view) => view.reports)) {
    if (report.name !== name) continue
    if (latest === null || report.reportedAtMs > latest.reportedAtMs) latest = report
  }
  return latest
}

function stateOf(observation: NodeObservation | undefined): NodeStatus['state'] {
  if (observation?.kind === 'answered') return observation.view.report.state
  const state = observation?.process?.state
  return state === 'stopped' || state === 'frozen' || state === 'failed' ? state : 'unreachable'
}

function detailOf(observation: NodeObservation | undefined): string | null {
  if (observation?.kind === 'answered') return observation.view.report.detail
  return observation?.process?.detail ?? null
}

/**
 * How far a standby is behind. The primary's own view of it is preferred, because both positions are
 * then of one instant; else the two reports are compared, where a standby may seem ahead (0).
 */
function lagOf(view: AgentView, primary: AgentView | null): number | null {
  const target = primary?.report.position
  if (primary === null || target === null || target === undefined) return view.role.lagBytes
  const walsender = primary.walsenders.find(
    (one) => one.applicationName === view.report.incarnation,
  )
  if (walsender?.flushLsn !== null && walsender?.flushLsn !== undefined) {
    return lagBytes(target.flushLsn, walsender.flushLsn)
  }
  const own = view.report.position
  if (own?.timeline !== target.timeline) return null
  return lagBytes(target.flushLsn, own.flushLsn)
}

function syncOf(incarnation: Incarnation | null, sync: SyncRecord | null): NodeStatus['sync'] {
  if (incarnation === null || sync === null) return null
  if (sync.target.members.includes(incarnation)) return 'quorum'
  return sync.lists.some((list) => list.members.includes(incarnation)) ? 'leaving' : 'async'
}

/** How many standbys a commit is to wait for: never more than there could be. */
export function wantedSyncCount(layout: ClusterLayout): number {
  if (layout.durability === 'async') return 0
  const standbyCount = layout.nodes.filter((node) => node.role === 'data').length - 1
  return Math.min(layout.syncStandbys, standbyCount)
}

function syncStatus(layout: ClusterLayout, sync: SyncRecord | null): SyncStatus | null {
  if (sync === null) return null
  return {
    count: sync.target.count,
    members: sync.target.members.map(nodeOf),
    isDegraded: sync.target.count < wantedSyncCount(layout),
  }
}

function storeStatus(
  layout: ClusterLayout,
  observations: ReadonlyMap<NodeName, NodeObservation>,
  views: readonly AgentView[],
): StoreStatus {
  return {
    isReachable: views.some((view) => view.isStoreReachable),
    voters: layout.nodes
      .filter((node) => node.isVoter)
      .map((node) => {
        const observation = observations.get(node.name)
        const kind = observation?.kind === 'answered' ? observation.view.storeMember.kind : 'none'
        return { name: node.name, state: kind === 'none' ? 'unknown' : kind }
      }),
  }
}
