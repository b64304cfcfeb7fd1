// Actions from the lease to an open primary: ask for seals, record the election, promote, prove, open.

import type { ActionOf } from '../../core/action.ts'
import type { MemberAnswer } from '../../core/candidate.ts'
import { contradictedIn } from '../../core/one-incarnation.ts'
import { judgeElection } from '../../core/candidate.ts'
import { dataNodesOf } from '../../core/cluster-layout.ts'
import type { Facts } from '../../core/facts.ts'
import type { Decision } from '../../core/decision.ts'
import { renderLsn } from '../../core/lsn.ts'
import type { Incarnation, NodeName, TimelineId } from '../../core/names.ts'
import { asTimeline } from '../../core/names.ts'
import { comparePositions, nextTimeline } from '../../core/position.ts'
import type { SyncList, SyncRecord } from '../../core/sync-list.ts'
import {
  describeList,
  isEmptyList,
  isSameList,
  renderSyncSetting,
  withList,
} from '../../core/sync-list.ts'
import { electedList } from '../../core/sync-plan.ts'
import { messageOf } from '../../lib/errors.ts'
import type { SealAnswer, SealRequest } from '../../ports/peers.ts'
import type { ListChange } from '../list-change.ts'
import type { Node } from '../node.ts'
import { configure, count, dataOf, factsOf, upstreamTo } from '../node.ts'
import { observe } from '../observe.ts'
import { seal } from '../sealing.ts'
import { releaseLease, releaseOperands } from './lease.ts'
import { keepSlots } from './serving.ts'
import { backOff, fail } from './start.ts'

/** Longest time a promotion may take before the node gives up; replay backlog is the only long part. */
const promoteMsMax = 60_000
/** Pause between two looks while WAL is fetched. */
const pollMs = 10
/** Pause between two knocks at the gate; the postmaster reads its files in a millisecond or two. */
const gatePollMs = 3

/** Asks every data node, this one included, to seal for the epoch. Answers wake the loop. */
export function askSeals(node: Node, action: ActionOf<'ask-seals'>): void {
  const { memory, layout, self, ports } = node
  const answers = new Map<NodeName, MemberAnswer>(
    dataNodesOf(layout).map((peer) => [peer.name, { kind: 'pending' }]),
  )
  const tookMs = new Map<NodeName, number>()
  memory.election = { epoch: action.epoch, answers, tookMs }
  const askedAtMs = ports.clock.monotonicMs()
  const request: SealRequest = {
    systemId: action.systemId,
    epoch: action.epoch,
    candidate: self.name,
  }
  for (const peer of dataNodesOf(layout)) {
    const asked =
      peer.name === self.name
        ? sealSelf(node, request)
        : ports.peers.seal(peer.name, request, layout.plan.sealTimeoutMs)
    void asked.then(
      (answer) => {
        tookMs.set(peer.name, Math.round(ports.clock.monotonicMs() - askedAtMs))
        noteAnswer(node, answers, peer.name, answer)
      },
      (error: unknown) => {
        answers.set(peer.name, { kind: 'no-evidence', why: messageOf(error) })
        node.waker.notify()
      },
    )
  }
}

/**
 * A candidate whose own disk hangs must not keep the lease from the others.
 * @throws Error when it takes too long
 */
async function sealSelf(node: Node, request: SealRequest): Promise<SealAnswer> {
  const { clock } = node.ports
  const timeoutMs = node.layout.plan.sealTimeoutMs * 2
  const waiting = new AbortController()
  const overdue = clock.sleep(timeoutMs, waiting.signal).then((): never => {
    throw new Error(`it could not seal itself within ${String(timeoutMs)} ms`)
  })
  try {
    return await Promise.race([seal(node, request), overdue])
  } finally {
    waiting.abort()
  }
}

function noteAnswer(
  node: Node,
  answers: Map<NodeName, MemberAnswer>,
  peer: NodeName,
  answer: SealAnswer,
): void {
  const { why, incarnation = null } =
    answer.kind === 'promised' ? answer : { why: answer.kind === 'refused' ? answer.why : '' }
  answers.set(peer, answer.kind === 'sealed' ? answer : { kind: 'no-evidence', why, incarnation })
  node.waker.notify()
}

