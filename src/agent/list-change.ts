// Changes the synchronous list of an open primary, in the one order that is safe whatever crashes in
// between (safety.md 2.4): 1 the record holds the new list as well; 2 PostgreSQL gets it and every
// process uses it; 3 enough members have flushed past the position after that; 4 the record holds it
// alone. Everything it remembers may be lost: then the later steps are done again.

import type { StandbyView } from '../core/sync-plan.ts'
import { isFlushedBy, judgeEffect, wantedList } from '../core/sync-plan.ts'
import type { Facts } from '../core/facts.ts'
import type { Lsn } from '../core/lsn.ts'
import { lagBytes } from '../core/lsn.ts'
import type { Incarnation, MonotonicMs } from '../core/names.ts'
import { isAwaitedMember } from '../core/names.ts'
import type { Contradiction } from '../core/one-incarnation.ts'
import { contradictionsOf, distrustedLists } from '../core/one-incarnation.ts'
import { birthEpochOf } from '../core/position.ts'
import type { Walsender } from '../core/server.ts'
import type { Versioned } from '../core/store-view.ts'
import type { SyncList, SyncRecord } from '../core/sync-list.ts'
import {
  describeList,
  emptyList,
  isEmptyList,
  isSameList,
  renderSyncSetting,
  withList,
} from '../core/sync-list.ts'
import type { Node } from './node.ts'
import { configure, dataOf } from './node.ts'

/** A standby enters the list when it is no further behind than this. */
const enterLagBytesMax = 16 * 1024 * 1024
/** A walsender that does not take the new setting in this time is ended; it comes back with it. */
const stubbornWalsenderMs = 2000

type Progress = {
  readonly target: SyncList
  /** Behind a record written after the reload. */
  markLsn: Lsn | null
  markedAtMs: MonotonicMs | null
  /** The position P of step 3. */
  provenLsn: Lsn | null
}

export class ListChange {
  readonly #node: Node
  #progress: Progress | null = null
  /** What two use at present; each has been told. */
  #contradictions: ReadonlyMap<Incarnation, Contradiction> = new Map()

  constructor(node: Node) {
    this.#node = node
  }

  /** Forgets everything: this node is no primary any more, or a new one. */
  reset(): void {
    this.#progress = null
  }

  /**
   * Does the next step, if there is one.
   * @returns true while a change is under way, so that the loop looks again soon
   */
  async advance(facts: Facts): Promise<boolean> {
    const record = facts.store?.sync
    if (record === undefined || record === null || facts.server.kind !== 'primary') return false
    const { target, lists } = record.value
    const wanted = wantedList(
      facts.layout.durability,
      facts.layout.syncStandbys,
      target,
      this.#standbys(facts),
    )
    if (!isSameList(wanted, target)) {
      if (!this.#node.protections['record-first']) await this.#reload(wanted, facts)
      return this.#begin(record, wanted)
    }
    const isSet = facts.server.syncSettingText === renderSyncSetting({ kind: 'list', list: target })
    if (lists.length === 1 && isSet) {
      this.#progress = null
      return false
    }
    return this.#proceed(record, facts)
  }

  /**
   * The same for a primary that is not open yet and waits for its list: a member that does not come
   * must not keep it closed for ever. A list that every process has used since the start needs no steps.
   * @returns true while a change is under way; the gate has to wait for its end
   */
  async advanceBeforeOpening(facts: Facts): Promise<boolean> {
    const record = facts.store?.sync?.value
    if (record === undefined) return false
    const isSettled = this.#node.memory.isListFresh || record.lists.length === 1
    const isMemberLost = this.#standbys(facts).some(
      ({ incarnation, fitness }) =>
        (fitness === 'lost' || fitness === 'contradicted') &&
        record.target.members.includes(incarnation),
    )
    return !isSettled || isMemberLost ? this.advance(facts) : false
  }

