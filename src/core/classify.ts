// Facts in, situation out: one function per dimension.

import { judgeElection } from './candidate.ts'
import { contradictedIn } from './one-incarnation.ts'
import { dataNodesOf } from './cluster-layout.ts'
import type { Facts } from './facts.ts'
import { isLeaseFree } from './lease.ts'
import type { TimelineId } from './names.ts'
import { nodeOf } from './names.ts'
import { birthEpochOf } from './position.ts'
import { rejoinOf } from './rejoin.ts'
import type { Situation } from './situation.ts'
import { canonical } from './situation.ts'
import { systemIdOf } from './store-view.ts'
import { isFlushedBy } from './sync-plan.ts'
import { successorOf } from './succession.ts'
import { switchoverOf } from './switchover.ts'

/** The words for what an agent knows now. */
export function classify(facts: Facts): Situation {
  return canonical({
    wish: facts.wish,
    operation: facts.operation === null ? 'none' : 'running',
    lease: leaseOf(facts),
    server: serverOf(facts),
    deadline: isDeadlinePassed(facts) ? 'passed' : 'ahead',
    owner: ownerOf(facts),
    records: recordsOf(facts),
    turn: turnOf(facts),
    recorded: isRecordedThisEpoch(facts) ? 'this-epoch' : 'earlier',
    promotion: isPromotionStuck(facts) ? 'stuck' : 'possible',
    election: electionOf(facts),
    gate: gateOf(facts),
    rejoin: rejoinOf(facts),
    successor: successorOf(facts) === null ? 'none' : 'some',
    switchover: switchoverOf(facts).kind,
    health: healthOf(facts),
  })
}

function leaseOf(facts: Facts): Situation['lease'] {
  const { tenure, store, nowMs, self } = facts
  if (tenure !== null) {
    if (tenure.isLost || nowMs >= tenure.stopByMs) return 'lost'
    return tenure.state === 'serving' ? 'serving' : 'preparing'
  }
  if (store === null) return 'unknown'
  const lease = store.lease
  if (lease === null) {
    if (!store.unusable.some(({ key }) => key === 'lease')) return 'none'
    // The last renewal of whoever holds it was made before it was found gone, and would fail since.
    return nowMs - facts.leaseSeenAtMs > facts.layout.plan.ttlMs ? 'free' : 'gone'
  }
  if (isLeaseFree(lease.value, facts.leaseSeenAtMs, nowMs)) return 'free'
  return lease.value.holder === self.name ? 'unconfirmed' : 'other'
}

function serverOf(facts: Facts): Situation['server'] {
  const { server, directory, store } = facts
  const systemId = systemIdOf(store)
  if (directory?.kind === 'present' && systemId !== null && directory.systemId !== systemId) {
    return 'foreign'
  }
  switch (server.kind) {
    case 'primary':
    case 'standby':
    case 'starting':
      return server.kind
    case 'unknown': {
      const since = facts.serverSilentSinceMs
      const isHung = since !== null && facts.nowMs - since > facts.layout.plan.ttlMs
      return isHung ? 'hung' : 'unknown'
    }
    case 'absent':
    case 'stopped':
      break
  }
  if (directory === null) return 'unknown'
  switch (directory.kind) {
    case 'absent':
      return 'absent'
    case 'broken':
      return 'broken'
    case 'staged':
      return 'staged'
    case 'present':
      if (directory.isStandby) return 'was-standby'
      return isOnRecordedTimeline(facts, directory.timeline) ? 'was-primary' : 'half-promoted'
  }
}

/** The guard acts at this instant too; but it may be frozen, and nobody else knows of the deadline. */
function isDeadlinePassed({ guardStopByMs, nowMs }: Facts): boolean {
  return guardStopByMs !== null && nowMs >= guardStopByMs
}

/**
 * A promotion that is cut off takes the signal file away before the new timeline is on disk. Started as a
 * primary, such a directory would write on its old timeline, which belongs to another epoch (I4).
 */
function isOnRecordedTimeline(facts: Facts, timeline: TimelineId): boolean {
  const record = facts.store?.sync?.value ?? null
  if (!facts.protections['unique-timelines'] || record === null) return true
  return record.owner !== facts.local.incarnation || record.timeline === timeline
}

function ownerOf(facts: Facts): Situation['owner'] {
  const record = facts.store?.sync ?? null
  if (record === null) return 'nobody'
  // Whoever was primary last would resume, whatever the record says since.
  if (!facts.protections['owner-resumes'] && facts.local.primaryEpoch !== null) return 'me'
  return record.value.owner === facts.local.incarnation ? 'me' : 'other'
}

function recordsOf({ store, keptRecord, tenure }: Facts): Situation['records'] {
  const isUnusable = (key: string) => store?.unusable.some((record) => record.key === key) ?? false
  const isSyncLost = isUnusable('sync')
  if (isSyncLost) return keptRecord === null ? 'lost' : 'restorable'
  return isUnusable('cluster') && tenure !== null ? 'restorable' : 'whole'
}

