// Takes, renews and gives back the lease, and makes every write that must be made under it. All its
// writes go through one queue and compare the lease's revision, so that whoever lost it cannot write.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { ControlRecord } from '../core/control.ts'
import type { Tenure } from '../core/facts.ts'
import type { LeaseRecord, LeaseState } from '../core/lease.ts'
import { isLeaseFree, stopByOf } from '../core/lease.ts'
import type { Epoch, MonotonicMs, NodeName, SystemId } from '../core/names.ts'
import type { Protections } from '../core/protections.ts'
import { epochMax, nextEpochOf } from '../core/epoch.ts'
import type { ClusterRecord, StoreView } from '../core/store-view.ts'
import { revisionOf, systemIdOf } from '../core/store-view.ts'
import type { SyncRecord } from '../core/sync-list.ts'
import { assert } from '../lib/assert.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterStore, StoreTransaction } from '../ports/cluster-store.ts'
import { StoreUnavailableError } from '../ports/cluster-store.ts'
import type { Guard } from '../ports/guard.ts'
import { Serial } from './serial.ts'
import type { StoreMirror } from './store-mirror.ts'

/** `unknown`: it may have been written, and may still be. The mirror will show it. */
export type WriteOutcome = 'done' | 'conflict' | 'lost' | 'unknown'

export type LeaseWrite = {
  readonly state?: LeaseState
  readonly handOverTo?: NodeName | null
  /** Known only after the first primary was made. */
  readonly systemId?: SystemId
  readonly sync?: { readonly expected: number; readonly value: SyncRecord }
  readonly cluster?: { readonly expected: number; readonly value: ClusterRecord }
  readonly control?: { readonly expected: number; readonly value: ControlRecord }
}

type Held = {
  record: LeaseRecord
  revision: number
  stopByMs: MonotonicMs
  /** When the newest write that the store has confirmed was sent. */
  renewedAtMs: MonotonicMs
  isLost: boolean
  /** When each write was sent that has not been confirmed yet: sequence → time. */
  readonly sentAtMs: Map<number, MonotonicMs>
  /** Highest sequence ever sent, confirmed or not. */
  lastSequence: number
}

export type LeaseHoldPorts = {
  readonly clock: Clock
  readonly store: ClusterStore
  readonly mirror: StoreMirror
  readonly guard: Guard | null
}

export class LeaseHold {
  readonly #ports: LeaseHoldPorts
  readonly #layout: ClusterLayout
  readonly #self: NodeName
  readonly #protections: Protections
  readonly #queue = new Serial()
  readonly #listeners: (() => void)[] = []
  #held: Held | null = null
  #isArmed = false
  #isRenewed = true

  constructor(
    ports: LeaseHoldPorts,
    layout: ClusterLayout,
    self: NodeName,
    protections: Protections,
  ) {
    this.#ports = ports
    this.#layout = layout
    this.#self = self
    this.#protections = protections
  }

  /** What this agent holds, or held until it noticed that it is lost; null when it holds nothing. */
  tenure(): Tenure | null {
    const held = this.#held
    if (held === null) return null
    const { epoch, state } = held.record
    return { epoch, state, stopByMs: held.stopByMs, isLost: held.isLost }
  }

  /** Whether the lease is held at this instant. */
  isHeld(): boolean {
    const held = this.#held
    return held !== null && !held.isLost && this.#ports.clock.monotonicMs() < held.stopByMs
  }

  /** Called when the lease is lost or its state changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** PostgreSQL is to be stopped here whatever it takes: the lease is let run out. */
  stopRenewing(): void {
    this.#isRenewed = false
  }

  /** Whether the lease is to be renewed. */
  isRenewed(): boolean {
    return this.#isRenewed && this.#held !== null && !this.#held.isLost
  }

  /** When the newest write that was confirmed was sent: each one renews. Null without a lease. */
  renewedAtMs(): MonotonicMs | null {
    return this.#held?.renewedAtMs ?? null
  }