  /** Step 1. */
  async #begin(record: Versioned<SyncRecord>, wanted: SyncList): Promise<boolean> {
    const { leaseHold, protections } = this.#node
    const { value } = record
    // An election in the meantime must not count a member of which there are two.
    const distrusted = distrustedLists(value.lists, new Set(this.#contradictions.keys()))
    const known = distrusted.reduce(withList, value.lists)
    const lists = protections['joint-list'] ? withList(known, wanted) : [wanted]
    const kept = protections['keep-all-lists'] ? lists : [value.target, wanted]
    // Before the write: one with an unknown outcome may still happen.
    this.#node.memory.isListFresh = false
    this.#progress = null
    const outcome = await leaseHold.write({
      sync: { expected: record.revision, value: { ...value, lists: kept, target: wanted } },
    })
    if (outcome === 'done') {
      this.#node.chronicle.say({
        kind: 'list-changing',
        epoch: leaseHold.tenure()?.epoch ?? null,
        message: `Commits are to wait for ${describeList(wanted)} instead of ${describeList(value.target)}.`,
        operands: { from: value.target, to: wanted },
      })
    }
    return true
  }

  /** Steps 2 to 4. */
  async #proceed(record: Versioned<SyncRecord>, facts: Facts): Promise<boolean> {
    const { postgres } = dataOf(this.#node)
    const { plan } = facts.layout
    const { target } = record.value
    if (facts.server.kind !== 'primary') return false
    if (this.#progress === null || !isSameList(this.#progress.target, target)) {
      if (!(await this.#reload(target, facts))) return true
      this.#progress = { target, markLsn: null, markedAtMs: null, provenLsn: null }
    }
    const progress = this.#progress
    const wantedText = renderSyncSetting({ kind: 'list', list: target })
    if (facts.server.syncSettingText !== wantedText) return true
    if (progress.markLsn === null) {
      // A record that is written before the processes are told proves nothing about what they use.
      if ((await postgres.reloadedSyncSetting(plan.ttlMs)) !== wantedText) return true
      progress.markLsn = await postgres.markWal(plan.ttlMs)
      progress.markedAtMs = facts.nowMs
      return true
    }
    const { walsenders } = facts.server
    if (progress.provenLsn === null) {
      const effect = isEmptyList(target)
        ? ({ kind: 'effective' } as const)
        : judgeEffect(target, walsenders, progress.markLsn, facts.protections)
      if (effect.kind === 'waiting') {
        const waitedMs = facts.nowMs - (progress.markedAtMs ?? facts.nowMs)
        if (waitedMs > stubbornWalsenderMs && effect.pid !== null) {
          await postgres.terminateWalsender(effect.pid, plan.ttlMs)
          progress.markedAtMs = facts.nowMs
        }
        return true
      }
      progress.provenLsn = await postgres.markWal(plan.ttlMs)
      return true
    }
    const isProven =
      isFlushedBy(target, walsenders, progress.provenLsn, facts.protections) ||
      !facts.protections['flush-before-narrow']
    if (isProven) await this.#finish(record, target)
    return !isProven
  }

  /** Step 2: PostgreSQL gets the list. @returns false when it has to be tried again */
  async #reload(list: SyncList, facts: Facts): Promise<boolean> {
    const { protections, memory } = this.#node
    if (facts.server.kind !== 'primary') return false
    // Whatever was proved, was proved of another setting than the one that may come now.
    this.#progress = null
    memory.isListFresh = false
    // What SHOW says in our session is not what the checkpointer uses: while the record holds the empty
    // list, some process may use it.
    const lists = facts.store?.sync?.value.lists ?? []
    const mayBeEmpty = facts.server.syncSettingText === '' || lists.some(isEmptyList)
    const isFromEmpty = mayBeEmpty && !isEmptyList(list)
    const gate = memory.isOpen ? 'open' : 'closed'
    if (isFromEmpty && protections['commit-probe']) {
      // Only the checkpointer switches waiting on, so SHOW proves nothing: a commit is seen to wait.
      await configure(this.#node, { upstream: null, sync: { kind: 'nobody' }, gate })
      const { postgres } = dataOf(this.#node)
      if ((await postgres.probeSyncWait(facts.layout.plan.ttlMs)) !== 'waits') return false
    }
    await configure(this.#node, { upstream: null, sync: { kind: 'list', list }, gate })
    return true
  }

  /** Step 4. */
  async #finish(record: Versioned<SyncRecord>, target: SyncList): Promise<void> {
    const { leaseHold, chronicle, layout } = this.#node
    const epoch = leaseHold.tenure()?.epoch ?? null
    const outcome = await leaseHold.write({
      sync: { expected: record.revision, value: { ...record.value, lists: [target], target } },
    })
    if (outcome !== 'done') return
    this.#progress = null
    const isDegraded = isEmptyList(target) && layout.durability !== 'async'
    chronicle.say({
      kind: isDegraded ? 'durability-degraded' : 'list-changed',
      epoch,
      message: isDegraded
        ? 'Commits wait for no standby any more: no standby may be promoted until one has caught up.'
        : `Commits wait for ${describeList(target)}.`,
      operands: { list: target },
    })
  }

  /** Says each contradiction once, for as long as it lasts. */
  #noteContradictions(facts: Facts, walsenders: readonly Walsender[]): void {
    const { chronicle, leaseHold, protections } = this.#node
    if (!protections['one-incarnation']) return
    const reports = [...(facts.store?.reports.values() ?? [])].map(({ value }) => value)
    const found = contradictionsOf(reports, walsenders)
    for (const { incarnation, message } of found) {
      if (this.#contradictions.has(incarnation)) continue
      chronicle.say({
        kind: 'contradiction',
        epoch: leaseHold.tenure()?.epoch ?? null,
        message: `${message}. Commits do not wait for it.`,
        operands: { incarnation },
      })
    }
    this.#contradictions = new Map(found.map((one) => [one.incarnation, one]))
  }

  /** The standbys as candidates for the list. */
  #standbys(facts: Facts): readonly StandbyView[] {
    const { memory } = this.#node
    const { server, store, layout, nowMs, self } = facts
    if (server.kind !== 'primary' || store === null) return []
    const views: StandbyView[] = []
    const candidates = new Map<Incarnation, boolean>()
    const record = store.sync?.value
    const birthEpoch = record && birthEpochOf(record.timeline, record.timelines)
    const target = record?.target ?? emptyList
    for (const node of layout.nodes) {
      const report = store.reports.get(node.name)?.value
      if (node.role !== 'data' || node.name === self.name || !report?.incarnation) continue
      // A server connects again by itself to what was its primary once. It counts only when its agent
      // has promised the epoch of this primary's timeline (safety.md 2.3 rule 2).
      const isPromised = birthEpoch !== undefined && report.promise >= birthEpoch
      candidates.set(report.incarnation, report.isEvidence && isPromised)
    }
    for (const member of target.members) {
      if (!candidates.has(member)) candidates.set(member, false)
    }
    this.#noteContradictions(facts, server.walsenders)
    for (const [incarnation, isEvidence] of candidates) {
      if (this.#contradictions.has(incarnation)) {
        views.push({ incarnation, fitness: 'contradicted' })
        continue
      }
      const walsender = server.walsenders.find((entry) => entry.applicationName === incarnation)
      if (walsender?.state === 'streaming' && walsender.flushLsn !== null) {
        memory.lostSinceMs.delete(incarnation)
        const isClose = lagBytes(server.position.flushLsn, walsender.flushLsn) <= enterLagBytesMax
        views.push({ incarnation, fitness: isClose && isEvidence ? 'fit' : 'lagging' })
        continue
      }
      const since = memory.lostSinceMs.get(incarnation) ?? nowMs
      memory.lostSinceMs.set(incarnation, since)
      const isLost = isAwaitedMember(incarnation) || nowMs - since >= layout.plan.standbyLossMs
      views.push({ incarnation, fitness: isLost ? 'lost' : 'just-lost' })
    }
    return views
  }
}
