// How many connections of one PostgreSQL a balancer may use, so that clients wait or are refused by the
// balancer instead of "too many clients already". Walsenders have places of their own (max_wal_senders).

import type { ClusterSpec } from './schema.ts'

/** PostgreSQL's own value, the same in 14 to 18. */
const maxConnectionsDefault = 100

const keptFree = {
  /** What every node reserves for superusers. */
  superusers: 6,
  /**
   * Of pgherd on the primary: two sessions of the agent, the probe of commits, two while a setting is
   * loaded, and the probe of the gate. PostgreSQL counts them beside the reserve.
   */
  agent: 6,
  /** A visit, or a rewind, of each other data node. */
  otherDataNode: 1,
  /** People and programs past the balancers. */
  others: 4,
} as const

/** Reads that lead to the primary get this part of what a balancer may open there. */
const fallbackPart = 8
/** One connection for writes and one for reads. */
const shareMin = 2

/** Connections that one balancer may open to one PostgreSQL. */
export type ServerConnections = {
  /** Writes to the primary. */
  readonly writeMax: number
  /** Reads from a standby. */
  readonly readMax: number
  /** Reads from the primary, when no standby is fit for them. */
  readonly fallbackMax: number
}

/**
 * What each balancer may open. All that lead clients to one primary stay together below max_connections
 * less what is kept free, for writes and the reads that fall back are added up; unless that is too little
 * for all of them (`maxConnectionsMin`).
 */
export function serverConnections(spec: ClusterSpec): ServerConnections {
  const free = maxConnectionsOf(spec) - keptFreeCount(spec)
  const readMax = Math.max(shareMin, Math.floor(free / leadingCount(spec)))
  const fallbackMax = Math.max(1, Math.floor(readMax / fallbackPart))
  return { writeMax: readMax - fallbackMax, readMax, fallbackMax }
}

/** The smallest max_connections that has something for every balancer. */
export function maxConnectionsMin(spec: ClusterSpec): number {
  return keptFreeCount(spec) + shareMin * leadingCount(spec)
}

/** What PostgreSQL takes altogether. */
export function maxConnectionsOf({ postgres }: ClusterSpec): number {
  return countOf(postgres.parameters['max_connections'], maxConnectionsDefault)
}

function keptFreeCount({ postgres, nodes }: ClusterSpec): number {
  const dataNodeCount = nodes.filter(({ role }) => role === 'data').length
  return (
    keptFree.superusers +
    countOf(postgres.parameters['reserved_connections'], 0) +
    keptFree.agent +
    keptFree.otherDataNode * Math.max(0, dataNodeCount - 1) +
    keptFree.others
  )
}

/**
 * How many balancers lead clients to one primary at a time: of those that share an address, one. A part for
 * each of them would leave the parts of the others idle for ever, for the sake of the moment at which the
 * address moves.
 */
function leadingCount({ nodes, balancer }: ClusterSpec): number {
  if (balancer.vip !== null) return 1
  return Math.max(1, nodes.filter(({ role }) => role === 'balancer').length)
}

/** A value that PostgreSQL will refuse counts as left out. */
function countOf(value: unknown, fallback: number): number {
  const count = Number(value ?? fallback)
  return Number.isSafeInteger(count) && count >= 0 ? count : fallback
}
