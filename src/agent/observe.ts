// Looks at the local server and its directory. What could not be learned is unknown, never "down".

import type { DataDirectory } from '../core/server.ts'
import type { Node } from './node.ts'
import { dataOf } from './node.ts'

/** Longest time one look may take; a hung server must not stall the loop. */
function observeDeadlineMs(node: Node): number {
  return Math.max(250, node.layout.plan.renewMs)
}

/** While the server is down its directory is looked at this often: somebody may put one there. */
const inspectPeriodMs = 1000

/** Refreshes what memory says about PostgreSQL and its directory. */
export async function observe(node: Node): Promise<void> {
  await observeServer(node)
  await inspectWhenNeeded(node)
}

/** Refreshes what memory says about the server alone. */
export async function observeServer(node: Node): Promise<void> {
  const { memory, ports } = node
  const { postgres, guard } = dataOf(node)
  // One that starts or ends during the look is held before it or after it.
  const wasHeld = guard.holdsServer()
  const server = await postgres.observe(observeDeadlineMs(node))
  memory.server = server
  const isThere = server.kind === 'primary' || server.kind === 'standby'
  memory.isServerUnguarded = isThere && wasHeld === false && guard.holdsServer() === false
  const nowMs = ports.clock.monotonicMs()
  if (server.kind === 'unknown') memory.serverSilentSinceMs ??= nowMs
  else memory.serverSilentSinceMs = null
  // Promoted by a former agent: what was read before says standby, and must not be believed when it stops.
  const isStandby = memory.directory?.kind === 'present' && memory.directory.isStandby
  if (server.kind === 'primary' && isStandby) memory.inspectedAtMs = null
  if (server.kind === 'primary' && memory.isOpen) memory.lastWalsenders = server.walsenders
  if (server.kind === 'standby') noteStreaming(node, server.isStreaming)
}

/**
 * How a directory lies on disk says nothing about the server that runs in it, and a look starts a program
 * of PostgreSQL, which a failover would wait for.
 */
async function inspectWhenNeeded(node: Node): Promise<void> {
  const { memory, ports } = node
  const isDown = memory.server.kind === 'absent' || memory.server.kind === 'stopped'
  const nowMs = ports.clock.monotonicMs()
  const isOld = memory.inspectedAtMs === null || nowMs - memory.inspectedAtMs > inspectPeriodMs
  if (memory.directory === null || (isDown && isOld)) await inspect(node)
}

/** Looks at the directory, whatever runs in it. */
export async function inspect(node: Node): Promise<DataDirectory> {
  const { memory, ports } = node
  memory.directory = await dataOf(node).postgres.inspect()
  memory.inspectedAtMs = ports.clock.monotonicMs()
  return memory.directory
}

function noteStreaming(node: Node, isStreaming: boolean): void {
  const { memory, ports } = node
  const { following, server } = memory
  if (following === null) {
    adoptFollowing(node)
    return
  }
  // Adopted, see below: what the former agent did last may be to detach, and a receiver that waits for the
  // disk ends late.
  if (!memory.isConfigOfOurs && server.kind === 'standby' && !server.isReceiving) {
    memory.following = null
    return
  }
  if (isStreaming) {
    if (following.silentSinceMs !== null) memory.following = { ...following, silentSinceMs: null }
  } else if (following.silentSinceMs === null && server.kind === 'standby') {
    memory.following = { ...following, silentSinceMs: ports.clock.monotonicMs() }
  }
}

/**
 * After a restart of the agent: a standby that receives from the holder of the lease, under an epoch
 * that this node has promised, was told so by the former agent.
 */
function adoptFollowing(node: Node): void {
  const { memory, mirror, layout, ports } = node
  const { server } = memory
  const lease = mirror.view()?.lease?.value
  if (server.kind !== 'standby' || server.receivingFrom === null || lease === undefined) return
  if (memory.isConfigOfOurs || ports.localState.get().promise !== lease.epoch) return
  const holder = layout.nodes.find((candidate) => candidate.name === lease.holder)
  const { host, port } = server.receivingFrom
  if (holder?.host === host && holder.postgresPort === port) {
    memory.following = { node: holder.name, epoch: lease.epoch, silentSinceMs: null }
  }
}
