// The store port of one agent: requests travel to one voter or another, may be lost on the way there
// or on the way back, and a write whose answer was lost may have happened, now or later.

import type {
  ClusterStore,
  StoreTransaction,
  TransactionResult,
} from '../../src/ports/cluster-store.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import type { NodeName } from '../../src/core/names.ts'
import type { NodeReport } from '../../src/core/node-report.ts'
import type { StoreView } from '../../src/core/store-view.ts'
import type { Network, Place } from '../network.ts'
import type { Physics } from '../physics.ts'
import type { SimRandom } from '../random.ts'
import type { SimProcess, Simulator } from '../simulator.ts'
import { unavailable, type StoreModel, type Voter } from './store-model.ts'

export type StoreClientOptions = {
  readonly node: NodeName
  readonly place: Place
  readonly process: SimProcess
  /** True milliseconds in which the node's clock advances by so much. */
  readonly trueMs: (durationMs: number) => number
  readonly physics: Physics
  readonly random: SimRandom
  /** The next voter is asked in addition after this long. */
  readonly hedgeMs: number
}

/** How a request ended at one voter. */
type Attempt<T> = { readonly kind: 'answered'; readonly value: T } | { readonly kind: 'refused' }

export class SimClusterStore implements ClusterStore {
  readonly #simulator: Simulator
  readonly #network: Network
  readonly #model: StoreModel
  readonly #options: StoreClientOptions
  #preferred: number

  constructor(
    simulator: Simulator,
    network: Network,
    model: StoreModel,
    options: StoreClientOptions,
  ) {
    this.#simulator = simulator
    this.#network = network
    this.#model = model
    this.#options = options
    // A voter talks to its own member first.
    const own = model.voters.findIndex((voter) => voter.place === options.place)
    this.#preferred = own >= 0 ? own : options.random.below(model.voters.length)
  }

  read(deadlineMs: number): Promise<StoreView> {
    return this.#request('read', true, deadlineMs, () => this.#model.view)
  }

  transact(transaction: StoreTransaction, deadlineMs: number): Promise<TransactionResult> {
    const { node } = this.#options
    return this.#request('commit', false, deadlineMs, () => this.#model.transact(node, transaction))
  }

  async publish(report: NodeReport, deadlineMs: number): Promise<void> {
    await this.#request('take the report', false, deadlineMs, () => this.#model.publish(report))
  }

  async appendEvents(events: readonly JournalEvent[], deadlineMs: number): Promise<void> {
    await this.#request('take the events', false, deadlineMs, () =>
      this.#model.appendEvents(events),
    )
  }

  readEvents(countMax: number, deadlineMs: number): Promise<readonly JournalEvent[]> {
    return this.#request('read', true, deadlineMs, () => this.#model.readEvents(countMax))
  }

  watch(listener: (view: StoreView) => void, signal: AbortSignal): void {
    const { process, random } = this.#options
    let seenRevision = -1
    let isDeliveryDue = false
    const deliverLater = (): void => {
      if (isDeliveryDue || signal.aborted || !process.isAlive) return
      isDeliveryDue = true
      this.#simulator.schedule(this.#commitMs() * 0.3 + 0.5, deliver)
    }
    const deliver = (): void => {
      isDeliveryDue = false
      if (signal.aborted || !process.isAlive) return
      if (
        !this.#model.voters.some((voter) => this.#canReach(voter) && this.#model.isServing(voter))
      ) {
        // The stream is silent; it is reopened somewhere else as soon as somebody answers.
        isDeliveryDue = true
        this.#simulator.schedule(random.between(100, 400), deliver)
        return
      }
      const { view } = this.#model
      if (view.revision <= seenRevision) return
      seenRevision = view.revision
      process.schedule(0, () => {
        if (!signal.aborted) listener(view)
      })
    }
    this.#model.onChange(deliverLater)
    deliverLater()
  }

  #canReach(voter: Voter): boolean {
    return (
      voter.state === 'up' &&
      this.#network.isOpenBothWays('store', this.#options.place, voter.place)
    )
  }

  #commitMs(): number {
    const { random, physics } = this.#options
    const { typicalMs, worstMs } = physics.storeCommit
    return random.duration(typicalMs, worstMs) + this.#model.extraCommitMs
  }

  /**
   * Asks one voter; a read asks the next one too when no answer came in the hedge time, a write goes
   * elsewhere only when it was refused, for then it surely did not happen.
   */
  #request<T>(what: string, isRead: boolean, deadlineMs: number, carryOut: () => T): Promise<T> {
    const { process, trueMs, hedgeMs } = this.#options
    return new Promise<T>((resolve, reject) => {
      let isSettled = false
      let asked = 0
      const first = this.#preferred
      const deadline = process.schedule(trueMs(deadlineMs), () => {
        isSettled = true
        if (this.#preferred === first) this.#preferred = (first + 1) % this.#model.voters.length
        reject(unavailable(what))
      })
      const askNext = (): void => {
        if (isSettled || asked >= this.#model.voters.length) return
        const index = (first + asked++) % this.#model.voters.length
        this.#ask(index, carryOut, (attempt) => {
          if (isSettled) return
          if (attempt.kind === 'refused') {
            askNext()
            return
          }
          isSettled = true
          deadline.action = null
          this.#preferred = index
          resolve(attempt.value)
        })
        if (isRead) process.schedule(trueMs(hedgeMs), askNext)
      }
      askNext()
    })
  }

  #ask<T>(index: number, carryOut: () => T, onAttempt: (attempt: Attempt<T>) => void): void {
    const voter = this.#model.voters[index]
    if (voter === undefined) return
    const { place, process, random } = this.#options
    const answer = (attempt: Attempt<T>): void => {
      this.#simulator.schedule(this.#network.delayMs(voter.place, place), () => {
        if (!this.#network.isOpen('store', voter.place, place)) return
        process.schedule(0, () => onAttempt(attempt))
      })
    }
    const propose = (untilMs: number): void => {
      if (voter.state === 'down') {
        answer({ kind: 'refused' })
        return
      }
      if (voter.state === 'gone') return
      if (this.#model.isServing(voter)) {
        this.#simulator.schedule(this.#commitMs(), () => {
          // The leader may have been lost meanwhile; then the proposal is lost or decided later.
          if (this.#model.isServing(voter)) answer({ kind: 'answered', value: carryOut() })
          else retryLater(untilMs)
        })
      } else retryLater(untilMs)
    }
    // A proposal without a leader: dropped, or kept by a member and carried out much later.
    const retryLater = (untilMs: number): void => {
      if (this.#simulator.nowMs > untilMs || random.chance(0.15)) return
      this.#simulator.schedule(random.between(20, 120), () => propose(untilMs))
    }
    this.#simulator.schedule(this.#network.delayMs(place, voter.place), () => {
      if (!this.#network.isOpen('store', place, voter.place)) return
      if (this.#network.loses(place, voter.place)) return
      const patienceMs = random.chance(0.2) ? random.between(300, 3000) : 250
      propose(this.#simulator.nowMs + patienceMs)
    })
  }
}
