// Turns what somebody typed into a node of the cluster, or into an error that lists what there is.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { NodeName } from '../core/names.ts'
import { closest } from '../config/closest.ts'
import { PgherdError } from '../lib/errors.ts'

/** @throws PgherdError PGHERD_NODE_UNKNOWN */
export function namedNode(layout: ClusterLayout, text: string): NodeName {
  const names = layout.nodes.map((node) => node.name)
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  const meant = closest(text, names)
  throw new PgherdError({
    code: 'PGHERD_NODE_UNKNOWN',
    reason: 'usage',
    message: `cluster ${layout.cluster} has no node "${text}"`,
    because: `${meant === null ? '' : `did you mean "${meant}"? `}its nodes are ${names.join(', ')}`,
    hint: 'name one of its nodes: pgherd status',
  })
}
