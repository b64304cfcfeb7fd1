// What an open primary keeps doing: its list, its slots, its routing; and the way to a switchover.

import type { ActionOf } from '../../core/action.ts'
import { balancersOf, dataNodesOf } from '../../core/cluster-layout.ts'
import { switchoverOf } from '../../core/switchover.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Decision } from '../../core/decision.ts'
import type { RecordKey } from '../../core/store-view.ts'
import { revisionOf } from '../../core/store-view.ts'
import type { ListChange } from '../list-change.ts'
import type { Node } from '../node.ts'
import { configure, count, dataOf, factsOf } from '../node.ts'
import { clearSwitchover } from './lease.ts'

const slotsPeriodMs = 5000
const checkpointMsMax = 60_000
const moveLeaderPeriodMs = 10_000
const moveLeaderMsMax = 1000
/** Between two looks whether every balancer has closed this primary. */
const holdPauseMs = 5

/** @returns true while something is under way that should be looked at again soon */
export async function keepServing(node: Node, listChange: ListChange): Promise<boolean> {
  const { memory, mirror, leaseHold } = node
  const record = mirror.view()?.sync?.value
  memory.stage = null
  const isUnsure = !memory.isOpen || memory.config === null
  if (isUnsure && record !== undefined && leaseHold.isHeld()) {
    // Taken over from a former agent, which may have died before it opened the gate, or the gate was
    // closed for a switchover that did not happen.
    const isSingle = record.lists.length === 1
    if (isSingle) {
      await node.lock.run(() =>
        configure(node, {
          upstream: null,
          sync: { kind: 'list', list: record.target },
          gate: 'open',
        }),
      )
    }
    memory.isOpen = isSingle || memory.isOpen
  }
  if (memory.history === null && memory.server.kind === 'primary') {
    memory.history = await dataOf(node).postgres.history(memory.server.position.timeline)
  }
  await keepSlots(node)
  keepStoreLeaderElsewhere(node)
  return node.lock.run(() => listChange.advance(factsOf(node)))
}

/**
 * A host that dies should not take the primary and the store's leader at once: the store would need an
 * election of its own first. Moving is not noticed by renewals (measured), and not waited for.
 */
function keepStoreLeaderElsewhere(node: Node): void {
  const { memory, ports } = node
  const state = ports.member.state()
  if (state.kind !== 'running' || !state.isLeader) return
  const nowMs = ports.clock.monotonicMs()
  if (memory.leaderMovedAtMs !== null && nowMs - memory.leaderMovedAtMs < moveLeaderPeriodMs) return
  memory.leaderMovedAtMs = nowMs
  void ports.member.moveLeadershipAway(moveLeaderMsMax).catch(() => undefined)
}

/** Every data node keeps a slot for every other one, so that a failover loses no WAL they need. */
export async function keepSlots(node: Node): Promise<void> {
  const { memory, ports, layout, self } = node
  const nowMs = ports.clock.monotonicMs()
  if (memory.slotsKeptAtMs !== null && nowMs - memory.slotsKeptAtMs < slotsPeriodMs) return
  const peers = dataNodesOf(layout).filter((peer) => peer.name !== self.name)
  // Also when it fails: whoever comes here has more important things to do, and not every time.
  memory.slotsKeptAtMs = nowMs
  await dataOf(node).postgres.ensureSlots(
    peers.map((peer) => peer.name),
    layout.plan.ttlMs,
  )
}

/** Writes again what was lost in the store, under the lease, and only over what was found there. */
export async function restoreRecords(
  node: Node,
  action: ActionOf<'restore-records'>,
  decision: Decision,
): Promise<void> {
  const { mirror, leaseHold, chronicle, ports, self } = node
  const view = mirror.view()
  const isUnusable = (key: RecordKey): boolean =>
    view?.unusable.some((record) => record.key === key) ?? false
  const record = isUnusable('sync') ? action.sync : (view?.sync?.value ?? null)
  if (record === null) return
  const sync = isUnusable('sync')
    ? { sync: { expected: revisionOf(view, 'sync'), value: record } }
    : {}
  const { systemId } = record
  const former = mirror.kept()?.cluster ?? { systemId, createdAtMs: ports.clock.wallClockMs() }
  const cluster = isUnusable('cluster')
    ? { cluster: { expected: revisionOf(view, 'cluster'), value: former } }
    : {}
  const keys = [...Object.keys(sync), ...Object.keys(cluster)]
  if (keys.length === 0 || (await leaseHold.write({ systemId, ...sync, ...cluster })) !== 'done')
    return
  count(node, 'records_restored')
  chronicle.say({
    kind: 'record-restored',
    epoch: leaseHold.tenure()?.epoch ?? null,
    ruleId: decision.rule.id,
    message: `${self.name} holds the lease and wrote the lost record again: ${keys.join(' and ')}.`,
    operands: { keys, record },
  })
}

/** Makes a checkpoint while the primary still serves, so that the stop is short. */
export function checkpoint(node: Node, action: ActionOf<'checkpoint'>): void {
  const { memory, ports, chronicle, leaseHold } = node
  if (memory.switchover?.id === action.requestId) return
  const sinceMs = ports.clock.monotonicMs()
  memory.switchover = { id: action.requestId, isCheckpointed: false, sinceMs }
  const view = switchoverOf(factsOf(node))
  chronicle.say({
    kind: 'switchover-requested',
    epoch: leaseHold.tenure()?.epoch ?? null,
    message: `A switchover${'to' in view ? ` to ${view.to}` : ''} is prepared: a checkpoint first.`,
    operands: { request: action.requestId },
  })
  void dataOf(node)
    .postgres.checkpoint(checkpointMsMax)
    .then(
      () => {
        memory.switchover = { id: action.requestId, isCheckpointed: true, sinceMs }
        node.waker.notify()
      },
      (error: unknown) => {
        void clearSwitchover(node, `the checkpoint failed: ${messageOf(error)}`)
      },
    )
}

/**
 * Routes nobody here any more, and lets nobody new in: in this order, so that who connects meanwhile waits at
 * a balancer for the next primary instead of being refused here.
 */
export async function closeGate(node: Node): Promise<void> {
  const { memory, mirror } = node
  const wasOpen = memory.isOpen
  memory.isOpen = false
  memory.stage = { state: 'stopping', detail: null }
  node.reportWaker.notify()
  if (wasOpen) await untilBalancersHold(node)
  await node.lock.run(async () => {
    // Not what an attempt with an unknown outcome may have left there: the record's list is always right.
    const record = mirror.view()?.sync?.value
    const sync = memory.config?.sync ?? (record && { kind: 'list', list: record.target })
    if (sync !== undefined) await configure(node, { upstream: null, sync, gate: 'closed' })
  })
}

/**
 * Waits until no balancer reports that it leads writes here. One whose agent is dead says so for ever and
 * is not waited for longer than two reports need, ours and its answer.
 */
async function untilBalancersHold({ layout, self, mirror, ports }: Node): Promise<void> {
  const endsAtMs = ports.clock.monotonicMs() + layout.plan.storeAttemptMs * 2
  const isLedHere = (): boolean =>
    balancersOf(layout).some(
      ({ name }) => mirror.view()?.reports.get(name)?.value.balancing?.writesTo === self.name,
    )
  while (isLedHere() && ports.clock.monotonicMs() < endsAtMs) {
    await ports.clock.sleep(holdPauseMs)
  }
}
