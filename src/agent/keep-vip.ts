// Tells the virtual address's program whether this balancer is fit for it, from what the proxy, the store
// and the other hosts say.

import type { ClusterLayout, NodeLayout } from '../core/cluster-layout.ts'
import { balancersOf } from '../core/cluster-layout.ts'
import type { MonotonicMs, NodeName } from '../core/names.ts'
import type { BalancerReport } from '../core/node-report.ts'
import { judgeVip, vipLimitsOf } from '../core/vip-fitness.ts'
import { messageOf } from '../lib/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Journal } from '../ports/journal.ts'
import type { Peers } from '../ports/peers.ts'
import type { Proxy } from '../ports/proxy.ts'
import type { Vip } from '../ports/vip.ts'
import type { StoreMirror } from './store-mirror.ts'

export type VipParts = {
  readonly clock: Clock
  readonly journal: Journal
  readonly peers: Peers
  readonly proxy: Proxy
  readonly vip: Vip
  readonly mirror: StoreMirror
  readonly layout: ClusterLayout
  readonly self: NodeLayout
  /** The nodes that the proxy would send writes to, as it was last asked. */
  readonly writesTo: () => readonly NodeName[]
}

/** A balancer with a virtual address publishes its report this often, changed or not. */
export const vipReportPeriodMs = 1000
/** A report that has not been seen to change for longer says nothing any more. */
const reportMsMax = 3000
/** How often everything is looked at, in periods of adverts. */
const ticksPerAdvert = 5
/** Others are asked when nothing came by itself for so many periods, and have this long to answer. */
const askAfterAdverts = 1.2
const answerWithinAdverts = 0.6

/** Runs until `signal` aborts. The address is neither taken nor given up by its end. */
export async function keepVip(parts: VipParts, signal: AbortSignal): Promise<void> {
  const { clock, journal, proxy, vip, layout, self } = parts
  const advertMs = layout.vip?.advertMs ?? 1000
  const limits = vipLimitsOf(advertMs)
  const hasPartner = balancersOf(layout).some((node) => node.host !== self.host)
  const since = new Since(clock)
  const hearing = new Hearing(parts, advertMs)
  const partners = new Partners(parts, advertMs)
  let told: string | null | undefined

  while (!signal.aborted) {
    partners.look()
    const { unfitBecause } = judgeVip(
      {
        hasPartner,
        proxyDownMs: since.of('proxy', proxy.state().kind !== 'running'),
        silentMs: hearing.silentMs(),
        noPrimaryMs: since.of('primary', parts.writesTo().length === 0),
        isPrimaryReachedElsewhere: partners.anyReachesPrimary(),
        isYielding: partners.isYielding(),
      },
      limits,
    )
    if (unfitBecause !== told) {
      try {
        await vip.setFit(unfitBecause === null)
        if (told !== undefined || unfitBecause !== null) say(journal, unfitBecause)
        told = unfitBecause
      } catch (error) {
        journal.log('warn', `The virtual address could not be steered: ${messageOf(error)}`)
      }
    }
    await clock.sleep(advertMs / ticksPerAdvert, signal)
  }
}

function say(journal: Journal, unfitBecause: string | null): void {
  if (unfitBecause === null) journal.log('info', 'This balancer may have the virtual address.')
  else journal.log('warn', `This balancer gives the virtual address up: ${unfitBecause}.`)
}

/** When another host was last heard: by the store, or by asking all of them. */
class Hearing {
  readonly #parts: VipParts
  readonly #others: readonly NodeLayout[]
  readonly #advertMs: number
  #askedMs: MonotonicMs
  #lookedMs: MonotonicMs
  #isAsking = false

  constructor(parts: VipParts, advertMs: number) {
    this.#parts = parts
    this.#lookedMs = parts.clock.monotonicMs()
    this.#others = parts.layout.nodes.filter((node) => node.host !== parts.self.host)
    this.#advertMs = advertMs
    this.#askedMs = parts.clock.monotonicMs()
  }

  silentMs(): number {
    const { clock, mirror } = this.#parts
    const nowMs = clock.monotonicMs()
    // An agent that was frozen has not listened: that is no silence of the others.
    if (nowMs - this.#lookedMs > this.#advertMs) this.#askedMs = nowMs
    this.#lookedMs = nowMs
    const heardMs = Math.max(this.#askedMs, mirror.answeredAtMs() ?? this.#askedMs)
    const silentMs = nowMs - heardMs
    if (silentMs > this.#advertMs * askAfterAdverts && !this.#isAsking) void this.#ask()
    return silentMs
  }

  /** Any answer of any host counts, whatever it says. */
  async #ask(): Promise<void> {
    const { clock, peers } = this.#parts
    this.#isAsking = true
    const startedMs = clock.monotonicMs()
    const deadlineMs = this.#advertMs * answerWithinAdverts
    const answers = this.#others.map((node) => peers.hello(node.name, deadlineMs))
    await Promise.any(answers).then(
      () => {
        this.#askedMs = startedMs
      },
      () => undefined,
    )
    this.#isAsking = false
  }
}

type Seen = {
  readonly revision: number
  readonly atMs: MonotonicMs
  readonly report: BalancerReport
}

/** The other balancers, as their reports in the store tell. */
class Partners {
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

/** For how long something has been so. */
class Since {
  readonly #clock: Clock
  readonly #began = new Map<string, MonotonicMs>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns null when `isSo` is false */
  of(what: string, isSo: boolean): number | null {
    if (!isSo) {
      this.#began.delete(what)
      return null
    }
    const nowMs = this.#clock.monotonicMs()
    const began = this.#began.get(what) ?? nowMs
    this.#began.set(what, began)
    return nowMs - began
  }
}
