// Comparing how far nodes are. By (epoch in which the timeline was born, LSN): not by LSN alone and
// not by PostgreSQL's own timeline number (safety.md 2.3 rule 4; model flags lsnonly, tlicount).

import type { Epoch, TimelineId } from './names.ts'
import { asTimeline } from './names.ts'
import type { Lsn } from './lsn.ts'

/** The end of the WAL that a node has flushed, and the timeline of that end. */
export type WalPosition = {
  readonly timeline: TimelineId
  readonly flushLsn: Lsn
}

/** Which epoch created which timeline. Kept in the sync record, grows only. */
export type TimelineBirth = { readonly timeline: TimelineId; readonly epoch: Epoch }

/** One line of a PostgreSQL history file: `timeline` ends at `endLsn`, where its child begins. */
export type TimelineSwitch = { readonly timeline: TimelineId; readonly endLsn: Lsn }

/** The branches that lead to a server's present timeline, oldest first, the present one excluded. */
export type TimelineHistory = readonly TimelineSwitch[]

/** The epoch in which a timeline was born; undefined when nobody reserved it: then it is no evidence. */
export function birthEpochOf(
  timeline: TimelineId,
  births: readonly TimelineBirth[],
): Epoch | undefined {
  return births.find((birth) => birth.timeline === timeline)?.epoch
}

/**
 * Orders two positions: negative when `left` is behind `right`, 0 when equal, positive when ahead;
 * undefined when one lies on a timeline that nobody reserved.
 */
export function comparePositions(
  left: WalPosition,
  right: WalPosition,
  births: readonly TimelineBirth[],
): number | undefined {
  const leftEpoch = birthEpochOf(left.timeline, births)
  const rightEpoch = birthEpochOf(right.timeline, births)
  if (leftEpoch === undefined || rightEpoch === undefined) return undefined
  if (leftEpoch !== rightEpoch) return leftEpoch - rightEpoch
  return left.flushLsn - right.flushLsn
}

/** So many ids people may have taken since the record was written; each needs a file at the promotion. */
const foreignTimelinesMax = 1000

/**
 * The id for the next promotion: above every one that was reserved, and above every one seen anywhere.
 * Who promotes by hand takes an id that nobody reserved; reserved again, two branches would have it, and
 * the foreign one would count as evidence. One that is absurdly far above was not made by PostgreSQL.
 */
export function nextTimeline(
  births: readonly TimelineBirth[],
  seen: readonly TimelineId[],
): TimelineId {
  const reserved = Math.max(0, ...births.map((birth) => birth.timeline))
  const believed = seen.filter((timeline) => timeline <= reserved + foreignTimelinesMax)
  return asTimeline(Math.max(reserved, ...believed) + 1)
}

export type Kinship =
  /** The node's WAL is a prefix of the primary's: it can follow. */
  | { readonly kind: 'ancestor' }
  /** The node has WAL that the primary's history left at `forkLsn`: it must be rewound. */
  | { readonly kind: 'diverged'; readonly forkLsn: Lsn }
  /** The node's timeline is not in the primary's history at all; the common part is unknown here. */
  | { readonly kind: 'unrelated' }

/**
 * How a node's WAL relates to that of a primary on `primaryTimeline` with `history`.
 * A node on the primary's own timeline counts as ancestor: what it lacks is streamed, and it cannot
 * have more, because timelines are unique to their primary.
 */
export function kinshipOf(
  node: WalPosition,
  primaryTimeline: TimelineId,
  history: TimelineHistory,
): Kinship {
  if (node.timeline === primaryTimeline) return { kind: 'ancestor' }
  const left = history.find((entry) => entry.timeline === node.timeline)
  if (left === undefined) return { kind: 'unrelated' }
  if (node.flushLsn <= left.endLsn) return { kind: 'ancestor' }
  return { kind: 'diverged', forkLsn: left.endLsn }
}
