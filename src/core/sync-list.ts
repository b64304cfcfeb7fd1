// Synchronous lists `ANY k (members)` and the sync record that proves who may be promoted.
// Contract: safety.md 2.3 and 2.4.

import {
  type Epoch,
  type Incarnation,
  type SystemId,
  type TimelineId,
  isAwaitedMember,
  nodeOf,
} from './names.ts'
import type { TimelineBirth } from './position.ts'

/**
 * A list that a commit waits for: flushed by `count` of `members`. The empty list is
 * `{count: 0, members: []}` and means that commits wait for nobody. Members are sorted and unique.
 */
export type SyncList = { readonly count: number; readonly members: readonly Incarnation[] }

/**
 * What the store says about synchronous commit. `lists` is a set; `target` is always one of them.
 * Written only together with a comparison of the lease.
 */
export type SyncRecord = {
  readonly systemId: SystemId
  /** Epoch under which the record was last written. */
  readonly epoch: Epoch
  /** Who holds every acknowledged commit, whether or not it ever opened. */
  readonly owner: Incarnation
  /** The timeline that the owner runs, or was given to be promoted to. */
  readonly timeline: TimelineId
  readonly lists: readonly SyncList[]
  readonly target: SyncList
  /** Every timeline id ever reserved, with the epoch that reserved it. */
  readonly timelines: readonly TimelineBirth[]
}

/** What PostgreSQL's `synchronous_standby_names` is to say. */
export type SyncSetting =
  /** Nobody can satisfy it: every server that is not an open primary carries it. */
  { readonly kind: 'nobody' } | { readonly kind: 'list'; readonly list: SyncList }

export const emptyList: SyncList = { count: 0, members: [] }

/** A normalised list. `count` is clamped to the number of members. */
export function makeList(count: number, members: Iterable<Incarnation>): SyncList {
  const sorted = [...new Set(members)].sort()
  if (sorted.length === 0) return emptyList
  return { count: Math.max(1, Math.min(count, sorted.length)), members: sorted }
}

export function isEmptyList(list: SyncList): boolean {
  return list.members.length === 0
}

export function isSameList(left: SyncList, right: SyncList): boolean {
  return (
    left.count === right.count &&
    left.members.length === right.members.length &&
    left.members.every((member, index) => member === right.members[index])
  )
}

export function hasList(lists: readonly SyncList[], list: SyncList): boolean {
  return lists.some((candidate) => isSameList(candidate, list))
}

/** `lists` with `list` added once. */
export function withList(lists: readonly SyncList[], list: SyncList): readonly SyncList[] {
  return hasList(lists, list) ? lists : [...lists, list]
}

/** A list with a count below 1 or above its size proves nothing; nor does the empty one. */
export function isProvable(list: SyncList): boolean {
  return list.count >= 1 && list.count <= list.members.length
}

/** The text for `synchronous_standby_names`. */
export function renderSyncSetting(setting: SyncSetting): string {
  if (setting.kind === 'nobody') return 'ANY 1 (pgherd_nobody)'
  if (isEmptyList(setting.list)) return ''
  const members = setting.list.members.map((member) => `"${member}"`).join(', ')
  return `ANY ${String(setting.list.count)} (${members})`
}

/**
 * For people, after "commits wait for": `1 of pg-1, pg-2`, or `nobody`. Which volumes of these nodes are
 * meant stands in the operands of the event.
 */
export function describeList(list: SyncList): string {
  if (isEmptyList(list)) return 'nobody'
  return `${String(list.count)} of ${list.members.map(describeMember).join(', ')}`
}

function describeMember(member: Incarnation): string {
  return isAwaitedMember(member) ? `${nodeOf(member)} (awaited)` : nodeOf(member)
}
