// A planned change of primary, seen from the primary: possible, being prepared, or ready to hand over.

import type { Facts } from './facts.ts'
import { lagBytes } from './lsn.ts'
import type { Incarnation, NodeName } from './names.ts'
import { incarnationIsOf, nodeOf } from './names.ts'
import { isEmptyList } from './sync-list.ts'
import { successorOf } from './succession.ts'

/** A standby further behind than this would make the pause long. */
export const switchoverLagBytesMax = 16 * 1024 * 1024
/** A switchover that cannot be made ready in this time is given up. */
export const switchoverPrepareMsMax = 60_000

export type SwitchoverView =
  | { readonly kind: 'none' }
  | { readonly kind: 'preparing'; readonly to: NodeName; readonly why: string }
  | { readonly kind: 'ready'; readonly to: NodeName }
  | { readonly kind: 'impossible'; readonly why: string; readonly hint: string }

/** What became of the switchover that was asked for. */
export function switchoverOf(facts: Facts): SwitchoverView {
  const request = facts.store?.control?.value.switchover ?? null
  if (request === null) return { kind: 'none' }
  const view = judgeSwitchover(facts, request.to)
  if (view.kind === 'impossible') return view
  const progress = facts.switchover?.id === request.id ? facts.switchover : null
  if (view.kind === 'preparing') {
    const isOverdue = progress !== null && facts.nowMs - progress.sinceMs > switchoverPrepareMsMax
    if (isOverdue) {
      return {
        kind: 'impossible',
        why: view.why,
        hint: 'Ask again when the standby has caught up.',
      }
    }
    return view
  }
  if (view.kind === 'ready' && progress?.isCheckpointed !== true) {
    return { kind: 'preparing', to: view.to, why: 'a checkpoint is being made' }
  }
  return view
}

/**
 * Whether the primary could hand over to `to` now (null: to the most advanced listed standby).
 * Used for the request itself, for its dry run, and again right before the hand-over.
 */
export function judgeSwitchover(facts: Facts, to: NodeName | null): SwitchoverView {
  const record = facts.store?.sync?.value
  if (facts.server.kind !== 'primary' || record === undefined) {
    return {
      kind: 'impossible',
      why: 'PostgreSQL is not an open primary here',
      hint: 'See `pgherd status`.',
    }
  }
  const target = to ?? successorOf(facts)
  if (target === null) {
    return {
      kind: 'impossible',
      why: 'no listed standby could prove that nothing is lost',
      hint: 'Bring a standby back and wait until `pgherd status` shows it as sync.',
    }
  }
  const refusal = refusalOf(facts, target)
  if (refusal !== null) return refusal
  const walsender = facts.server.walsenders.find((entry) =>
    record.target.members.some(
      (member) => member === entry.applicationName && nodeOf(member) === target,
    ),
  )
  const isAsync = facts.layout.durability === 'async'
  const flushLsn =
    walsender?.flushLsn ??
    (isAsync
      ? facts.server.walsenders.find((entry) =>
          incarnationIsOf(entry.applicationName as Incarnation, target),
        )?.flushLsn
      : null) ??
    null
  if (flushLsn === null) {
    return {
      kind: 'impossible',
      why: `${target} is not a listed, streaming standby`,
      hint: 'Wait until `pgherd status` shows it as sync, or choose another one.',
    }
  }
  const behindBytes = lagBytes(facts.server.position.flushLsn, flushLsn)
  if (behindBytes > switchoverLagBytesMax) {
    return {
      kind: 'preparing',
      to: target,
      why: `${target} is ${String(behindBytes)} bytes behind`,
    }
  }
  if (record.lists.length > 1 || (isEmptyList(record.target) && !isAsync)) {
    return { kind: 'preparing', to: target, why: 'the synchronous list is being changed' }
  }
  return { kind: 'ready', to: target }
}

function refusalOf(facts: Facts, target: NodeName): SwitchoverView | null {
  const node = facts.layout.nodes.find((candidate) => candidate.name === target)
  const names = facts.layout.nodes
    .filter((candidate) => candidate.role === 'data' && candidate.name !== facts.self.name)
    .map((candidate) => candidate.name)
    .join(', ')
  const hint = names === '' ? 'This cluster has no standby.' : `Possible: ${names}.`
  if (node === undefined) return { kind: 'impossible', why: `there is no node ${target}`, hint }
  if (node.role !== 'data') {
    return { kind: 'impossible', why: `${target} is a ${node.role} and holds no data`, hint }
  }
  if (node.name === facts.self.name) {
    return { kind: 'impossible', why: `${target} is the primary already`, hint }
  }
  if (node.noFailover) {
    return { kind: 'impossible', why: `${target} is marked noFailover in the spec`, hint }
  }
  return null
}
