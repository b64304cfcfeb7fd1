// I10: with a majority of voters and enough members connected, the cluster has a serving primary within
// a bound. Judged after everything that may be healed was healed.

import type { Violation } from '../../src/core/invariants.ts'
import { isEmptyList } from '../../src/core/sync-list.ts'
import type { SimNode } from '../node.ts'
import type { World } from '../world.ts'

/** What a healed cluster still lacks; empty when it is as it should be. */
export function lackingIn(world: World, lastBalancedCommitMs: number, healedMs: number): string[] {
  const lacking: string[] = []
  const lease = world.store.lease?.value
  if (lease?.state !== 'serving') lacking.push(`the lease is ${lease?.state ?? 'missing'}`)
  if (lastBalancedCommitMs <= healedMs) lacking.push('no commit through the balancer')
  for (const node of world.dataNodes) {
    if (!node.isMachineUp) continue
    const { server } = node
    if (node.name === lease?.holder) {
      if (server?.role !== 'primary') lacking.push(`${node.name} holds the lease and is no primary`)
    } else if (server?.role !== 'standby') {
      lacking.push(`${node.name} is ${server?.role ?? 'stopped'}`)
    } else if (server.receiver?.walsender?.upstream.node !== lease?.holder) {
      lacking.push(`${node.name} does not stream from the primary`)
    }
  }
  return lacking.length > 0 ? lacking : lackingInLists(world)
}

/** Every standby that streams counts again, and no list change is left half done. */
function lackingInLists(world: World): string[] {
  const { layout, store, dataNodes } = world
  const record = store.sync?.value
  if (layout.durability === 'async' || record === undefined) return []
  if (record.lists.length > 1) return ['a list change is not finished']
  return dataNodes
    .filter((node) => node.isMachineUp && node.name !== store.lease?.value.holder)
    .filter((node) => !record.target.members.some((name) => name === node.file.record.incarnation))
    .map((node) => `${node.name} is not listed`)
}

export function notAlive(lacking: readonly string[], waitedMs: number): Violation {
  return {
    invariant: 'I10',
    message: `${waitedMs.toFixed(0)} ms after everything was healed: ${lacking.join('; ')}`,
    operands: { lacking, waitedMs },
  }
}

/**
 * Whether the cluster can be demanded to have a primary with only these nodes, by the rule of
 * safety.md 2.3 over what is true: the owner is among them, or enough members of every list are.
 */
export function canHavePrimary(world: World, alive: readonly SimNode[]): boolean {
  const { layout, store, storeModel } = world
  const votersUp = storeModel.voters.filter((voter) =>
    alive.some((node) => node.place === voter.place),
  )
  if (votersUp.length * 2 <= storeModel.voters.length) return false
  const record = store.sync?.value
  if (record === undefined) return alive.length === world.nodes.length
  const incarnations = new Set(alive.map((node) => node.file.record.incarnation))
  const evidence = new Set(
    alive
      .filter((node) => node.directory.state === 'present')
      .filter((node) => node.file.record.suspendedUntil === null)
      .map((node) => node.file.record.incarnation),
  )
  const standbyCount = alive.filter((node) => node.layout.role === 'data').length - 1
  // In `strict` writes wait while there are fewer standbys than commits must reach.
  if (layout.durability === 'strict' && standbyCount < layout.syncStandbys) return false
  if (incarnations.has(record.owner)) return true
  // What such a node has more, a candidate on another branch cannot fetch without a primary.
  if (alive.some((node) => node.layout.noFailover)) return false
  const canPromote = alive.some(
    (node) => evidence.has(node.file.record.incarnation) && !node.layout.noFailover,
  )
  return (
    canPromote &&
    record.lists.every((list) => {
      const members = list.members.filter((member) => evidence.has(member))
      return !isEmptyList(list) && members.length >= list.members.length - list.count + 1
    })
  )
}
