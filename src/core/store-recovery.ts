// What a lost store may begin anew with (safety.md 2.1, last bullet): judged from what every node still
// knows. Refuses where evidence is short or contradicts itself; a wrong owner would lose commits.

import type { ClusterLayout } from './cluster-layout.ts'
import { dataNodesOf, votersOf } from './cluster-layout.ts'
import type { ControlRecord } from './control.ts'
import { isEpochJump } from './epoch.ts'
import type { LeaseRecord } from './lease.ts'
import type { Epoch, Incarnation, NodeName, SystemId, TimelineId, WallClockMs } from './names.ts'
import { asEpoch, nodeOf } from './names.ts'
import type { TimelineBirth, WalPosition } from './position.ts'
import { comparePositions } from './position.ts'
import type { ClusterRecord } from './store-view.ts'
import type { SyncRecord } from './sync-list.ts'
import { emptyList } from './sync-list.ts'

/** The records that decisions rest on, as somebody has last seen them. */
export type SeenRecords = {
  readonly lease: LeaseRecord | null
  readonly sync: SyncRecord | null
  readonly cluster: ClusterRecord | null
  readonly control: ControlRecord | null
}

/** What one node tells about itself when the store is lost. */
export type StoreEvidence = {
  readonly node: NodeName
  readonly systemId: SystemId | null
  readonly incarnation: Incarnation | null
  readonly promise: Epoch | null
  readonly primaryEpoch: Epoch | null
  /** Its directory was rewound or cloned and has not caught up: its position proves nothing. */
  readonly isSuspended: boolean
  /** Null: there is no data directory that could be used. */
  readonly directory: { readonly timeline: TimelineId; readonly isStandby: boolean } | null
  /** PostgreSQL runs there as a primary. */
  readonly isPrimary: boolean
  /** Null: PostgreSQL does not run. */
  readonly position: WalPosition | null
  /** Every timeline id that was seen in its directory. */
  readonly timelines: readonly TimelineId[]
  /** A majority of the store has answered this node lately, and knows who owns every commit. */
  readonly isStoreWhole: boolean
  /** A voter's own copy of the store; null when the node does not vote. */
  readonly copy: { readonly hasData: boolean; readonly raftIndex: number | null } | null
  /** In its agent's memory, and in its own copy of the store. Either may be old. */
  readonly seen: readonly SeenRecords[]
}

/** What the new store begins with. */
export type FirstRecords = {
  readonly lease: LeaseRecord
  readonly sync: SyncRecord
  readonly cluster: ClusterRecord
  readonly control: ControlRecord | null
}

export type RecoveryInput = {
  readonly layout: ClusterLayout
  readonly answers: readonly StoreEvidence[]
  /** Nodes whose data the operator gives up. */
  readonly acceptedLosses: readonly NodeName[]
  readonly nowMs: WallClockMs
}

export type RecoveryVerdict =
  | {
      readonly kind: 'possible'
      /** The voter on which the store begins anew. */
      readonly founder: NodeName
      readonly owner: NodeName
      /** Why the owner holds every acknowledged commit, or the best that is left. */
      readonly because: string
      /** What may be lost, one sentence each; empty when nothing is. */
      readonly losses: readonly string[]
      readonly records: FirstRecords
    }
  | { readonly kind: 'refused'; readonly why: string; readonly hint: string }

type Refusal = Extract<RecoveryVerdict, { kind: 'refused' }>
type Usable = StoreEvidence & {
  readonly incarnation: Incarnation
  readonly directory: NonNullable<StoreEvidence['directory']>
}