/**
 * Streams what a sealed member has more, while it stays sealed (safety.md 2.3 rule 5). It is a cascade
 * under a name that is in no list; this node is sealed again, anew, before it is judged again.
 */
export async function fetchWal(
  node: Node,
  action: ActionOf<'fetch-wal'>,
  decision: Decision,
): Promise<void> {
  const { memory, ports, leaseHold, layout, self } = node
  const { clock } = ports
  const untilMs = clock.monotonicMs() + layout.plan.ttlMs * 4
  const direct = upstreamTo(node, action.source)
  const upstream = { ...direct, applicationName: `${direct.applicationName}-fetch` as Incarnation }
  await node.lock.run(async () => {
    const isStillOurs = ports.localState.get().promise === leaseHold.tenure()?.epoch
    if (!isStillOurs || !leaseHold.isHeld()) return
    await configure(node, { upstream, sync: { kind: 'nobody' }, gate: 'closed' })
    while (clock.monotonicMs() < untilMs && leaseHold.isHeld()) {
      await observe(node)
      const { server } = memory
      if (server.kind === 'standby' && server.position.flushLsn >= action.until.flushLsn) break
      await clock.sleep(pollMs)
    }
  })
  const epoch = leaseHold.tenure()?.epoch
  const systemId = node.mirror.view()?.sync?.value.systemId
  const answers = memory.election?.answers
  if (epoch === undefined || systemId === undefined || answers === undefined) return
  const answer = await seal(node, { systemId, epoch, candidate: self.name })
  noteAnswer(node, answers, self.name, answer)
  const births = node.mirror.view()?.sync?.value.timelines ?? []
  const isFetched =
    answer.kind === 'sealed' && (comparePositions(answer.position, action.until, births) ?? -1) >= 0
  if (isFetched) return
  // Another branch than the source's, or no way to it: others get their turn, the owner above all.
  await releaseLease(node, { kind: 'release-lease', handOverTo: null }, decision)
  backOff(node)
}

/** Point of no return (safety.md 2.3 rule 7a): owner, reserved timeline id, own list added to all. */
export async function recordElection(
  node: Node,
  action: ActionOf<'record-election'>,
  decision: Decision,
): Promise<void> {
  const { leaseHold, mirror, memory, chronicle, self, protections } = node
  const facts = factsOf(node)
  const record = mirror.view()?.sync ?? null
  const { incarnation } = facts.local
  if (record === null || incarnation === null || memory.election === null) return
  const verdict = judgeElection({
    self: incarnation,
    record: record.value,
    answers: memory.election.answers,
    contradicted: contradictedIn(facts.store),
    durability: facts.layout.durability,
    wantedCount: facts.layout.syncStandbys,
    protections,
  })
  if (verdict.kind !== 'eligible') return
  const old = record.value
  const known = [...old.lists.flatMap((list) => list.members), old.owner]
  const own = electedList(
    facts.layout.durability,
    facts.layout.syncStandbys,
    incarnation,
    verdict.sealed,
    known,
  )
  const timeline = nextTimeline(old.timelines, timelinesSeen(facts))
  const value: SyncRecord = {
    systemId: old.systemId,
    epoch: action.epoch,
    owner: incarnation,
    timeline,
    lists: listsAfterElection(node, old, own),
    target: own,
    timelines: [...old.timelines, { timeline, epoch: action.epoch }],
  }
  const operands = releaseOperands(node)
  // What comes next needs a closed gate; whoever loses here opens it again when it follows.
  const [outcome] = await Promise.all([
    leaseHold.write({ sync: { expected: record.revision, value } }),
    // The promotion tries again, and says why when it cannot.
    node.lock.run(() => shutReadersOut(node)).catch(() => undefined),
  ])
  if (outcome !== 'done') return
  chronicle.say({
    kind: 'elected',
    epoch: action.epoch,
    ruleId: decision.rule.id,
    message: `${self.name} is elected: ${decision.rule.why}`,
    operands: { ...operands, newList: own, timeline },
  })
}

function listsAfterElection(node: Node, old: SyncRecord, own: SyncList): readonly SyncList[] {
  const { protections } = node
  if (!protections['joint-election']) return [own]
  if (!protections['keep-all-lists']) return withList([old.target], own)
  return withList(old.lists, own)
}

