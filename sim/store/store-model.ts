// The store as it really is: one linearizable state with revisions, and the voters that keep it. A
// voter serves while it is up and connected, both ways, to a leader that has a majority.

import { StoreUnavailableError } from '../../src/ports/cluster-store.ts'
import type { StoreTransaction, TransactionResult } from '../../src/ports/cluster-store.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import { asEpoch, type NodeName } from '../../src/core/names.ts'
import type { NodeReport } from '../../src/core/node-report.ts'
import { epochMax } from '../../src/core/epoch.ts'
import {
  emptyStoreView,
  revisionOf,
  type RecordKey,
  type StoreView,
} from '../../src/core/store-view.ts'
import type { Network, Place } from '../network.ts'
import type { SimRandom } from '../random.ts'
import type { Simulator } from '../simulator.ts'

const keys = ['lease', 'sync', 'cluster', 'control'] as const

/** What somebody with access to the store does to a record. */
export const poisonKinds = ['deleted', 'garbled', 'maximal'] as const
export type PoisonKind = (typeof poisonKinds)[number]
const eventCountMax = 500

export type Voter = {
  readonly place: Place
  /** `frozen`: takes connections and answers nothing. `down`: refuses. `gone`: the machine is off. */
  state: 'up' | 'frozen' | 'down' | 'gone'
}

export class StoreModel {
  readonly voters: readonly Voter[]
  view: StoreView = emptyStoreView
  /** Every proposal takes so much longer: a slow store. */
  extraCommitMs = 0
  readonly #simulator: Simulator
  readonly #network: Network
  readonly #random: SimRandom
  readonly #electionMs: number
  #events: JournalEvent[] = []
  /** Records as the agents wrote them last, of those that were poisoned since. */
  readonly #poisoned = new Map<RecordKey, StoreView[RecordKey]>()
  #leader: Voter | null = null
  #leadsFromMs = 0
  #changeListeners: ((by: NodeName, before: StoreView) => void)[] = []

