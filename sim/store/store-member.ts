// The store member port: the voter itself lives in the store model; the agent only starts and watches it.

import type { StoreMember, StoreMemberState } from '../../src/ports/store-member.ts'
import type { StoreModel, Voter } from './store-model.ts'

export class SimStoreMember implements StoreMember {
  readonly #model: StoreModel
  readonly #voter: Voter | null

  constructor(model: StoreModel, voter: Voter | null) {
    this.#model = model
    this.#voter = voter
  }

  start(): void {
    if (this.#voter?.state === 'down') this.#model.setVoter(this.#voter, 'up')
  }

  state(): StoreMemberState {
    if (this.#voter === null) return { kind: 'none' }
    if (this.#voter.state !== 'up') return { kind: 'starting', detail: 'it does not answer' }
    const isLeader = this.#model.leaderPlace === this.#voter.place
    return { kind: 'running', isLeader, databaseBytes: 1_000_000 }
  }

  hasEverRun(): boolean {
    return this.#voter !== null
  }

  foundingToken(): string | null {
    return null
  }

  async moveLeadershipAway(_deadlineMs: number): Promise<void> {
    if (this.#voter?.place === this.#model.leaderPlace) this.#model.moveLeader()
  }

  async stop(): Promise<void> {
    if (this.#voter?.state === 'up') this.#model.setVoter(this.#voter, 'down')
  }

  /** Recovery of a lost store is an act of a person on real disks: no fault here loses all copies. */
  async ownCopy(): Promise<null> {
    return null
  }

  async giveUpCopy(): Promise<void> {
    throw new Error('a simulated store is never lost')
  }

  async foundAnew(): Promise<void> {
    throw new Error('a simulated store is never lost')
  }
}