/**
 * Every timeline id that this node can see in use: its own, those of the answers, and those of the reports
 * and the histories in them. A person may have promoted any of these servers (safety.md 2.3 rule 4).
 */
function timelinesSeen({ server, election, store, directory }: Facts): readonly TimelineId[] {
  const seen: TimelineId[] = []
  if (server.kind === 'primary' || server.kind === 'standby') seen.push(server.position.timeline)
  if (directory?.kind === 'present') seen.push(directory.timeline)
  for (const answer of election?.answers.values() ?? []) {
    if (answer.kind === 'sealed') seen.push(answer.position.timeline)
  }
  for (const { value } of store?.reports.values() ?? []) {
    if (value.position !== null) seen.push(value.position.timeline)
    for (const { timeline } of value.history ?? []) seen.push(timeline)
  }
  return seen
}

/** Rule 7 b and c: PostgreSQL gets the list, then it is promoted, then the id it got is verified. */
export async function promote(
  node: Node,
  action: ActionOf<'promote'>,
  decision: Decision,
): Promise<void> {
  const { memory, ports, leaseHold } = node
  const { postgres } = dataOf(node)
  memory.stage = { state: 'promoting', detail: null }
  if (node.protections['sealed-resume'] && !isDetached(node)) {
    // Elected by a former agent of this node: whether it still has an upstream is not known.
    const { systemId } = action.record
    await seal(node, { systemId, epoch: action.epoch, candidate: node.self.name })
    return
  }
  const startedAtMs = ports.clock.monotonicMs()
  const got = await node.lock.run(async (): Promise<TimelineId | null> => {
    if (!leaseHold.isHeld() || ports.localState.get().promise !== action.epoch) return null
    if (memory.server.kind !== 'standby') return null
    if (node.protections['sealed-resume'] && !isDetached(node)) return null
    // When it goes on failing, another node gets its turn.
    memory.promotionFailsSinceMs ??= startedAtMs
    await configure(node, {
      upstream: null,
      sync: { kind: 'list', list: action.record.target },
      gate: 'closed',
    })
    // Independent of each other, and a failover waits for all of them.
    const [, isArmed] = await Promise.all([
      shutReadersOut(node),
      leaseHold.arm(),
      ports.localState.save({ primaryEpoch: action.epoch }),
    ])
    if (!memory.isShut || !isArmed) return null
    memory.promotionFailsSinceMs = null
    memory.promotion = { epoch: action.epoch, ruleId: decision.rule.id, sinceMs: startedAtMs }
    memory.startedBy = 'promotion'
    memory.inspectedAtMs = null
    memory.isListFresh = true
    memory.gateLsn = node.protections['first-record'] ? null : memory.server.position.flushLsn
    const wanted = node.protections['unique-timelines'] ? action.record.timeline : asTimeline(0)
    return postgres.promote(wanted, promoteMsMax)
  })
  if (got === null) return
  if (got !== action.record.timeline && node.protections['unique-timelines']) {
    await node.lock.run(() => postgres.stop('immediate', promoteMsMax))
    fail(
      node,
      `PostgreSQL took timeline ${String(got)} instead of ${String(action.record.timeline)}`,
    )
    return
  }
  tellPromotion(node, got)
  const [history] = await Promise.all([postgres.history(got), observe(node)])
  memory.history = history
  node.reportWaker.notify()
  memory.slotsKeptAtMs = null
  await keepSlots(node)
}

/** A server can be promoted although the answer was lost: whoever sees it first tells, and once. */
function tellPromotion(node: Node, timeline: TimelineId): void {
  const { memory, ports, chronicle, self } = node
  const { promotion } = memory
  if (promotion === null) return
  memory.promotion = null
  count(node, 'promotions')
  chronicle.say({
    kind: 'promoted',
    epoch: promotion.epoch,
    ruleId: promotion.ruleId,
    message: `${self.name} was promoted to timeline ${String(timeline)}.`,
    operands: { tookMs: ports.clock.monotonicMs() - promotion.sinceMs, timeline },
  })
}

/**
 * Clients may have been reading here. The gate counts only when the postmaster has read that it is
 * closed, and sessions from before would live on into the new primary, where they can write (2.5).
 * `memory.isShut` tells whether it was done in time.
 */
