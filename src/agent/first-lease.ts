// Before the very first lease: who else is there, and does anybody know of a cluster? (A store that knows
// nothing while somebody has data was lost; making a new cluster then would be the worst mistake.)

import type { Epoch, NodeName } from '../core/names.ts'
import type { StoreView } from '../core/store-view.ts'
import type { ClusterTrace, HelloAnswer } from '../ports/peers.ts'
import type { Node } from './node.ts'

/** Whether there is a data directory in its place, usable or not. */
export function hasData({ memory: { directory } }: Node): boolean {
  return directory !== null && directory.kind !== 'absent' && directory.kind !== 'staged'
}

/** What this node has of a cluster; null while it has not looked at its directory yet. */
export function tracesOf(node: Node): readonly ClusterTrace[] | null {
  const { ports, memory } = node
  if (ports.data !== null && memory.directory === null) return null
  const { promise, systemId } = ports.localState.get()
  const traces: ClusterTrace[] = []
  if (ports.member.hasEverRun()) traces.push('store')
  if (promise !== null && promise > 0) traces.push('promise')
  if (systemId !== null) traces.push('system-id')
  if (hasData(node)) traces.push('data')
  return traces
}

/** Asks the other nodes while the store knows no cluster. Cheap, repeated until it knows one. */
export async function checkBeforeFirstLease(node: Node): Promise<void> {
  const { mirror, memory, ports, layout, self } = node
  const view = mirror.view()
  if (view === null) return
  if (view.sync !== null) {
    memory.bootstrapWait = null
    return
  }
  memory.noLeaseSinceMs ??= ports.clock.monotonicMs()
  // A node that has data makes no cluster, whatever the others say.
  if (memory.bootstrapCheck === 'clear' || hasData(node)) return
  const others = layout.nodes.filter((peer) => peer.role !== 'balancer' && peer.name !== self.name)
  const deadlineMs = layout.plan.storeAttemptMs * 2
  const answers = await Promise.all(
    others.map(async ({ name }) => ({
      name,
      answer: await ports.peers.hello(name, deadlineMs).catch(() => null),
    })),
  )
  const { promise, systemId } = ports.localState.get()
  const isKnownHere = knowsMore(view, promise, systemId !== null)
  const knowing = answers.filter(({ answer }) => answer !== null && tellsOfCluster(view, answer))
  const silent = answers.filter(({ answer }) => answer === null || answer.traces === null)
  const names = (isKnownHere ? [self.name] : []).concat(knowing.map(({ name }) => name))
  if (names.length > 0) {
    memory.bootstrapCheck = 'data-elsewhere'
    memory.bootstrapWait = renderKnown(names)
  } else if (silent.length > 0) {
    memory.bootstrapCheck = 'unknown'
    memory.bootstrapWait =
      `waits for an answer from ${silent.map(({ name }) => name).join(', ')}: the first primary is ` +
      'made only after every node has answered that it has no data'
  } else {
    memory.bootstrapCheck = 'clear'
    memory.bootstrapWait = null
  }
}

function tellsOfCluster(view: StoreView, answer: HelloAnswer): boolean {
  return answer.hasData || knowsMore(view, answer.report.promise, answer.report.systemId !== null)
}

/**
 * Whether a node remembers more than the attempt to make the first primary that the store knows of: each
 * node promises its epoch, and the one that makes it notes the identifier before the store has it.
 */
function knowsMore(view: StoreView, promise: Epoch | null, hasSystemId: boolean): boolean {
  // A store that has a record of the lease was not wiped. Where that record cannot be used there is no epoch
  // to compare with, and what tells of a cluster is data.
  if (view.unusable.some(({ key, revision }) => key === 'lease' && revision > 0)) return false
  const lease = view.lease?.value ?? null
  return (promise ?? 0) > (lease?.epoch ?? 0) || (hasSystemId && lease === null)
}

function renderKnown(names: readonly NodeName[]): string {
  const who = names.length === 1 ? 'has' : 'have'
  return (
    `${names.join(', ')} ${who} data or a promise, but etcd has no record of the cluster: etcd was wiped, ` +
    'or this is the wrong etcd; no new primary is made beside it'
  )
}