  constructor(
    simulator: Simulator,
    network: Network,
    places: readonly Place[],
    options: { readonly electionMs: number; readonly random: SimRandom },
  ) {
    this.#simulator = simulator
    this.#network = network
    this.#random = options.random
    this.#electionMs = options.electionMs
    this.voters = places.map((place) => ({ place, state: 'up' }))
    this.#leader = this.voters[0] ?? null
    network.onChange(() => this.#checkLeader())
  }

  /** Called after every write, with the view before it. */
  onChange(listener: (by: NodeName, before: StoreView) => void): void {
    this.#changeListeners.push(listener)
  }

  setVoter(voter: Voter, state: Voter['state']): void {
    voter.state = state
    this.#checkLeader()
  }

  /** Leadership moves: a gap in which nothing is committed. */
  loseLeader(): void {
    this.#elect(null)
  }

  /** Leadership handed over on request: no gap. */
  moveLeader(): void {
    const others = this.voters.filter((voter) => voter !== this.#leader && this.#hasMajority(voter))
    if (others.length > 0) this.#leader = this.#random.pick(others)
  }

  get leaderPlace(): Place | null {
    return this.#leader?.place ?? null
  }

  /** Whether a linearizable request that is at this voter can be carried out now. */
  isServing(voter: Voter): boolean {
    const leader = this.#leader
    if (leader === null || this.#simulator.nowMs < this.#leadsFromMs) return false
    return voter.state === 'up' && (voter === leader || this.#isLinked(voter, leader))
  }

  /** The records as the agents wrote them, whatever was done to them since: what the world judges by. */
  get truth(): StoreView {
    if (this.#poisoned.size === 0) return this.view
    return { ...this.view, ...Object.fromEntries(this.#poisoned), unusable: [] }
  }

  /** Somebody deletes or overwrites a record, without any comparison. */
  poison(key: RecordKey, kind: PoisonKind): void {
    const old = this.view[key]
    if (old === null) return
    const revision = this.view.revision + 1
    const before = this.truth
    if (!this.#poisoned.has(key)) this.#poisoned.set(key, old)
    const garbled = { key, why: 'is not JSON', revision } as const
    const isMaximal = kind === 'maximal' && 'epoch' in old.value
    this.view = {
      ...this.view,
      revision,
      [key]: isMaximal ? { value: { ...old.value, epoch: asEpoch(epochMax) }, revision } : null,
      unusable:
        kind === 'deleted' || isMaximal ? this.view.unusable : [...this.view.unusable, garbled],
    }
    this.#tell('somebody' as NodeName, before)
  }

  /** Whether the record is as an agent wrote it. */
  isWhole(key: RecordKey): boolean {
    return this.view[key] !== null && !this.#poisoned.has(key)
  }

  /** An operator recovers a record that no agent has put back. */
  recover(key: RecordKey): void {
    const old = this.#poisoned.get(key) ?? null
    if (old === null) return
    const before = this.truth
    const revision = this.view.revision + 1
    this.#poisoned.delete(key)
    this.view = {
      ...this.view,
      revision,
      [key]: { value: old.value, revision },
      unusable: this.view.unusable.filter((record) => record.key !== key),
    }
    this.#tell('somebody' as NodeName, before)
  }

  transact(by: NodeName, transaction: StoreTransaction): TransactionResult {
    const { expect, put } = transaction
    for (const key of keys) {
      const expected = expect[key]
      if (expected !== undefined && expected !== revisionOf(this.view, key)) {
        return { kind: 'conflict', view: this.view }
      }
    }
    const revision = this.view.revision + 1
    const next = { ...this.view, revision } as Record<string, unknown>
    let isChanged = false
    const before = this.truth
    for (const key of keys) {
      const value = put[key]
      if (value === undefined) continue
      next[key] = { value, revision }
      next['unusable'] = this.view.unusable.filter((record) => record.key !== key)
      this.#poisoned.delete(key)
      isChanged = true
    }
    if (isChanged) {
      this.view = next as StoreView
      this.#tell(by, before)
    }
    return { kind: 'committed', revision: this.view.revision }
  }

  publish(report: NodeReport): void {
    const revision = this.view.revision + 1
    const reports = new Map(this.view.reports)
    reports.set(report.name, { value: report, revision })
    const before = this.truth
    this.view = { ...this.view, revision, reports }
    this.#tell(report.name, before)
  }

  appendEvents(events: readonly JournalEvent[]): void {
    const known = new Set(this.#events.map((event) => event.id))
    for (const event of events) if (!known.has(event.id)) this.#events.push(event)
    if (this.#events.length > eventCountMax) this.#events = this.#events.slice(-eventCountMax)
  }

  readEvents(countMax: number): readonly JournalEvent[] {
    return this.#events.slice(Math.max(0, this.#events.length - countMax))
  }

  #tell(by: NodeName, before: StoreView): void {
    for (const listener of this.#changeListeners) listener(by, before)
  }

  #isLinked(one: Voter, other: Voter): boolean {
    return this.#network.isOpenBothWays('store', one.place, other.place)
  }

  #hasMajority(voter: Voter): boolean {
    if (voter.state !== 'up') return false
    const reached = this.voters.filter(
      (other) => other === voter || (other.state === 'up' && this.#isLinked(voter, other)),
    )
    return reached.length * 2 > this.voters.length
  }

  #checkLeader(): void {
    if (this.#leader !== null && this.#hasMajority(this.#leader)) return
    this.#elect(this.#leader)
  }

  #elect(lost: Voter | null): void {
    const able = this.voters.filter((voter) => this.#hasMajority(voter))
    const others = able.filter((voter) => voter !== lost)
    const pool = others.length > 0 ? others : able
    if (pool.length === 0) {
      this.#leader = null
      return
    }
    this.#leader = this.#random.pick(pool)
    this.#leadsFromMs = this.#simulator.nowMs + this.#electionMs * this.#random.between(1, 2.2)
  }
}

export function unavailable(what: string): StoreUnavailableError {
  return new StoreUnavailableError(`the store did not ${what} in time`)
}
