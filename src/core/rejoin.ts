// How a node gets to stream from the primary of this epoch: the cheapest way that is right.
// follow → rewind → clone; nothing towards an epoch below the node's promise (I7).

import type { NodeLayout } from './cluster-layout.ts'
import type { Facts } from './facts.ts'
import type { Epoch, SystemId, TimelineId } from './names.ts'
import { incarnationIsOf } from './names.ts'
import type { TimelineHistory } from './position.ts'
import { kinshipOf } from './position.ts'
import type { Situation } from './situation.ts'

/** The primary that may be followed now. */
export type PrimaryView = {
  readonly node: NodeLayout
  readonly epoch: Epoch
  readonly timeline: TimelineId
  readonly history: TimelineHistory
  readonly systemId: SystemId
}

/**
 * The holder of the lease, once it runs as primary under the lease's epoch and the record names it as
 * owner; null before that, and when this node has promised a higher epoch.
 */
export function primaryOf(facts: Facts): PrimaryView | null {
  const { store, local, layout } = facts
  const lease = store?.lease?.value ?? null
  const record = store?.sync?.value ?? null
  if (store === null || lease === null || record === null) return null
  if (lease.state === 'released' || lease.holder === facts.self.name) return null
  if (facts.protections['follow-promises'] || facts.protections.seal) {
    if (local.promise !== null && local.promise > lease.epoch) return null
  }
  const report = store.reports.get(lease.holder)?.value
  if (report?.isPrimary !== true || report.epoch !== lease.epoch) return null
  if (report.position === null || report.systemId === null) return null
  if (!incarnationIsOf(record.owner, lease.holder)) return null
  const node = layout.nodes.find((candidate) => candidate.name === lease.holder)
  // A record can name anybody; whom the spec does not have, nobody can connect to.
  if (node?.role !== 'data') return null
  return {
    node,
    epoch: lease.epoch,
    timeline: report.position.timeline,
    history: report.history ?? [],
    systemId: report.systemId,
  }
}

/** The next step of this node towards streaming from the primary. */
export function rejoinOf(facts: Facts): Situation['rejoin'] {
  const { server, directory, following } = facts
  const primary = primaryOf(facts)
  const isReceiving = server.kind === 'standby' && server.isReceiving
  if (!isReceiving && isHeldByStranger(facts)) return 'stranger'
  if (server.kind === 'absent' || server.kind === 'stopped') {
    if (directory === null || directory.kind === 'present') return 'wait'
    if (primary === null) return 'wait'
    // A primary that is not open yet may be waiting for this very node, and in `strict` for any.
    const isOpen = facts.store?.lease?.value.state === 'serving'
    const members = facts.store?.sync?.value.target.members ?? []
    const isListed = members.some((member) => incarnationIsOf(member, facts.self.name))
    return isOpen || isListed || facts.layout.durability === 'strict' ? 'clone' : 'wait'
  }
  if (server.kind !== 'standby') return 'wait'
  if (server.isReceiving) {
    if (primary === null) {
      // The holder is not primary yet. Whoever is received from is not the primary of this epoch,
      // unless it is the holder itself between two epochs of its own.
      return following?.node === facts.store?.lease?.value.holder ? 'wait' : 'detach'
    }
    if (following?.node !== primary.node.name) return 'detach'
    return following.epoch === primary.epoch ? 'streaming' : 'follow'
  }
  if (primary === null || !server.isAtEndOfWal) return 'wait'
  const kinship = kinshipOf(server.position, primary.timeline, primary.history)
  if (kinship.kind !== 'ancestor') {
    return facts.rewindFailedEpoch === primary.epoch ? 'clone' : 'rewind'
  }
  if (following?.node !== primary.node.name || following.epoch !== primary.epoch) return 'follow'
  return server.trouble === 'wal-removed' ? 'clone' : 'streaming'
}

/** Whether the lease names a node that the spec of this node does not have as a data node. */
function isHeldByStranger({ store, layout }: Facts): boolean {
  const holder = store?.lease?.value.holder
  if (holder === undefined) return false
  return !layout.nodes.some((node) => node.name === holder && node.role === 'data')
}
