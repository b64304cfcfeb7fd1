// Who would take over, as far as the present holder can tell. A guess that saves time: the proof is
// made by the one who takes over.

import { dataNodesOf } from './cluster-layout.ts'
import type { Facts } from './facts.ts'
import type { Incarnation, NodeName } from './names.ts'
import { incarnationIsOf, nodeOf } from './names.ts'
import type { WalPosition } from './position.ts'
import { comparePositions } from './position.ts'
import type { Walsender } from './server.ts'

/** Bytes a standby had flushed when it was last seen; -1 for never. */
function flushedBy(walsenders: readonly Walsender[], name: string): number {
  return walsenders.find((walsender) => walsender.applicationName === name)?.flushLsn ?? -1
}

/**
 * The listed standby that was furthest when it was last seen streaming, when enough members of every
 * list were; null when nobody could prove that nothing is lost.
 */
export function successorOf(facts: Facts): NodeName | null {
  const record = facts.store?.sync?.value
  if (record === undefined) return null
  const seen = facts.lastWalsenders
  const { layout } = facts
  const { durability } = layout
  const members =
    durability === 'async'
      ? seen.map((walsender) => walsender.applicationName)
      : record.target.members.map(String)
  const isProvable = record.lists.every((list) => {
    const connected = list.members.filter((member) => flushedBy(seen, member) >= 0)
    return list.count >= 1 && connected.length >= list.members.length - list.count + 1
  })
  if (durability !== 'async' && !isProvable) return null
  let best: string | null = null
  for (const member of members) {
    const node = layout.nodes.find(({ name }) => incarnationIsOf(member as Incarnation, name))
    if (node === undefined || node.noFailover) continue
    const flushed = flushedBy(seen, member)
    if (flushed >= 0 && (best === null || flushed > flushedBy(seen, best))) best = member
  }
  return best === null ? null : nodeOf(best as Incarnation)
}

/**
 * Another data node that may be promoted, when this one is elected and cannot be: the sealed one that has
 * most, or else any. Null when there is none.
 */
export function alternativeOf(facts: Facts): NodeName | null {
  const { self, layout, election, store } = facts
  const births = store?.sync?.value.timelines ?? []
  const others = dataNodesOf(layout).filter((node) => node.name !== self.name && !node.noFailover)
  let best: NodeName | null = null
  let bestPosition: WalPosition | null = null
  for (const { name } of others) {
    const answer = election?.answers.get(name)
    if (answer?.kind !== 'sealed' || !answer.canBePrimary) continue
    const { position } = answer
    if (bestPosition !== null && (comparePositions(position, bestPosition, births) ?? 0) <= 0)
      continue
    best = name
    bestPosition = position
  }
  return best ?? others[0]?.name ?? null
}
