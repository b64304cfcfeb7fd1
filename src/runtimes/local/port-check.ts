// Before a node starts: nobody else may listen on its ports. What the node itself has left running (a
// PostgreSQL under its guard, an HAProxy) is taken over by its agent and is no stranger.

import { isIPv4 } from 'node:net'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { isLoopback } from '../../config/ports.ts'
import type { ListeningSocket } from '../../host/listening-ports.ts'
import { listeningPorts, ownerOf } from '../../host/listening-ports.ts'
import { listProcesses } from '../../host/process-info.ts'
import { PgherdError } from '../../lib/errors.ts'
import { processesOfNode } from './node-processes.ts'

/** Every port that programs of this node listen on; a balancer has those of HAProxy. */
export function portsOfNode(layout: ClusterLayout, node: NodeLayout): readonly number[] {
  const { write, read } = layout.endpoints
  const { stats = null, health = null } = layout.balancerPorts ?? {}
  const endpoints =
    node.role === 'balancer' ? [write?.port ?? null, read?.port ?? null, stats, health] : []
  const { postgresPort, apiPort, storeClientPort, storePeerPort } = node
  return [postgresPort, apiPort, storeClientPort, storePeerPort, ...endpoints].filter(
    (port) => port !== null,
  )
}

/**
 * @param nodeDirectory by which the node's own processes are known
 * @throws PgherdError PGHERD_PORT_TAKEN naming the port and, if it may be seen, the program
 */
export function assertPortsFree(
  layout: ClusterLayout,
  node: NodeLayout,
  nodeDirectory: string,
): void {
  const listening = listeningPorts()
  // On a loopback address a node listens there alone; everywhere else on every address.
  const address = isLoopback(node.host) && isIPv4(node.host) ? node.host : null
  const isInTheWay = (other: ListeningSocket): boolean =>
    address === null || other.address === null || other.address === address
  const taken = portsOfNode(layout, node)
    .map((port) => ({ port, sockets: (listening.get(port) ?? []).filter(isInTheWay) }))
    .filter(({ sockets }) => sockets.length > 0)
  if (taken.length === 0) return
  const own = new Set(processesOfNode(listProcesses(), nodeDirectory).map((each) => each.pid))
  for (const { port, sockets } of taken) {
    const owner = ownerOf(sockets)
    if (owner !== null && own.has(owner.pid)) continue
    throw new PgherdError({
      code: 'PGHERD_PORT_TAKEN',
      reason: 'system',
      message: `port ${String(port)}, which ${node.name} needs, is taken`,
      because:
        owner === null
          ? 'a process of another user listens on it'
          : `${owner.name} (process ${String(owner.pid)}) listens on it`,
      hint: 'end that program, or give other ports in the spec (basePort, or a port of the node)',
    })
  }
}
