// The cluster as a tree: who streams from whom, with durability and lag on each edge. Pure.

import type { ClusterStatus, NodeStatus } from '../core/cluster-status.ts'
import { renderBytes } from './render-quantity.ts'
import type { Style } from './style.ts'

/** The primary with its standbys below it, then everybody that hangs on nobody. */
export function renderTopology(status: ClusterStatus, style: Style): readonly string[] {
  const { nodes } = status
  const roots = nodes.filter((node) => node.role === 'primary')
  const shown = new Set<string>()
  const trees = roots.flatMap((root) => [
    `${style.bold(root.name)}  ${describe(root, style)}`,
    ...branches(root, nodes, '', shown, style),
  ])
  for (const root of roots) shown.add(root.name)
  const loose = nodes.filter((node) => node.role === 'standby' && !shown.has(node.name))
  const witnesses = nodes.filter((node) => node.role === 'witness')
  return [
    ...(trees.length === 0 ? [style.bad('no primary')] : trees),
    ...(loose.length === 0 ? [] : ['', style.warn('streams from nobody')]),
    ...loose.map((node) => `  ${node.name}  ${describe(node, style)}`),
    ...(witnesses.length === 0 ? [] : ['', 'votes without data']),
    ...witnesses.map((node) => `  ${node.name}  ${node.state}`),
  ]
}

/** @param shown nodes that were drawn already; a ring of upstreams must not be drawn for ever */
function branches(
  upstream: NodeStatus,
  nodes: readonly NodeStatus[],
  indent: string,
  shown: Set<string>,
  style: Style,
): readonly string[] {
  const children = nodes.filter(
    (node) => node.upstream === upstream.name && node.role === 'standby' && !shown.has(node.name),
  )
  for (const child of children) shown.add(child.name)
  const { tee, corner, bar } = style.symbols.branch
  return children.flatMap((child, index) => {
    const isLast = index === children.length - 1
    const edge = `${child.sync ?? 'unknown'}, ${renderLag(child)}`
    return [
      `${indent}${isLast ? corner : tee} ${style.dim(edge)} ${style.symbols.arrow} ` +
        `${style.bold(child.name)}  ${describe(child, style)}`,
      ...branches(child, nodes, `${indent}${isLast ? ' ' : bar}   `, shown, style),
    ]
  })
}

function renderLag(node: NodeStatus): string {
  return node.lagBytes === null ? 'lag unknown' : `${renderBytes(node.lagBytes)} behind`
}

function describe(node: NodeStatus, style: Style): string {
  const place = node.timeline === null ? '' : `  timeline ${node.timeline}, ${node.lsn ?? '-'}`
  const state = node.role === 'primary' ? `primary, ${node.state}` : node.state
  return node.isContradiction
    ? style.bad(`${state}, claims to be primary without the lease`)
    : state + place
}
