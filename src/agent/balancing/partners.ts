// The other balancers, as their reports in the store tell: whether they reach a primary, and whether one of
// them has the shared address besides this one.

import { balancersOf } from '../../core/cluster-layout.ts'
import type { MonotonicMs, NodeName } from '../../core/names.ts'
import type { BalancerReport } from '../../core/node-report.ts'
import type { VipParts } from './keep-vip.ts'

/** A report that has not been seen to change for longer says nothing any more. */
const reportMsMax = 3000
/** A holder that has just lost the election has taken the address down, and said so, after this long. */
const handoverMsMax = 200
/** A balancer looks this often, at least, whether its proxy still knows a primary. */
const partnerLookMsMax = 1000
/** Two who answer each other and hold the address again so soon: their adverts do not get through. */
const relapseMsMax = 30_000
const pausesMs = { first: 10_000, longest: 600_000 } as const

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
  /** One that has the address beside this balancer, and since when that has been known. */
  #rival: { readonly name: NodeName; readonly sinceMs: MonotonicMs } | null = null
  /** Another one has the address as well: this one stays without until it is heard or gone. */
  #yieldsTo: NodeName | null = null
  /** An answer ends the yielding only after this pause; it grows when that was wrong. */
  #pauseMs = 0
  #heedAnswersAtMs: MonotonicMs | null = null
  #endedByAnswerAtMs: MonotonicMs | null = null
  #isAsking = false

  constructor(parts: VipParts, advertMs: number) {
    this.#parts = parts
    this.#advertMs = advertMs
    const all = balancersOf(parts.layout).map((node) => node.name)
    this.#names = all.filter((name) => name !== parts.self.name)
    this.#better = all.slice(0, all.indexOf(parts.self.name))
  }

  look(): void {
    for (const name of this.#names) this.#noteReport(name)
    if (this.#yieldsTo !== null && !this.#has(this.#yieldsTo)) this.#yieldsTo = null
    if (this.#yieldsTo !== null) void this.#listenTo(this.#yieldsTo)
    else this.#noteRival()
  }

  /**
   * Whether another one says that its proxy knows a primary.
   * @param blindMs how long this one has known none: what was said before, or from before a look, is old
   */
  anyReachesPrimary(blindMs: number): boolean {
    const sinceMs = this.#parts.clock.monotonicMs() - blindMs + partnerLookMsMax
    return this.#names.some((name) => {
      const seen = this.#fresh(name)
      return seen !== null && seen.atMs > sinceMs && seen.report.writesTo !== null
    })
  }

  isYielding(): boolean {
    return this.#yieldsTo !== null
  }

  #noteReport(name: NodeName): void {
    const { mirror, clock } = this.#parts
    const found = mirror.view()?.reports.get(name)
    if (found === undefined || found.revision === this.#seen.get(name)?.revision) return
    const { balancing, state } = found.value
    if (balancing === null || state !== 'running') this.#seen.delete(name)
    else
      this.#seen.set(name, {
        revision: found.revision,
        atMs: clock.monotonicMs(),
        report: balancing,
      })
  }

  #noteRival(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const name = this.#better.find((each) => this.#isBeside(each))
    if (name === undefined) this.#rival = null
    else if (this.#rival?.name !== name) this.#rival = { name, sinceMs: nowMs }
    if (this.#rival === null || nowMs - this.#rival.sinceMs < handoverMsMax) return
    this.#yieldTo(this.#rival.name)
    this.#rival = null
  }

  /** The last words of one that lost power do not count, however late they get here. */
  #isBeside(name: NodeName): boolean {
    const here = this.#parts.holding.name()
    return here !== null && this.#fresh(name)?.report.beside.includes(here) === true
  }

  #has(name: NodeName): boolean {
    return this.#fresh(name)?.report.hasVip === true
  }

  #fresh(name: NodeName): Seen | null {
    const seen = this.#seen.get(name)
    if (seen === undefined) return null
    const ageMs = this.#parts.clock.monotonicMs() - seen.atMs
    return ageMs < reportMsMax ? seen : null
  }

  #yieldTo(name: NodeName): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const isRelapse =
      this.#endedByAnswerAtMs !== null && nowMs - this.#endedByAnswerAtMs < relapseMsMax
    const longerMs = Math.min(pausesMs.longest, Math.max(pausesMs.first, this.#pauseMs * 2))
    this.#pauseMs = isRelapse ? longerMs : 0
    this.#heedAnswersAtMs = (nowMs + this.#pauseMs) as MonotonicMs
    this.#yieldsTo = name
  }

  /** When they hear each other again, VRRP finds one holder by itself. */
  async #listenTo(name: NodeName): Promise<void> {
    const { peers, clock } = this.#parts
    const isTooSoon = clock.monotonicMs() < (this.#heedAnswersAtMs ?? 0)
    if (this.#isAsking || isTooSoon) return
    this.#isAsking = true
    const isHeard = await peers.hello(name, this.#advertMs).then(
      () => true,
      () => false,
    )
    if (isHeard && this.#yieldsTo === name) {
      this.#yieldsTo = null
      this.#endedByAnswerAtMs = clock.monotonicMs()
    }
    await clock.sleep(this.#advertMs)
    this.#isAsking = false
  }
}
