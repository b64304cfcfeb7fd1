// Turns what somebody typed into a node of the cluster, or into an error that lists what there is.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { ClusterStatus } from '../core/cluster-status.ts'
import type { NodeName } from '../core/names.ts'
import { closest } from '../config/closest.ts'
import { PgherdError } from '../lib/errors.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import { observeCluster } from './observe-cluster.ts'

/** Stands for the node that is primary at the moment, unless a node has this name. */
export const primaryWord = 'primary'

/** @throws PgherdError PGHERD_NODE_UNKNOWN */
export function namedNode(layout: ClusterLayout, text: string): NodeName {
  const names = layout.nodes.map((node) => node.name)
  return names.find((name) => name === text) ?? unknownNode(layout, text, names)
}

/**
 * The same, and `primary` is understood. The agents are asked only for that word.
 * @throws PgherdError PGHERD_NODE_UNKNOWN, PGHERD_NO_PRIMARY
 */
export async function namedNodeOrPrimary(cluster: RuntimeCluster, text: string): Promise<NodeName> {
  const names = cluster.layout.nodes.map((node) => node.name)
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  if (text !== primaryWord) return unknownNode(cluster.layout, text, [...names, primaryWord])
  const { status } = await observeCluster(cluster, cluster.connect())
  const primary = primaryIn(status)
  if (primary !== null) return primary
  throw new PgherdError({
    code: 'PGHERD_NO_PRIMARY',
    reason: 'noPrimary',
    message: `no node of cluster ${cluster.layout.cluster} is primary now`,
    because: status.reasons[0]?.message ?? 'nobody is open for writes',
    hint: `name the node (${names.join(', ')}), or wait for a primary: pgherd status --watch`,
  })
}

/** The node that takes writes, as far as the agents and the lease tell. */
export function primaryIn(status: ClusterStatus): NodeName | null {
  if (status.verdict === 'no-primary' || status.verdict === 'unreachable') return null
  return status.nodes.find((node) => node.role === 'primary')?.name ?? null
}

function unknownNode(layout: ClusterLayout, text: string, words: readonly string[]): never {
  const names = layout.nodes.map((node) => node.name).join(', ')
  const meant = closest(text, words)
  const word = words.includes(primaryWord)
    ? `; "${primaryWord}" is the one that is primary now`
    : ''
  throw new PgherdError({
    code: 'PGHERD_NODE_UNKNOWN',
    reason: 'usage',
    message: `cluster ${layout.cluster} has no node "${text}"`,
    because: `${meant === null ? '' : `did you mean "${meant}"? `}its nodes are ${names}${word}`,
    hint: 'name one of its nodes: pgherd status',
  })
}
