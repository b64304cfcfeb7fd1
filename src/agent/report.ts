// What this agent tells the others and people: its report, its status, its role. All from memory.

import { noControl } from '../core/control.ts'
import type { Epoch, SystemId } from '../core/names.ts'
import type { NodeReport, NodeState } from '../core/node-report.ts'
import { reportFingerprint, vitalFingerprint } from '../core/node-report.ts'
import { lagBytes } from '../core/lsn.ts'
import type { AgentStatus, LeaseStatus, RoleAnswer } from '../ports/agent-api.ts'
import { systemIdOf as systemIdOfCluster } from '../core/store-view.ts'
import { StoreUnavailableError } from '../ports/cluster-store.ts'
import type { Node } from './node.ts'

/** A loop that has not run for this long is not live. */
const liveMsMax = 5000

/** Open primary with a valid lease at this very instant (I2, I5). */
export function isOpenPrimary(node: Node): boolean {
  const { memory, leaseHold } = node
  return (
    memory.isOpen &&
    memory.server.kind === 'primary' &&
    leaseHold.isHeld() &&
    leaseHold.tenure()?.state === 'serving'
  )
}

export function roleOf(node: Node): RoleAnswer {
  const { memory, ports, self } = node
  const { server } = memory
  const isPrimary = isOpenPrimary(node)
  const isStandby = server.kind === 'standby' && server.isStreaming && memory.stage === null
  const isLive = ports.clock.monotonicMs() - memory.loopedAtMs < liveMsMax
  return {
    isPrimary,
    isStandby,
    lagBytes: isStandby ? standbyLagBytes(node) : null,
    isLive,
    isReady: isPrimary || isStandby || (self.role !== 'data' && isLive),
  }
}

/** How far replay is behind what this standby knows of the primary's WAL. */
function standbyLagBytes(node: Node): number | null {
  const { memory, mirror } = node
  const { server } = memory
  const holder = mirror.view()?.lease?.value.holder
  if (server.kind !== 'standby' || holder === undefined) return null
  const position = mirror.view()?.reports.get(holder)?.value.position
  if (position === null || position === undefined) return null
  return lagBytes(position.flushLsn, server.replayLsn)
}

function stateOf(node: Node): { state: NodeState; detail: string | null } {
  const { memory, self, leaseHold, mirror, ports } = node
  if (memory.hasExited) return { state: 'stopped', detail: null }
  if (memory.wish === 'stop') return { state: 'stopping', detail: null }
  if (self.role !== 'data') {
    return mirror.view() === null
      ? { state: 'waiting', detail: 'the store does not answer' }
      : { state: 'running', detail: null }
  }
  if (memory.stage !== null) return memory.stage
  const tenure = leaseHold.tenure()
  const { server } = memory
  switch (server.kind) {
    case 'primary':
      if (isOpenPrimary(node)) return { state: 'running', detail: null }
      return { state: 'promoting', detail: 'waits for standbys before it opens' }
    case 'standby': {
      if (tenure !== null && !tenure.isLost) return { state: 'electing', detail: null }
      if (server.isStreaming) return { state: 'streaming', detail: null }
      const { promise } = ports.localState.get()
      const lease = mirror.view()?.lease?.value
      const isSealed = promise !== null && lease !== undefined && memory.config?.upstream === null
      return isSealed
        ? { state: 'sealed', detail: 'waits for the new primary' }
        : { state: 'waiting', detail: 'does not receive WAL' }
    }
    case 'starting':
      return { state: 'recovering', detail: null }
    case 'stopped':
      return { state: 'stopped', detail: null }
    case 'absent':
      return { state: 'waiting', detail: memory.bootstrapWait ?? 'has no data yet' }
    case 'unknown':
      return { state: 'starting', detail: server.why }
  }
}

export function reportOf(node: Node): NodeReport {
  const { memory, self, ports, leaseHold, rivals, chronicle } = node
  const { server } = memory
  const local = ports.localState.get()
  const isPrimary = server.kind === 'primary'
  const { state, detail } = stateOf(node)
  return {
    name: self.name,
    role: self.role,
    incarnation: local.incarnation,
    systemId: systemIdOf(node),
    state,
    detail: detail ?? memory.trouble,
    isPrimary: isPrimary && memory.history !== null,
    epoch: isPrimary ? (leaseHold.tenure()?.epoch ?? local.primaryEpoch) : null,
    history: isPrimary ? memory.history : null,
    position: server.kind === 'standby' || isPrimary ? server.position : null,
    replayLsn: server.kind === 'standby' ? server.replayLsn : null,
    upstream: server.kind === 'standby' ? (memory.following?.node ?? null) : null,
    promise: local.promise ?? (0 as Epoch),
    isEvidence: local.suspendedUntil === null && rivals.rival() === null,
    agent: { run: chronicle.run, rival: rivals.rival() },
    balancing: null,
    version: node.version,
    reportedAtMs: ports.clock.wallClockMs(),
  }
}