  /** Somebody has a higher epoch: nothing may be written here any more. */
  markLost(): void {
    if (this.#held === null || this.#held.isLost) return
    this.#held.isLost = true
    this.#changed()
  }

  /** Forgets a lease that is lost or was given back; the guard's deadline is left as it is. */
  forget(): void {
    this.#held = null
    this.#isArmed = false
  }

  /**
   * From now on each renewal extends the guard's deadline. To be awaited before PostgreSQL is made
   * writable. @returns false when the lease is not held or the guard does not confirm
   */
  async arm(): Promise<boolean> {
    const held = this.#held
    const { guard } = this.#ports
    if (held === null || guard === null || !this.isHeld()) return false
    this.#isArmed = true
    try {
      await guard.arm(held.stopByMs)
    } catch {
      this.#isArmed = false
      return false
    }
    return this.isHeld()
  }

  /**
   * PostgreSQL is not writable here any more: renewals stop extending the deadline. A guard that is
   * gone holds no deadline, and one that is silent is replaced before a server starts again.
   */
  async disarm(): Promise<void> {
    this.#isArmed = false
    const { guard } = this.#ports
    if (guard?.isAlive() === true) await guard.disarm()
  }

  /**
   * Takes a free lease with the next epoch, which lies above `promise` too (a restored store).
   * One that expired is confirmed by a linearizable read first; for one that was released the
   * comparison of its revision is enough.
   */
  async acquire(promise: Epoch | null, systemId: SystemId | null): Promise<WriteOutcome> {
    return this.#queue.run(async () => {
      const { mirror, clock, store } = this.#ports
      const found = mirror.view()?.lease ?? null
      const revisionFound = revisionOf(mirror.view(), 'lease')
      const deadlineMs = this.#layout.plan.storeAttemptMs
      if (found?.value.state !== 'released') {
        try {
          mirror.accept(await store.read(deadlineMs))
        } catch (error) {
          return asOutcome(error)
        }
      }
      const now = mirror.view()?.lease ?? null
      const revisionSeen = revisionOf(mirror.view(), 'lease')
      if (revisionSeen !== revisionFound) return 'conflict'
      if (now !== null && !isLeaseFree(now.value, mirror.leaseSeenAtMs(), clock.monotonicMs())) {
        return 'conflict'
      }
      // A lease that was deleted or cannot be read is free when nothing has come in its place for its time.
      const isGone = now === null && revisionSeen !== 0
      const seenMs = clock.monotonicMs() - mirror.leaseSeenAtMs()
      const isKnown = systemIdOf(mirror.view()) !== null
      if (now === null && (isGone || isKnown) && seenMs <= this.#layout.plan.ttlMs)
        return 'conflict'
      const highest = Math.max(promise ?? 0, mirror.highestEpoch()) as Epoch
      const epoch = nextEpochOf(mirror.view(), highest)
      if (epoch > epochMax) return 'conflict'
      const record = this.#record(epoch, 1, 'preparing', systemId)
      return this.#take(record, revisionSeen)
    })
  }