/** Whether the store can begin anew without losing an acknowledged commit, and with what. */
export function judgeStoreRecovery(input: RecoveryInput): RecoveryVerdict {
  const { layout, answers, acceptedLosses, nowMs } = input
  const seen = answers.flatMap((answer) => answer.seen)
  const obstacle = aliveStore(answers) ?? shortOf(input)
  if (obstacle !== null) return obstacle

  const systemIds = new Set(
    [
      ...answers.map((answer) => answer.systemId),
      ...seen.map(({ cluster }) => cluster?.systemId ?? null),
      ...seen.map(({ sync }) => sync?.systemId ?? null),
    ].filter((systemId) => systemId !== null),
  )
  const [systemId] = systemIds
  if (systemId === undefined) {
    return refused('no node has data of a cluster', 'a new cluster is made with: pgherd up')
  }
  if (systemIds.size > 1) {
    return refused(
      `the nodes hold data of different clusters (${[...systemIds].join(', ')})`,
      'take the foreign folder away, then run this again',
    )
  }
  const births = birthsOf(answers, seen)
  if (births === null) {
    return refused(
      'two nodes remember different epochs for one timeline',
      'the histories contradict each other: restore from a backup, or ask for help',
    )
  }
  const epoch = epochAbove(answers, seen, births)
  const promises = answers.flatMap(({ promise }) => (promise === null ? [] : [promise]))
  if (isEpochJump(Math.min(...promises), epoch)) {
    return refused(
      `a node remembers epoch ${epoch - 1}, far above the others, which no election can have reached`,
      'find out which node it is with: pgherd store recover --dry-run --json',
    )
  }

  const choice = chooseOwner(answers, seen, births, acceptedLosses)
  if (choice.kind === 'refused') return choice
  const { owner } = choice
  const timeline = owner.position?.timeline ?? owner.directory.timeline
  const founder = founderOf(layout, answers, owner.node)
  if (founder === null) return refused('no voter answers', 'start a voter: pgherd node start NAME')
  const createdAtMs = seen.find(({ cluster }) => cluster !== null)?.cluster?.createdAtMs ?? nowMs
  return {
    kind: 'possible',
    founder,
    owner: owner.node,
    because: choice.because,
    losses: choice.losses,
    records: {
      lease: {
        holder: owner.node,
        epoch,
        ttlMs: layout.plan.ttlMs,
        sequence: 0,
        state: 'released',
        systemId,
        handOverTo: owner.node,
      },
      sync: {
        systemId,
        epoch,
        owner: owner.incarnation,
        timeline,
        lists: [emptyList],
        target: emptyList,
        timelines: births,
      },
      cluster: { systemId, createdAtMs },
      control: controlOf(seen),
    },
  }
}

function refused(why: string, hint: string): Refusal {
  return { kind: 'refused', why, hint }
}

/** A store that answers and knows the cluster is not lost. */
function aliveStore(answers: readonly StoreEvidence[]): Refusal | null {
  const alive = answers.filter((answer) => answer.isStoreWhole)
  if (alive.length === 0) return null
  return refused(
    `the store is not lost: a majority of it answers ${namesOf(alive)}`,
    'see what is wrong with: pgherd status',
  )
}

/** Every node that votes or holds data must answer, and data nodes with data, or be given up. */
function shortOf({ layout, answers, acceptedLosses }: RecoveryInput): Refusal | null {
  const answering = new Map(answers.map((answer) => [answer.node, answer]))
  const dataNodes = new Set(dataNodesOf(layout).map((node) => node.name))
  const needed = [...new Set([...dataNodes, ...votersOf(layout).map((node) => node.name)])]
  const open = needed.filter((name) => !acceptedLosses.includes(name))
  const silent = open.filter((name) => !answering.has(name))
  if (silent.length > 0) {
    return refused(
      `${silent.join(' and ')} ${silent.length > 1 ? 'do' : 'does'} not answer, and may hold what the others lack`,
      `start it: pgherd node start ${silent[0]}; if it is gone for good: ${giveUp(acceptedLosses, silent)}`,
    )
  }
  const empty = open.filter((name) => {
    const answer = answering.get(name)
    return dataNodes.has(name) && answer !== undefined && !isUsable(answer)
  })
  if (empty.length === 0) return null
  return refused(
    `${empty.join(' and ')} ${empty.length > 1 ? 'have' : 'has'} no usable data directory, so what was committed there is not known`,
    `bring the folder back, or give it up: ${giveUp(acceptedLosses, empty)}`,
  )
}

/** The command that gives `more` up as well. */
function giveUp(accepted: readonly NodeName[], more: readonly NodeName[]): string {
  return `pgherd store recover --accept-loss-of ${[...accepted, ...more].join(',')}`
}