function isRecordedThisEpoch(facts: Facts): boolean {
  const { server, tenure, protections } = facts
  const record = facts.store?.sync?.value ?? null
  if (record === null || tenure === null || record.epoch !== tenure.epoch) return false
  if (server.kind !== 'standby' || !protections['unique-timelines']) return true
  // A promotion that took another id has left a timeline that nobody reserved: it is not tried again.
  return birthEpochOf(server.position.timeline, record.timelines) !== undefined
}

/** A full disk, or no connection left: what lasts for a lease time is left to another node. */
function isPromotionStuck({ promotionFailsSinceMs, nowMs, layout }: Facts): boolean {
  return promotionFailsSinceMs !== null && nowMs - promotionFailsSinceMs > layout.plan.ttlMs
}

/** Whether it is this node's turn to try for the lease. A wrong answer costs time, never safety. */
function turnOf(facts: Facts): Situation['turn'] {
  const { store, nowMs, self, layout } = facts
  if (store === null || self.role !== 'data') return 'later'
  if (nowMs < facts.backoffUntilMs || nowMs < facts.deferUntilMs) return 'later'
  const { ttlMs } = layout.plan
  if (store.sync === null) {
    // Records that were lost are no sign of a new cluster.
    if (recordsOf(facts) !== 'whole') return 'later'
    if (self.noFailover || facts.bootstrapCheck !== 'clear') return 'later'
    const rank = dataNodesOf(layout).findIndex((node) => node.name === self.name)
    const waitedMs = nowMs - (facts.noLeaseSinceMs ?? nowMs)
    return waitedMs >= rank * ttlMs * 2 ? 'now' : 'later'
  }
  const lease = store.lease?.value ?? null
  const record = store.sync.value
  const isReleased = lease?.state === 'released'
  const seenMs = nowMs - facts.leaseSeenAtMs
  const isOwner = record.owner === facts.local.incarnation
  if (isReleased && lease.handOverTo !== null && lease.handOverTo !== self.name) {
    // The one that was asked goes first; the owner lets everybody else go before it resumes.
    if (seenMs < ttlMs * (isOwner ? 1 : 0.5)) return 'later'
  }
  if (isOwner) return 'now'
  if ((store.control?.value.paused ?? null) !== null) return 'later'
  if (self.noFailover || facts.local.suspendedUntil !== null) return 'later'
  if (!couldBeElected(facts)) return 'later'
  if (isReleased && lease.handOverTo === null && seenMs < ttlMs) {
    // A clean stop: the owner is expected back first. A candidate that gave up says nothing about the owner:
    // every other standby has one turn at once. When these came to nothing, there is no hurry.
    const failures = nodeOf(record.owner) === lease.holder ? 0 : lease.epoch - record.epoch
    const isOthersTurn = failures > 0 && failures < dataNodesOf(layout).length - 1
    return isOthersTurn ? 'now' : 'later'
  }
  return 'now'
}

/** Whether the record leaves any hope: no list of it is empty (safety.md 2.3 rule 3). */
function couldBeElected(facts: Facts): boolean {
  if (facts.layout.durability === 'async') return true
  if (!facts.protections['empty-list-proves-nothing']) return true
  const record = facts.store?.sync?.value
  return record?.lists.every((list) => list.members.length > 0) ?? false
}

function electionOf(facts: Facts): Situation['election'] {
  const { election, tenure, store, local, layout, protections } = facts
  if (election === null || tenure?.epoch !== election.epoch) return 'not-asked'
  const record = store?.sync ?? null
  if (record === null || local.incarnation === null) return 'asking'
  const { durability } = layout
  const { answers } = election
  return judgeElection({
    self: local.incarnation,
    record: record.value,
    answers,
    contradicted: contradictedIn(facts.store),
    durability,
    wantedCount: layout.syncStandbys,
    protections,
  }).kind
}

function gateOf(facts: Facts): Situation['gate'] {
  const record = facts.store?.sync ?? null
  if (record === null || facts.server.kind !== 'primary') return 'waiting'
  if (nodeOf(record.value.owner) !== facts.self.name) return 'waiting'
  const { protections, gateLsn } = facts
  const isGated =
    protections.gate && (protections['gate-after-promotion'] || facts.startedBy !== 'promotion')
  if (gateLsn === null) return 'waiting'
  if (!isGated) return 'passed'
  return isFlushedBy(record.value.target, facts.server.walsenders, gateLsn, facts.protections)
    ? 'passed'
    : 'waiting'
}

function healthOf(facts: Facts): Situation['health'] {
  if (facts.isServerUnguarded) return 'unguarded'
  if (facts.server.kind !== 'primary' && facts.server.kind !== 'unknown') return 'good'
  if (facts.diskProbeMs > facts.layout.plan.diskProbeMs) return 'bad'
  return facts.isGuardAlive ? 'good' : 'bad'
}