async function shutReadersOut(node: Node): Promise<void> {
  const { memory, layout, ports, protections } = node
  const { postgres } = dataOf(node)
  const { clock } = ports
  const { ttlMs } = layout.plan
  memory.isShut ||= !protections['readers-shut-out']
  if (memory.isShut || memory.server.kind !== 'standby' || !isDetached(node)) return
  if (memory.config?.gate !== 'closed') {
    await configure(node, { upstream: null, sync: { kind: 'nobody' }, gate: 'closed' })
  }
  const untilMs = clock.monotonicMs() + ttlMs
  while ((await postgres.reloadedGate(ttlMs)) !== 'closed') {
    if (clock.monotonicMs() >= untilMs) return
    await clock.sleep(gatePollMs)
  }
  await postgres.terminateClients(ttlMs)
  memory.isShut = true
}

/** Whether this standby surely receives nothing and will not begin to. */
function isDetached(node: Node): boolean {
  const { server, config } = node.memory
  return server.kind === 'standby' && config?.upstream === null && !server.isReceiving
}

/** Rule 7d: brings PostgreSQL to the record's target and looks how far its members have flushed. */
export async function proveList(
  node: Node,
  action: ActionOf<'prove-list'>,
  listChange: ListChange,
): Promise<boolean> {
  const { memory, leaseHold, protections, layout } = node
  const { server } = memory
  if (server.kind !== 'primary') return false
  tellPromotion(node, server.position.timeline)
  // A former agent may have promoted this server and died before it did these.
  memory.history ??= await dataOf(node).postgres.history(server.position.timeline)
  await keepSlots(node)
  if (await node.lock.run(() => listChange.advanceBeforeOpening(factsOf(node)))) {
    memory.gateLsn = null
    return true
  }
  const { target } = action.record
  const sync = { kind: 'list', list: target } as const
  if (memory.config === null || server.syncSettingText !== renderSyncSetting(sync)) {
    await node.lock.run(() => configure(node, { upstream: null, sync, gate: 'closed' }))
  }
  if (memory.gateLsn === null) {
    memory.startedBy ??= 'restart'
    memory.gateLsn = await dataOf(node).postgres.markWal(layout.plan.ttlMs)
  }
  if (!protections['flush-before-narrow-elected'] && action.record.lists.length > 1) {
    const record = node.mirror.view()?.sync
    if (record !== undefined && record !== null) {
      await leaseHold.write({
        sync: { expected: record.revision, value: { ...record.value, lists: [target] } },
      })
    }
  }
  return false
}

/** The record holds the target alone, the lease says serving, and only then clients get in. */
export async function open(
  node: Node,
  action: ActionOf<'open'>,
  decision: Decision,
): Promise<void> {
  const { leaseHold, mirror, memory, chronicle, self, layout } = node
  const record = mirror.view()?.sync ?? null
  if (record === null || !isSameList(record.value.target, action.record.target)) return
  if (record.value.lists.length > 1 && !memory.isListFresh) {
    // A change that began with an unknown outcome has begun after all: not every process uses its list.
    memory.gateLsn = null
    return
  }
  const { target } = record.value
  const outcome = await leaseHold.write({
    state: 'serving',
    sync: {
      expected: record.revision,
      value: { ...record.value, epoch: action.epoch, lists: [target] },
    },
  })
  if (outcome !== 'done') return
  await node.lock.run(async () => {
    if (!leaseHold.isHeld()) return
    await configure(node, { upstream: null, sync: { kind: 'list', list: target }, gate: 'open' })
    memory.isOpen = true
  })
  if (!memory.isOpen) return
  memory.stage = null
  memory.rewindFailedEpoch = null
  node.reportWaker.notify()
  count(node, 'openings')
  const gateLsn = memory.gateLsn === null ? null : renderLsn(memory.gateLsn)
  chronicle.say({
    kind: 'opened',
    epoch: action.epoch,
    ruleId: decision.rule.id,
    message: `${self.name} is open for writes; commits wait for ${describeList(target)}.`,
    operands: { gateLsn, list: target },
  })
  if (isEmptyList(target) && layout.durability !== 'async') {
    chronicle.say({
      kind: 'durability-degraded',
      epoch: action.epoch,
      message: 'No standby is listed: commits wait for nobody and no standby may be promoted.',
    })
  }
}
