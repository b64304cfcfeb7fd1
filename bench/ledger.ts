// The judgement of a run: what clients were told against what the cluster holds afterwards. It knows
// nothing of PostgreSQL; writers.ts makes the attempts and reads the rows.

import type { Acknowledgement, Attempt } from './attempt.ts'
import { acknowledgementsOf } from './attempt.ts'

/** A row as it is found in the end. */
export type LedgerRow = {
  readonly client: number
  readonly sequence: number
  readonly server: string
  readonly timeline: number
}

/** Two servers that acknowledged under one timeline, which belongs to one epoch. */
export type SharedTimeline = {
  readonly timeline: number
  readonly servers: readonly string[]
}

export type LedgerVerdict = {
  readonly acknowledged: number
  readonly failed: number
  readonly unknown: number
  /** Unknown ones that are there: allowed, and worth a number. */
  readonly unknownPresent: number
  /** Acknowledged and not there: a lost commit. */
  readonly missing: readonly Acknowledgement[]
  /** The server said that they failed, and they are there. */
  readonly failedPresent: readonly Attempt[]
  /** Rows that are there more than once. */
  readonly repeated: readonly LedgerRow[]
  /** Rows that nobody wrote. */
  readonly strangers: readonly LedgerRow[]
  /** Rows that were written by another server or timeline than the one that acknowledged them. */
  readonly altered: readonly LedgerRow[]
  readonly sharedTimelines: readonly SharedTimeline[]
  /** Sent and acknowledged under a timeline after a later one had begun to acknowledge. */
  readonly stale: readonly Acknowledgement[]
  readonly isSound: boolean
}

const keyOf = (entry: { readonly client: number; readonly sequence: number }): string =>
  `${entry.client} ${entry.sequence}`

/**
 * Holds the attempts of all clients against the rows of the cluster.
 * @param attempts complete: no client writes any more
 * @param rows everything in the table that the clients wrote to, read from the primary afterwards
 */
export function judgeLedger(
  attempts: readonly Attempt[],
  rows: readonly LedgerRow[],
): LedgerVerdict {
  const present = new Map<string, LedgerRow>()
  const repeated: LedgerRow[] = []
  for (const row of rows) {
    if (present.has(keyOf(row))) repeated.push(row)
    present.set(keyOf(row), row)
  }
  const known = new Set(attempts.map(keyOf))
  const acknowledged = acknowledgementsOf(attempts)
  const failed = attempts.filter((attempt) => attempt.outcome === 'failed')
  const unknown = attempts.filter((attempt) => attempt.outcome === 'unknown')
  const isPresent = (attempt: Attempt): boolean => present.has(keyOf(attempt))

  const missing = acknowledged.filter((attempt) => !isPresent(attempt))
  const failedPresent = failed.filter(isPresent)
  const strangers = rows.filter((row) => !known.has(keyOf(row)))
  const altered = acknowledged.flatMap(({ client, sequence, reign }) => {
    const row = present.get(keyOf({ client, sequence }))
    if (row === undefined) return []
    return row.server === reign.server && row.timeline === reign.timeline ? [] : [row]
  })
  const sharedTimelines = findSharedTimelines(acknowledged)
  const stale = findStale(acknowledged)
  const problems = [missing, failedPresent, repeated, strangers, altered, sharedTimelines, stale]
  return {
    acknowledged: acknowledged.length,
    failed: failed.length,
    unknown: unknown.length,
    unknownPresent: unknown.filter(isPresent).length,
    missing,
    failedPresent,
    repeated,
    strangers,
    altered,
    sharedTimelines,
    stale,
    isSound: problems.every((found) => found.length === 0),
  }
}

function findSharedTimelines(acknowledged: readonly Acknowledgement[]): readonly SharedTimeline[] {
  const servers = new Map<number, Set<string>>()
  for (const { reign } of acknowledged) {
    const known = servers.get(reign.timeline) ?? new Set()
    servers.set(reign.timeline, known.add(reign.server))
  }
  return [...servers]
    .filter(([, members]) => members.size > 1)
    .map(([timeline, members]) => ({ timeline, servers: [...members].sort() }))
}

/**
 * An answer that was on its way when a later timeline opened is no fault (I1); one that was only asked
 * for afterwards is.
 */
function findStale(acknowledged: readonly Acknowledgement[]): readonly Acknowledgement[] {
  const beganAtMs = new Map<number, number>()
  for (const { reign, endedAtMs } of acknowledged) {
    beganAtMs.set(reign.timeline, Math.min(beganAtMs.get(reign.timeline) ?? Infinity, endedAtMs))
  }
  const births = [...beganAtMs]
  return acknowledged.filter(({ reign, sentAtMs }) =>
    births.some(([timeline, bornAtMs]) => timeline > reign.timeline && sentAtMs > bornAtMs),
  )
}

/** What is wrong, one sentence each; empty when the ledger is sound. */
export function describeFaults(verdict: LedgerVerdict): readonly string[] {
  const say = (count: number, what: string): string[] => (count === 0 ? [] : [`${count} ${what}`])
  return [
    ...say(verdict.missing.length, 'commits were acknowledged and are missing'),
    ...say(verdict.failedPresent.length, 'writes were reported as failed and are there'),
    ...say(verdict.repeated.length, 'rows are there more than once'),
    ...say(verdict.strangers.length, 'rows are there that nobody wrote'),
    ...say(verdict.altered.length, 'rows differ from what was acknowledged'),
    ...verdict.sharedTimelines.map(
      ({ timeline, servers }) =>
        `servers ${servers.join(' and ')} acknowledged in timeline ${timeline}`,
    ),
    ...say(verdict.stale.length, 'writes were taken by a former primary after a later one opened'),
  ]
}
