// Which nodes vote in the store. An odd number: with an even one, one more machine could fail and no
// more failures would be survived.

import type { NodeSpec } from './schema.ts'

/** How many voters are chosen at most; more make every write slower and survive little more. */
export const chosenVoterCountMax = 5

/**
 * Names of the voters: first the nodes with `vote: true`, then witnesses, then data nodes, up to the
 * largest odd number that there is and that is at most 5. Balancers vote only when they are told to.
 */
export function chooseVoters(nodes: readonly NodeSpec[]): ReadonlySet<string> {
  const told = nodes.filter((node) => node.vote === true)
  const free = [
    ...nodes.filter((node) => node.role === 'witness' && node.vote === undefined),
    ...nodes.filter((node) => node.role === 'data' && node.vote === undefined),
  ]
  const available = Math.min(told.length + free.length, chosenVoterCountMax)
  const target = Math.max(available - ((available + 1) % 2), told.length)
  return new Set([...told, ...free].slice(0, target).map((node) => node.name))
}
