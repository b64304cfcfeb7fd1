// Who may be promoted without losing an acknowledged commit (safety.md 2.3 rule 3). Why it works: an
// acknowledged commit is missing on at most n - k members of a list, so any n - k + 1 sealed members
// contain one that has it, and fewer than k are left to acknowledge anything more.

import type { Durability } from './cluster-layout.ts'
import type { Incarnation, NodeName } from './names.ts'
import { nodeOf } from './names.ts'
import { isOnlyAnswer } from './one-incarnation.ts'
import type { TimelineBirth, WalPosition } from './position.ts'
import { birthEpochOf, comparePositions } from './position.ts'
import type { Protections } from './protections.ts'
import type { SyncList, SyncRecord } from './sync-list.ts'
import { isEmptyList } from './sync-list.ts'

/** What a candidate knows of one member. */
export type MemberAnswer =
  | {
      readonly kind: 'sealed'
      readonly incarnation: Incarnation
      readonly position: WalPosition
      readonly canBePrimary: boolean
    }
  /** Promised without evidence, refused, or unreachable: it counts for nothing. */
  | {
      readonly kind: 'no-evidence'
      readonly why: string
      /** Under which the node answered, when it did. */
      readonly incarnation?: Incarnation | null
    }
  | { readonly kind: 'pending' }

export type ElectionInput = {
  readonly self: Incarnation
  readonly record: SyncRecord
  /** By node, this one included. */
  readonly answers: ReadonlyMap<NodeName, MemberAnswer>
  /** Incarnations that two nodes are known to have used, whoever answers now. */
  readonly contradicted: ReadonlySet<Incarnation>
  readonly durability: Durability
  /** How many standbys a commit is to wait for when there are that many. */
  readonly wantedCount: number
  readonly protections: Protections
}

export type ElectionResult =
  | { readonly kind: 'asking' }
  | { readonly kind: 'eligible'; readonly sealed: readonly Incarnation[] }
  /** `best` has more; it gets the lease. */
  | { readonly kind: 'behind'; readonly best: NodeName }
  /** `source` has more and may not be promoted itself: the difference is streamed from it. */
  | { readonly kind: 'fetch'; readonly source: NodeName; readonly until: WalPosition }
  | { readonly kind: 'short'; readonly missing: readonly string[] }

type SealedAnswer = Extract<MemberAnswer, { kind: 'sealed' }>

/** How many sealed members a list asks for. */
export function sealsNeeded(list: SyncList, protections: Protections): number {
  return list.members.length - list.count + (protections.overlap ? 1 : 0)
}

/** Ahead by (birth epoch of the timeline, LSN); undefined when one is on an unmapped timeline. */
function compare(
  left: WalPosition,
  right: WalPosition,
  births: readonly TimelineBirth[],
  protections: Protections,
): number | undefined {
  if (!protections.lineage) return left.flushLsn - right.flushLsn
  if (!protections['unique-timelines']) {
    return left.timeline - right.timeline || left.flushLsn - right.flushLsn
  }
  return comparePositions(left, right, births)
}

function isListProved(
  list: SyncList,
  self: Incarnation,
  sealed: readonly SealedAnswer[],
  protections: Protections,
): boolean {
  if (isEmptyList(list)) return !protections['empty-list-proves-nothing']
  if (list.count < 1 || list.count > list.members.length) return false
  let count = sealed.filter((answer) => list.members.includes(answer.incarnation)).length
  if (!protections['candidate-in-list'] && !list.members.includes(self)) count += 1
  return count >= sealsNeeded(list, protections)
}

/** The sealed member that is furthest, when that is not the candidate. */
function betterThan(
  own: WalPosition,
  others: readonly SealedAnswer[],
  births: readonly TimelineBirth[],
  protections: Protections,
): SealedAnswer | undefined {
  let best: SealedAnswer | undefined
  for (const answer of others) {
    const reference = best?.position ?? own
    if ((compare(answer.position, reference, births, protections) ?? 0) > 0) best = answer
  }
  return best
}

/** Whether a position is on a timeline that somebody reserved. Otherwise it is no evidence. */
function isMapped(answer: SealedAnswer, births: readonly TimelineBirth[]): boolean {
  return birthEpochOf(answer.position.timeline, births) !== undefined
}