  /** Renews the lease that the store shows as ours although this agent has not written it. */
  async reclaim(): Promise<WriteOutcome> {
    return this.#queue.run(async () => {
      const lease = this.#ports.mirror.view()?.lease ?? null
      if (lease?.value.holder !== this.#self || lease.value.state === 'released') return 'conflict'
      return this.#take({ ...lease.value, sequence: lease.value.sequence + 1 }, lease.revision)
    })
  }

  #record(
    epoch: Epoch,
    sequence: number,
    state: LeaseState,
    systemId: SystemId | null,
  ): LeaseRecord {
    const { ttlMs } = this.#layout.plan
    return { holder: this.#self, epoch, ttlMs, sequence, state, systemId, handOverTo: null }
  }

  async #take(record: LeaseRecord, expected: number): Promise<WriteOutcome> {
    const { clock, store, mirror } = this.#ports
    const transaction: StoreTransaction = { expect: { lease: expected }, put: { lease: record } }
    const sentAtMs = clock.monotonicMs()
    try {
      const result = await store.transact(transaction, this.#layout.plan.storeAttemptMs)
      if (result.kind === 'conflict') {
        mirror.accept(result.view)
        return 'conflict'
      }
      this.#held = {
        record,
        revision: result.revision,
        stopByMs: this.#stopBy(sentAtMs),
        renewedAtMs: sentAtMs,
        isLost: false,
        sentAtMs: new Map(),
        lastSequence: record.sequence,
      }
      this.#isRenewed = true
      mirror.acceptCommit(transaction, result.revision)
      this.#changed()
      return 'done'
    } catch (error) {
      return asOutcome(error)
    }
  }

  /** Renews and, with `write`, changes the lease's state and other records, all in one transaction. */
  async write(write: LeaseWrite): Promise<WriteOutcome> {
    return this.#queue.run(() => this.#write(write, true))
  }

  /**
   * Gives the lease back. PostgreSQL must not be writable here: surely dead, or a standby.
   * @param handOverTo who is asked to go first
   */
  async release(
    handOverTo: NodeName | null,
    control?: LeaseWrite['control'],
  ): Promise<WriteOutcome> {
    return this.#queue.run(async () => {
      const outcome = await this.#write(
        { state: 'released', handOverTo, ...(control === undefined ? {} : { control }) },
        true,
      )
      if (outcome === 'done') this.forget()
      this.#changed()
      return outcome
    })
  }

  /**
   * Whether the holder may write its lease again: it was deleted or garbled, or an older one lies there,
   * which no acquisition writes, and the time of this holder is not over, so nobody has taken it.
   */
  #mayPutBack(held: Held, found: LeaseRecord | null): boolean {
    if (!this.isHeld() || held.record.state === 'released') return false
    return found === null || found.epoch < held.record.epoch
  }

  async #write(
    write: LeaseWrite,
    mayRetry: boolean,
    seen: StoreTransaction['expect'] = {},
  ): Promise<WriteOutcome> {
    const held = this.#held
    if (held === null || held.isLost) return 'lost'
    const { clock, store, mirror } = this.#ports
    const sequence = held.lastSequence + 1
    const record: LeaseRecord = {
      ...held.record,
      sequence,
      state: write.state ?? held.record.state,
      handOverTo: write.handOverTo ?? null,
      systemId: write.systemId ?? held.record.systemId,
    }
    const wanted = transactionOf(held.revision, record, write)
    const transaction = { ...wanted, expect: { ...seen, ...wanted.expect } }
    const sentAtMs = clock.monotonicMs()
    held.lastSequence = sequence
    held.sentAtMs.set(sequence, sentAtMs)
    try {
      const result = await store.transact(transaction, this.#layout.plan.storeAttemptMs)
      if (result.kind === 'committed') {
        this.#confirm(held, record, result.revision, sentAtMs)
        mirror.acceptCommit(transaction, result.revision)
        return 'done'
      }
      mirror.accept(result.view)
      return await this.#afterConflict(held, mirror.screen(result.view), write, mayRetry)
    } catch (error) {
      return asOutcome(error)
    }
  }

  /** Somebody else has the lease, or an earlier write of ours arrived late, or another key moved. */
  async #afterConflict(
    held: Held,
    view: StoreView,
    write: LeaseWrite,
    mayRetry: boolean,
  ): Promise<WriteOutcome> {
    const lease = view.lease
    const isOurs =
      lease?.value.holder === this.#self &&
      lease.value.epoch === held.record.epoch &&
      lease.value.sequence <= held.lastSequence
    if (!isOurs && this.#mayPutBack(held, lease?.value ?? null)) {
      if (!mayRetry) return 'conflict'
      held.revision = revisionOf(view, 'lease')
      // The sync record as well: whoever took the lease meanwhile and was elected has written it.
      const seen = { sync: revisionOf(view, 'sync'), cluster: revisionOf(view, 'cluster') }
      return this.#write(write, false, seen)
    }
    if (!isOurs) {
      this.markLost()
      return 'lost'
    }
    if (lease.value.state === 'released') {
      // A release of ours whose answer was lost.
      this.markLost()
      return 'lost'
    }
    if (lease.revision === held.revision) return 'conflict'
    const sentAtMs = held.sentAtMs.get(lease.value.sequence)
    assert(sentAtMs !== undefined, `the store holds a write of ours with an unknown sequence`)
    this.#confirm(held, lease.value, lease.revision, sentAtMs)
    return mayRetry ? this.#write(write, false) : 'conflict'
  }

  #confirm(held: Held, record: LeaseRecord, revision: number, sentAtMs: MonotonicMs): void {
    const isStateChanged = held.record.state !== record.state
    held.record = record
    held.revision = revision
    for (const sequence of held.sentAtMs.keys()) {
      if (sequence <= record.sequence) held.sentAtMs.delete(sequence)
    }
    held.renewedAtMs = sentAtMs
    this.#extend(held, sentAtMs)
    if (isStateChanged) this.#changed()
  }

  /** The other nodes have confirmed this holder without the store (safety.md 2.5). */
  extendByPeers(sentAtMs: MonotonicMs): void {
    if (this.#held !== null && !this.#held.isLost) this.#extend(this.#held, sentAtMs)
  }

  #extend(held: Held, sentAtMs: MonotonicMs): void {
    const stopByMs = this.#stopBy(sentAtMs)
    if (stopByMs <= held.stopByMs) return
    // A deadline that has passed is passed: the guard has acted on it, or is about to.
    if (this.#isArmed && this.#ports.clock.monotonicMs() >= held.stopByMs) {
      this.markLost()
      return
    }
    held.stopByMs = stopByMs
    if (this.#isArmed) this.#ports.guard?.extend(stopByMs)
  }

  #stopBy(sentAtMs: MonotonicMs): MonotonicMs {
    const { ttlMs, marginMs } = this.#layout.plan
    // Without its margin the holder would go on until, and by the time of fencing beyond, the instant
    // at which others may take the lease.
    return stopByOf(sentAtMs, ttlMs, this.#protections.margin ? marginMs : -marginMs)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

function transactionOf(revision: number, lease: LeaseRecord, write: LeaseWrite): StoreTransaction {
  return {
    expect: {
      lease: revision,
      ...(write.sync === undefined ? {} : { sync: write.sync.expected }),
      ...(write.cluster === undefined ? {} : { cluster: write.cluster.expected }),
      ...(write.control === undefined ? {} : { control: write.control.expected }),
    },
    put: {
      lease,
      ...(write.sync === undefined ? {} : { sync: write.sync.value }),
      ...(write.cluster === undefined ? {} : { cluster: write.cluster.value }),
      ...(write.control === undefined ? {} : { control: write.control.value }),
    },
  }
}

function asOutcome(error: unknown): WriteOutcome {
  if (error instanceof StoreUnavailableError) return 'unknown'
  throw error
}