function isUsable(answer: StoreEvidence): answer is Usable {
  return answer.directory !== null && answer.incarnation !== null
}

/**
 * The epoch of every timeline id that anybody has seen, ascending; null when two records contradict. An id
 * that is in no record was reserved after the newest record that is left was read: ids and epochs grow
 * together, so it follows all that are known.
 */
function birthsOf(
  answers: readonly StoreEvidence[],
  seen: readonly SeenRecords[],
): readonly TimelineBirth[] | null {
  const known = new Map<TimelineId, Epoch>()
  for (const { sync } of seen) {
    for (const { timeline, epoch } of sync?.timelines ?? []) {
      if ((known.get(timeline) ?? epoch) !== epoch) return null
      known.set(timeline, epoch)
    }
  }
  const ids = answers.flatMap((answer) => [
    ...answer.timelines,
    ...(answer.directory === null ? [] : [answer.directory.timeline]),
    ...(answer.position === null ? [] : [answer.position.timeline]),
  ])
  let newest = Math.max(0, ...known.values())
  const newestKnownId = Math.max(0, ...known.keys())
  for (const id of [...new Set(ids)].sort((left, right) => left - right)) {
    if (known.has(id)) continue
    // Below the newest known id every id was reserved: a person has promoted there.
    if (id < newestKnownId) return null
    newest += 1
    known.set(id, asEpoch(newest))
  }
  return [...known]
    .map(([timeline, epoch]) => ({ timeline, epoch }))
    .sort((left, right) => left.timeline - right.timeline)
}

/** One more than every epoch that anybody has promised, held, or remembers. */
function epochAbove(
  answers: readonly StoreEvidence[],
  seen: readonly SeenRecords[],
  births: readonly TimelineBirth[],
): Epoch {
  const epochs = [
    ...answers.flatMap(({ promise, primaryEpoch }) => [promise ?? 0, primaryEpoch ?? 0]),
    ...seen.flatMap(({ lease, sync }) => [lease?.epoch ?? 0, sync?.epoch ?? 0]),
    ...births.map((birth) => birth.epoch),
  ]
  return asEpoch(Math.max(...epochs) + 1)
}

type Choice =
  | {
      readonly kind: 'chosen'
      readonly owner: Usable
      readonly because: string
      readonly losses: readonly string[]
    }
  | Refusal

/** Who says, or of whom it is recorded, that it held every acknowledged commit as of an epoch. */
type Claim = { readonly epoch: Epoch; readonly owner: Incarnation; readonly words: string }

function chooseOwner(
  answers: readonly StoreEvidence[],
  seen: readonly SeenRecords[],
  births: readonly TimelineBirth[],
  acceptedLosses: readonly NodeName[],
): Choice {
  const usable = answers.filter(isUsable).filter((answer) => !answer.isSuspended)
  const claims: Claim[] = [
    ...usable.flatMap(({ node, incarnation, primaryEpoch }) =>
      primaryEpoch === null
        ? []
        : [
            {
              epoch: primaryEpoch,
              owner: incarnation,
              words: `${node} was primary in epoch ${primaryEpoch}, the highest that is known`,
            },
          ],
    ),
    ...seen.flatMap(({ sync }) =>
      sync === null
        ? []
        : [
            {
              epoch: sync.epoch,
              owner: sync.owner,
              words: `the record of epoch ${sync.epoch} names ${nodeOf(sync.owner)} as its owner`,
            },
          ],
    ),
  ]
  const highest = Math.max(0, ...claims.map((claim) => claim.epoch))
  const best = claims.filter((claim) => claim.epoch === highest)
  const owners = new Set(best.map((claim) => claim.owner))
  if (owners.size > 1) {
    return refused(
      `${[...owners].map(nodeOf).join(' and ')} both claim to be primary of epoch ${highest}`,
      'they contradict each other: look at pgherd events on both before you decide for one',
    )
  }
  const [claim] = best
  const owner = usable.find((answer) => answer.incarnation === claim?.owner)
  if (claim === undefined || owner === undefined) {
    return mostAdvanced(usable, births, claim ?? null, acceptedLosses)
  }
  const ahead = usable.find((answer) => isAhead(answer, owner, births))
  if (ahead !== undefined) {
    return refused(
      `${claim.words}, but ${ahead.node} holds WAL that ${owner.node} lacks`,
      'they contradict each other: look at pgherd events on both before you decide for one',
    )
  }
  const losses = acceptedLosses
    .filter((name) => !answers.some((answer) => answer.node === name && isUsable(answer)))
    .map(
      (name) =>
        `what ${name} committed as a primary after epoch ${highest}, if it ever was one, is lost`,
    )
  return { kind: 'chosen', owner, because: claim.words, losses }
}

