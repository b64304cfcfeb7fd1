// Before the very first lease: who else is there, and does anybody have data? (A store that knows
// nothing while somebody has data was lost; making a new cluster then would be the worst mistake.)

import { dataNodesOf } from '../core/cluster-layout.ts'
import type { Node } from './node.ts'

/** Asks the other data nodes while the store knows no cluster. Cheap, repeated until it knows one. */
export async function checkBeforeFirstLease(node: Node): Promise<void> {
  const { mirror, memory, ports, layout, self } = node
  const view = mirror.view()
  if (view === null || view.sync !== null) return
  memory.noLeaseSinceMs ??= ports.clock.monotonicMs()
  if (memory.bootstrapCheck === 'clear') return
  const others = dataNodesOf(layout).filter((peer) => peer.name !== self.name)
  const answers = await Promise.all(
    others.map((peer) =>
      ports.peers.hello(peer.name, layout.plan.storeAttemptMs * 2).catch(() => null),
    ),
  )
  // A node that does not answer may be missing: nodes start in any order. Its data, if it has any,
  // will be refused by its system identifier, never overwritten.
  memory.bootstrapCheck = answers.some((answer) => answer?.hasData === true)
    ? 'data-elsewhere'
    : 'clear'
}
