// The other balancers, as their reports in the store tell: whether they reach a primary, and whether one of
// them has the shared address besides this one.

import { balancersOf } from '../core/cluster-layout.ts'
import type { MonotonicMs, NodeName } from '../core/names.ts'
import type { BalancerReport } from '../core/node-report.ts'
import type { VipParts } from './keep-vip.ts'

/** A report that has not been seen to change for longer says nothing any more. */
const reportMsMax = 3000

type Seen = {
  readonly revision: number
  readonly atMs: MonotonicMs
  readonly report: BalancerReport
}

export class Partners {
  readonly #parts: VipParts
  readonly #advertMs: number
  readonly #names: readonly NodeName[]
  /** Those that come before this one in the spec. */
  readonly #better: readonly NodeName[]
  readonly #seen = new Map<NodeName, Seen>()
  /** Another one has the address as well: this one stays without until it is heard or gone. */
  #yieldsTo: NodeName | null = null
  /** Since when the address is here. */
  #hereSinceMs: MonotonicMs | null = null
  #isAsking = false

  constructor(parts: VipParts, advertMs: number) {
    this.#parts = parts
    this.#advertMs = advertMs
    const all = balancersOf(parts.layout).map((node) => node.name)
    this.#names = all.filter((name) => name !== parts.self.name)
    this.#better = all.slice(0, all.indexOf(parts.self.name))
  }

  look(): void {
    const { mirror, clock, vip } = this.#parts
    for (const name of this.#names) {
      const found = mirror.view()?.reports.get(name)
      if (found === undefined || found.revision === this.#seen.get(name)?.revision) continue
      const { balancing, state } = found.value
      if (balancing === null || state !== 'running') this.#seen.delete(name)
      else {
        const { revision } = found
        this.#seen.set(name, { revision, atMs: clock.monotonicMs(), report: balancing })
      }
    }
    const state = vip.state()
    const isHere = state.kind === 'running' && state.isHere
    this.#hereSinceMs = isHere ? (this.#hereSinceMs ?? clock.monotonicMs()) : null
    if (this.#yieldsTo !== null && !this.#has(this.#yieldsTo)) this.#yieldsTo = null
    if (this.#yieldsTo !== null) void this.#listenTo(this.#yieldsTo)
    else if (this.#hereSinceMs !== null) {
      const sinceMs = this.#hereSinceMs
      // The last words of one that has just lost power do not count: only what it said since.
      const isBeside = (name: NodeName) =>
        this.#has(name) && (this.#seen.get(name)?.atMs ?? sinceMs) > sinceMs
      this.#yieldsTo = this.#better.find(isBeside) ?? null
    }
  }

  anyReachesPrimary(): boolean {
    return this.#names.some((name) => (this.#fresh(name)?.writesTo ?? null) !== null)
  }

  isYielding(): boolean {
    return this.#yieldsTo !== null
  }

  #has(name: NodeName): boolean {
    return this.#fresh(name)?.hasVip === true
  }

  #fresh(name: NodeName): BalancerReport | null {
    const seen = this.#seen.get(name)
    if (seen === undefined) return null
    const ageMs = this.#parts.clock.monotonicMs() - seen.atMs
    return ageMs < reportMsMax ? seen.report : null
  }

  /** When they hear each other again, VRRP finds one holder by itself. */
  async #listenTo(name: NodeName): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    const { peers, clock } = this.#parts
    const isHeard = await peers.hello(name, this.#advertMs).then(
      () => true,
      () => false,
    )
    if (isHeard && this.#yieldsTo === name) this.#yieldsTo = null
    await clock.sleep(this.#advertMs)
    this.#isAsking = false
  }
}
