// How many connections of one PostgreSQL a balancer may use, so that clients wait or are refused by the
// balancer instead of "too many clients already".

import type { ClusterSpec } from './schema.ts'

/** PostgreSQL's own value, the same in 14 to 18. */
const maxConnectionsDefault = 100
/** Those that every node reserves for superusers, and a few for people and programs past the balancer. */
const keptFree = { superusers: 6, others: 4 } as const

/** Connections per server: max_connections less what is kept free, at least one. */
export function serverConnectionsMax(spec: ClusterSpec): number {
  const { parameters } = spec.postgres
  const reserved = countOf(parameters['reserved_connections'], 0)
  const all = countOf(parameters['max_connections'], maxConnectionsDefault)
  return Math.max(1, all - keptFree.superusers - keptFree.others - reserved)
}

/** A value that PostgreSQL will refuse counts as left out. */
function countOf(value: unknown, fallback: number): number {
  const count = Number(value ?? fallback)
  return Number.isSafeInteger(count) && count >= 0 ? count : fallback
}
