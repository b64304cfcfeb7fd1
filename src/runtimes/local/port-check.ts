// Before a node starts: nobody else may listen on its ports. What the node itself has left running (a
// PostgreSQL under its guard, an HAProxy) is taken over by its agent and is no stranger.

import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { listeningPorts, ownerOfPort } from '../../host/listening-ports.ts'
import { listProcesses } from '../../host/process-info.ts'
import { PgherdError } from '../../lib/errors.ts'
import { processesOfNode } from './node-processes.ts'

/** Every port that programs of this node listen on; a balancer has the endpoints. */
export function portsOfNode(layout: ClusterLayout, node: NodeLayout): readonly number[] {
  const { write, read } = layout.endpoints
  const endpoints = node.role === 'balancer' ? [write?.port ?? null, read?.port ?? null] : []
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
  const taken = portsOfNode(layout, node).filter((port) => listening.has(port))
  if (taken.length === 0) return
  const own = new Set(processesOfNode(listProcesses(), nodeDirectory).map((each) => each.pid))
  for (const port of taken) {
    const owner = ownerOfPort(port)
    if (owner !== null && own.has(owner.pid)) continue
    throw new PgherdError({
      code: 'PGHERD_PORT_TAKEN',
      reason: 'system',
      message: `port ${String(port)}, which ${node.name} needs, is taken`,
      because:
        owner === null
          ? 'a process of another user listens on it'
          : `${owner.name} (process ${String(owner.pid)}) listens on it`,
      hint: 'end that program, or name another port in the spec of a new cluster',
    })
  }
}