function systemIdOf(node: Node): SystemId | null {
  const { directory } = node.memory
  if (directory?.kind === 'present' || directory?.kind === 'staged') return directory.systemId
  return node.ports.localState.get().systemId
}

function leaseStatusOf(node: Node): LeaseStatus | null {
  const { mirror, leaseHold, ports } = node
  const lease = mirror.view()?.lease?.value
  if (lease === undefined) return null
  const nowMs = ports.clock.monotonicMs()
  const tenure = leaseHold.tenure()
  const freeAtMs =
    tenure === null
      ? mirror.leaseSeenAtMs() + lease.ttlMs
      : tenure.stopByMs + node.layout.plan.marginMs
  const remainingMs = lease.state === 'released' ? 0 : Math.max(0, Math.round(freeAtMs - nowMs))
  return { holder: lease.holder, epoch: lease.epoch, state: lease.state, remainingMs }
}

/** Whether the store has answered lately. */
export function isStoreReachable(node: Node): boolean {
  const answeredAtMs = node.mirror.answeredAtMs()
  if (answeredAtMs === null) return false
  return node.ports.clock.monotonicMs() - answeredAtMs < Math.max(3000, node.layout.plan.ttlMs)
}

export function statusOf(node: Node): AgentStatus {
  const { mirror, layout, self, memory, ports, operation } = node
  const view = mirror.view()
  const running = operation.current()
  return {
    version: node.version,
    cluster: layout.cluster,
    node: self.name,
    systemId: systemIdOfCluster(view) ?? systemIdOf(node),
    report: reportOf(node),
    role: roleOf(node),
    lease: leaseStatusOf(node),
    isStoreReachable: isStoreReachable(node),
    sync: view?.sync?.value ?? null,
    control: view?.control?.value ?? noControl,
    unusable: view?.unusable ?? [],
    storeMember: ports.member.state(),
    walsenders: memory.server.kind === 'primary' ? memory.server.walsenders : [],
    reports: [...(view?.reports.values() ?? [])].map((entry) => entry.value),
    operation:
      running === null
        ? null
        : {
            name: running.name,
            sinceMs: ports.clock.monotonicMs() - running.sinceMs,
            doneBytes: running.progress?.doneBytes ?? null,
            totalBytes: running.progress?.totalBytes ?? null,
          },
    counters: { ...memory.counters },
  }
}

/**
 * What others do not act on waits this long, so that what happens at once is told at once: a failover
 * changes a dozen things on each node, and each write would cost every node a look.
 */
const gatherMs = 250

/** Standbys measure their lag by what the primary has published. */
const primaryPeriodMs = 2000
const periodMsMax = 5000

/** Two agents of one node: what either has promised or flushed the other need not have. */
function sayRival(node: Node): void {
  const { rivals, chronicle, self, memory } = node
  const rival = rivals.rival()
  if (rival === memory.toldRival) return
  memory.toldRival = rival
  if (rival === null) return
  chronicle.say({
    kind: 'contradiction',
    epoch: null,
    message: `Another agent runs as ${self.name}: its machine or its disk was cloned. Nothing here counts as evidence.`,
    operands: { run: chronicle.run, rival },
  })
}

/**
 * Publishes the report at once when something in it changed that others act on, soon when something
 * changed that people look at, and at least once a period; events go with the latter two.
 */
export async function keepReporting(node: Node, signal: AbortSignal): Promise<void> {
  const { ports, layout, chronicle, reportWaker, rivals, mirror, self } = node
  const { clock, store } = ports
  let published = { all: '', vital: '' }
  let publishedAtMs = clock.monotonicMs() - periodMsMax
  let changedAtMs: number | null = null
  while (!signal.aborted) {
    const nowMs = clock.monotonicMs()
    const found = mirror.view()?.reports.get(self.name)
    rivals.look(found, nowMs)
    sayRival(node)
    const report = reportOf(node)
    const seen = { all: reportFingerprint(report), vital: vitalFingerprint(report) }
    if (seen.all !== published.all || chronicle.hasPending()) changedAtMs ??= nowMs
    const isGathered = changedAtMs !== null && nowMs - changedAtMs >= gatherMs
    const periodMs = isOpenPrimary(node) ? primaryPeriodMs : periodMsMax
    const isDue = nowMs - publishedAtMs >= periodMs
    try {
      if (isDue || seen.vital !== published.vital || (isGathered && seen.all !== published.all)) {
        await store.publish(report, layout.plan.storeAttemptMs)
        published = seen
        publishedAtMs = nowMs
        rivals.published(found)
      }
      if (isDue || isGathered) {
        await chronicle.flush(store, layout.plan.storeAttemptMs * 2)
        changedAtMs = null
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      await clock.sleep(layout.plan.renewMs, signal)
      continue
    }
    const nextAtMs = changedAtMs === null ? publishedAtMs + periodMs : changedAtMs + gatherMs
    await reportWaker.wait(Math.max(1, nextAtMs - clock.monotonicMs()))
  }
}