/**
 * Judges the answers so far. The record's owner needs no evidence: it holds every acknowledged commit
 * as long as nobody else has written the record.
 */
export function judgeElection(input: ElectionInput): ElectionResult {
  const { self, record, answers, durability, protections } = input
  const all = [...answers.values()]
  const isPending = all.some((answer) => answer.kind === 'pending')
  const sealed = believedAnswers(input).filter(
    (answer) => !protections['unique-timelines'] || isMapped(answer, record.timelines),
  )
  const own = sealed.find((answer) => answer.incarnation === self)
  if (own === undefined) {
    return isPending ? { kind: 'asking' } : { kind: 'short', missing: ['this node itself'] }
  }
  // Its new list is made of those that answered, and an empty one would tie the cluster to this node.
  const isListShort = sealed.length - 1 < input.wantedCount && durability !== 'async'
  if (record.owner === self) {
    // It needs no evidence, as long as nobody else has written the record.
    if (isPending && isListShort) return { kind: 'asking' }
    return { kind: 'eligible', sealed: sealed.map((answer) => answer.incarnation) }
  }

  if (durability === 'async') {
    if (isPending) return { kind: 'asking' }
  } else {
    const unproved = record.lists.filter((list) => !isListProved(list, self, sealed, protections))
    if (unproved.length > 0) {
      if (isPending) return { kind: 'asking' }
      return { kind: 'short', missing: missingFor(unproved, answers, input.contradicted) }
    }
  }
  const better = betterThan(own.position, sealed, record.timelines, protections)
  if (better === undefined) {
    if (isListShort && isStandbyPending(record, answers)) return { kind: 'asking' }
    return { kind: 'eligible', sealed: sealed.map((answer) => answer.incarnation) }
  }
  if (better.canBePrimary) return { kind: 'behind', best: nodeOf(better.incarnation) }
  return { kind: 'fetch', source: nodeOf(better.incarnation), until: better.position }
}

/** The sealed members, without those under whose incarnation two nodes answered, or the wrong one. */
function believedAnswers(input: ElectionInput): readonly SealedAnswer[] {
  const { answers, contradicted, protections } = input
  const told = [...answers.values()].filter((answer) => answer.kind !== 'pending')
  return [...answers].flatMap(([name, answer]) => {
    if (answer.kind !== 'sealed') return []
    const isBelieved =
      !protections['one-incarnation'] ||
      (isOnlyAnswer(name, answer.incarnation, told) && !contradicted.has(answer.incarnation))
    return isBelieved ? [answer] : []
  })
}

/** Whether an answer is to come from another node than the former primary, which is probably dead. */
function isStandbyPending(record: SyncRecord, answers: ElectionInput['answers']): boolean {
  const owner = nodeOf(record.owner)
  return [...answers].some(([name, answer]) => answer.kind === 'pending' && name !== owner)
}

/** The nodes that answered under an incarnation. */
function usersOf(member: Incarnation, answers: ElectionInput['answers']): readonly NodeName[] {
  return [...answers]
    .filter(([, answer]) => answer.kind !== 'pending' && answer.incarnation === member)
    .map(([name]) => name)
}

/** Sentences about the members whose answers would have proved the lists. */
function missingFor(
  lists: readonly SyncList[],
  answers: ReadonlyMap<NodeName, MemberAnswer>,
  contradicted: ReadonlySet<Incarnation>,
): readonly string[] {
  const missing = new Set<string>()
  for (const list of lists) {
    if (isEmptyList(list)) missing.add('the list is empty: only the owner holds every commit')
    for (const member of list.members) {
      const answer = answers.get(nodeOf(member))
      if (answer === undefined) missing.add(`${member} is not part of the cluster any more`)
      else if (answer.kind === 'no-evidence') missing.add(`${member}: ${answer.why}`)
      else if (answer.kind === 'sealed' && answer.incarnation !== member) {
        missing.add(`${member} was replaced by ${answer.incarnation}`)
      } else if (contradicted.has(member)) {
        missing.add(`${member} was used by another node too`)
      } else if (usersOf(member, answers).length > 1) {
        missing.add(`${member} is used by ${usersOf(member, answers).join(' and ')}`)
      }
    }
  }
  return [...missing]
}
