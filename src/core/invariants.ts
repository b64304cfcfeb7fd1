// The invariants of safety.md part 3 as functions over plain data: null when they hold, otherwise what
// is wrong, with the numbers. The simulator's checkers, the tests and the running agent use these same
// functions.

import type { LeaseRecord } from './lease.ts'
import type { Epoch, NodeName, TimelineId } from './names.ts'
import type { TimelineBirth } from './position.ts'
import type { SyncList } from './sync-list.ts'
import { describeList, hasList, isEmptyList } from './sync-list.ts'

export type InvariantId =
  'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'I11'

export type Violation = {
  /** `bug`: the program itself broke (a failed assertion, an error nobody expects). */
  readonly invariant: InvariantId | 'bug'
  /** One sentence for people. */
  readonly message: string
  readonly operands: Readonly<Record<string, unknown>>
}

/** What a client was told, or could see, about one commit. */
export type PromisedCommit = {
  readonly id: number
  /** Epoch of the primary that acknowledged it, or let clients in who saw it. */
  readonly promisedIn: Epoch
  readonly how: 'acknowledged' | 'visible'
}

/** A primary of `epoch` that has opened, and whether the WAL with which it opened has the commit. */
export type Opening = {
  readonly node: NodeName
  readonly epoch: Epoch
  readonly hasCommit: boolean
}

/**
 * I1 and I3: a commit promised in one epoch is in the WAL with which every primary of a later epoch
 * opened. A promise that is given after that opening is about a commit which that primary has.
 */
export function checkPromiseHeld(
  commit: PromisedCommit,
  opening: Opening,
  order: 'promised-first' | 'opened-first',
): Violation | null {
  if (opening.epoch <= commit.promisedIn || opening.hasCommit) return null
  const told = commit.how === 'acknowledged' ? 'acknowledged' : 'visible to clients'
  return {
    invariant: order === 'promised-first' ? 'I3' : 'I1',
    message:
      order === 'promised-first'
        ? `commit ${String(commit.id)}, ${told} in epoch ${String(commit.promisedIn)}, is missing on ${opening.node}, which opened in epoch ${String(opening.epoch)}`
        : `commit ${String(commit.id)} became ${told} in epoch ${String(commit.promisedIn)} after ${opening.node} had opened in epoch ${String(opening.epoch)} without it`,
    operands: { commit, opening },
  }
}

/** I2: clients are routed only to the holder of a valid lease in state `serving`. */
export function checkRouting(node: NodeName, lease: LeaseRecord | null): Violation | null {
  if (lease?.holder === node && lease.state === 'serving') return null
  return {
    invariant: 'I2',
    message: `${node} says that it is the open primary, but ${describeLease(lease)}`,
    operands: { node, lease },
  }
}

/** I4: epochs only grow, and an epoch has one holder. */
export function checkEpochGrows(
  before: LeaseRecord | null,
  after: LeaseRecord | null,
): Violation | null {
  if (before === null || after === null) return null
  const isGrowing = after.epoch > before.epoch
  const isSame = after.epoch === before.epoch && after.holder === before.holder
  if (isGrowing || (isSame && (before.state !== 'released' || after.state === 'released')))
    return null
  return {
    invariant: 'I4',
    message: `the lease went from epoch ${String(before.epoch)} of ${before.holder} (${before.state}) to epoch ${String(after.epoch)} of ${after.holder} (${after.state})`,
    operands: { before, after },
  }
}

/** I4: a promise only grows. */
export function checkPromiseGrows(
  node: NodeName,
  before: Epoch | null,
  after: Epoch | null,
): Violation | null {
  if (before === null || (after !== null && after >= before)) return null
  return {
    invariant: 'I4',
    message: `the promise of ${node} went from epoch ${String(before)} to ${String(after)}`,
    operands: { node, before, after },
  }
}

/** I4: a timeline id belongs to one epoch, and what was reserved stays so. */
export function checkTimelineBirths(
  before: readonly TimelineBirth[],
  after: readonly TimelineBirth[],
): Violation | null {
  const epochs = new Map<TimelineId, Epoch>()
  for (const birth of after) {
    const known = epochs.get(birth.timeline)
    if (known !== undefined && known !== birth.epoch) return reusedTimeline(birth, known)
    epochs.set(birth.timeline, birth.epoch)
  }
  for (const birth of before) {
    const now = epochs.get(birth.timeline)
    if (now !== birth.epoch) return reusedTimeline(birth, now)
  }
  return null
}

function reusedTimeline(birth: TimelineBirth, other: Epoch | undefined): Violation {
  return {
    invariant: 'I4',
    message: `timeline ${String(birth.timeline)} was born in epoch ${String(birth.epoch)} and in ${String(other)}`,
    operands: { birth, other },
  }
}

/** I5: a server takes writes only while its node holds the lease under the server's epoch. */
export function checkWriting(
  node: NodeName,
  epoch: Epoch,
  lease: LeaseRecord | null,
): Violation | null {
  const isHeld = lease?.holder === node && lease.epoch === epoch && lease.state !== 'released'
  if (isHeld) return null
  return {
    invariant: 'I5',
    message: `${node} takes writes of clients in epoch ${String(epoch)}, but ${describeLease(lease)}`,
    operands: { node, epoch, lease },
  }
}

/** I6: every list that some process of the owner's server uses is recorded, or the empty list is. */
export function checkListsRecorded(
  node: NodeName,
  used: readonly SyncList[],
  recorded: readonly SyncList[],
): Violation | null {
  if (recorded.some(isEmptyList)) return null
  const missing = used.find((list) => !hasList(recorded, list))
  if (missing === undefined) return null
  return {
    invariant: 'I6',
    message: `a process of ${node} uses ${describeList(missing)}, and the record holds ${recorded.map(describeList).join(' and ')}`,
    operands: { node, used, recorded },
  }
}

/** I7: who promised an epoch, by seal or by following, has nothing to do with a primary below it. */
export function checkPromiseKept(
  node: NodeName,
  deed: 'acknowledged to' | 'streams from' | 'is rewound to' | 'is cloned from',
  promise: Epoch | null,
  upstreamEpoch: Epoch,
): Violation | null {
  if (promise === null || upstreamEpoch >= promise) return null
  return {
    invariant: 'I7',
    message: `${node} promised epoch ${String(promise)} and ${deed} a primary of epoch ${String(upstreamEpoch)}`,
    operands: { node, promise, upstreamEpoch },
  }
}

/** I7: before a node has anything to do with a primary of an epoch, it has promised that epoch. */
export function checkPromiseMade(
  node: NodeName,
  promise: Epoch | null,
  upstreamEpoch: Epoch,
): Violation | null {
  if (promise !== null && promise >= upstreamEpoch) return null
  return {
    invariant: 'I7',
    message: `${node} follows a primary of epoch ${String(upstreamEpoch)} and has promised ${promise === null ? 'nothing' : `only epoch ${String(promise)}`}`,
    operands: { node, promise, upstreamEpoch },
  }
}

function describeLease(lease: LeaseRecord | null): string {
  if (lease === null) return 'there is no lease'
  return `the lease is ${lease.holder}'s in epoch ${String(lease.epoch)}, ${lease.state}`
}
