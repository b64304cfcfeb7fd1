// Which standbys a primary should wait for, and how a list change proceeds (safety.md 2.4).

import type { Durability } from './cluster-layout.ts'
import type { Incarnation } from './names.ts'
import { awaitedMember } from './names.ts'
import type { Lsn } from './lsn.ts'
import { streamCountOf } from './one-incarnation.ts'
import type { Protections } from './protections.ts'
import type { Walsender } from './server.ts'
import type { SyncList } from './sync-list.ts'
import { emptyList, isEmptyList, makeList } from './sync-list.ts'

/** What the primary knows of one standby that could be listed. */
export type StandbyView = {
  readonly incarnation: Incarnation
  /**
   * It streams, and (to enter the list) it has caught up and is evidence. `contradicted`: two use its
   * incarnation, and neither of them can be counted on.
   */
  readonly fitness: 'fit' | 'lagging' | 'lost' | 'just-lost' | 'contradicted'
}

/**
 * The list the primary should have. A listed standby stays while it streams, and for the loss time
 * after it stopped; an unlisted one enters when it is fit.
 * @param wantedCount how many standbys a commit is to wait for when there are that many
 */
export function wantedList(
  durability: Durability,
  wantedCount: number,
  current: SyncList,
  standbys: readonly StandbyView[],
): SyncList {
  if (durability === 'async') return emptyList
  const keeps = standbys
    .filter((standby) => {
      const isListed = current.members.includes(standby.incarnation)
      if (standby.fitness === 'contradicted') return false
      if (isListed) return standby.fitness !== 'lost'
      return standby.fitness === 'fit'
    })
    .map((standby) => standby.incarnation)
  if (durability === 'strict' && keeps.length < wantedCount) {
    // Never below k members: what is lost stays listed, and writes wait for it. A member that has come
    // takes its own place.
    const kept = new Map(keeps.map((member) => [awaitedMember(member), member]))
    const contradicted = new Set(
      standbys
        .filter(({ fitness }) => fitness === 'contradicted')
        .map(({ incarnation }) => incarnation),
    )
    // Its place stays, and neither of the two fills it.
    const places = current.members.map((member) =>
      contradicted.has(member) ? awaitedMember(member) : member,
    )
    for (const member of places) {
      const place = awaitedMember(member)
      if (kept.size < wantedCount && !kept.has(place)) kept.set(place, member)
    }
    if (kept.size >= wantedCount || kept.size > current.members.length) {
      return makeList(wantedCount, kept.values())
    }
    const filled = places.map((member) => kept.get(awaitedMember(member)) ?? member)
    return makeList(wantedCount, filled)
  }
  return makeList(wantedCount, keeps)
}

/**
 * The list of a newly elected primary: the members that were just sealed as evidence, since they will
 * follow at once. In `strict` it is filled up with places for members of the old lists, who enter when
 * they have promised the new epoch and follow.
 */
export function electedList(
  durability: Durability,
  wantedCount: number,
  self: Incarnation,
  sealed: readonly Incarnation[],
  known: readonly Incarnation[],
): SyncList {
  if (durability === 'async') return emptyList
  const members = sealed.filter((member) => member !== self)
  if (durability === 'strict') {
    const present = new Set([self, ...sealed].map(awaitedMember))
    for (const member of new Set(known.map(awaitedMember))) {
      if (members.length >= wantedCount) break
      if (!present.has(member)) members.push(member)
    }
  }
  return makeList(wantedCount, members)
}

/**
 * Whether `list.count` members have reported a flush at or beyond `lsn` to this primary. One under whose
 * incarnation two connections stream has not: which of them was it?
 */
export function isFlushedBy(
  list: SyncList,
  walsenders: readonly Walsender[],
  lsn: Lsn,
  protections: Protections,
): boolean {
  if (isEmptyList(list)) return true
  const flushed = list.members.filter(
    (member) =>
      (streamCountOf(member, walsenders) < 2 || !protections['one-incarnation']) &&
      walsenders.some(
        (walsender) =>
          walsender.applicationName === member &&
          walsender.flushLsn !== null &&
          walsender.flushLsn >= lsn,
      ),
  )
  return flushed.length >= list.count
}

export type Effectiveness =
  | { readonly kind: 'effective' }
  | { readonly kind: 'waiting'; readonly for: string; readonly pid: number | null }

/**
 * Whether a reloaded list is used by every process (2.4 step 2 b and c): removed members' walsenders
 * show priority 0 or are gone; every member's walsender has reported a flush beyond a record that was
 * written after the reload.
 * @param markLsn position behind that record
 */
export function judgeEffect(
  list: SyncList,
  walsenders: readonly Walsender[],
  markLsn: Lsn,
  protections: Protections,
): Effectiveness {
  if (!protections['walsender-effective']) return { kind: 'effective' }
  for (const walsender of walsenders) {
    const name = walsender.applicationName as Incarnation
    if (!list.members.includes(name) && walsender.syncPriority !== 0) {
      return { kind: 'waiting', for: `${name} to be dropped by its walsender`, pid: walsender.pid }
    }
    if (
      list.members.includes(name) &&
      (walsender.flushLsn === null || walsender.flushLsn < markLsn)
    ) {
      return { kind: 'waiting', for: `${name} to flush past the reload`, pid: walsender.pid }
    }
  }
  return { kind: 'effective' }
}