/** Only WAL that may have been acknowledged counts: a former primary of an older epoch may have more. */
function isAhead(answer: Usable, owner: Usable, births: readonly TimelineBirth[]): boolean {
  if (answer === owner) return false
  const timeline = answer.position?.timeline ?? answer.directory.timeline
  const ownTimeline = owner.position?.timeline ?? owner.directory.timeline
  if (timeline !== ownTimeline) return timeline > ownTimeline
  if (answer.primaryEpoch !== null || answer.position === null || owner.position === null) {
    return false
  }
  return (comparePositions(answer.position, owner.position, births) ?? 0) > 0
}

/** The one that certainly had every commit is given up: the best of the others, with what that means. */
function mostAdvanced(
  usable: readonly Usable[],
  births: readonly TimelineBirth[],
  claim: Claim | null,
  acceptedLosses: readonly NodeName[],
): Choice {
  const lost = claim === null ? null : nodeOf(claim.owner)
  if (lost !== null && !acceptedLosses.includes(lost)) {
    return refused(
      `${claim?.words ?? ''}, but its data directory of then is gone or not complete`,
      `if it is gone for good: ${giveUp(acceptedLosses, [lost])}`,
    )
  }
  if (acceptedLosses.length === 0) {
    return refused(
      'no node knows who was primary last',
      'name the nodes that are gone for good with --accept-loss-of',
    )
  }
  const blind = usable.filter((answer) => answer.position === null)
  const placed = usable.flatMap((one) => (one.position === null ? [] : [{ one, at: one.position }]))
  if (blind.length > 0 || placed.length === 0) {
    return refused(
      `how far ${namesOf(blind) || 'any node'} got is not known, because PostgreSQL does not run there`,
      'bring back the node that was primary last, or restore from a backup',
    )
  }
  const best = placed.reduce((left, right) =>
    (comparePositions(right.at, left.at, births) ?? 0) > 0 ? right : left,
  )
  const from = lost ?? acceptedLosses.join(', ')
  return {
    kind: 'chosen',
    owner: best.one,
    because: `${best.one.node} has the most of those that are left`,
    losses: [`what ${from} committed and no other node had received is lost`],
  }
}

/** The voter whose copy of the store is furthest, then the owner's node, then any that answers. */
function founderOf(
  layout: ClusterLayout,
  answers: readonly StoreEvidence[],
  owner: NodeName,
): NodeName | null {
  const voters = new Set(votersOf(layout).map((node) => node.name))
  const candidates = answers.filter((answer) => voters.has(answer.node))
  const rank = ({ node, copy }: StoreEvidence): number => {
    if (copy?.hasData === true && copy.raftIndex !== null) return 1 + copy.raftIndex
    return node === owner ? 0.5 : 0
  }
  const [best] = candidates.toSorted((left, right) => rank(right) - rank(left))
  return best?.node ?? null
}

/** A pause is kept; a switchover that nobody has carried out is not wanted any more. */
function controlOf(seen: readonly SeenRecords[]): ControlRecord | null {
  const newest = seen
    .filter(({ control }) => control !== null)
    .toSorted((left, right) => (right.lease?.epoch ?? 0) - (left.lease?.epoch ?? 0))[0]
  return newest?.control === null || newest === undefined
    ? null
    : { ...newest.control, switchover: null }
}

function namesOf(answers: readonly StoreEvidence[]): string {
  return answers.map((answer) => answer.node).join(', ')
}
