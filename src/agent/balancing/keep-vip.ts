// Tells the virtual address's program whether this balancer is fit for it, from what the proxy, the store
// and the other hosts say.

import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { balancersOf } from '../../core/cluster-layout.ts'
import type { MonotonicMs, NodeName } from '../../core/names.ts'
import { judgeVip, vipLimitsOf } from '../../core/vip-fitness.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Peers } from '../../ports/peers.ts'
import type { Proxy } from '../../ports/proxy.ts'
import type { Vip } from '../../ports/vip.ts'
import { Hearing } from './hearing.ts'
import type { Holding } from './holding.ts'
import { Partners } from './partners.ts'
import type { StoreMirror } from '../store-mirror.ts'

export type VipParts = {
  readonly clock: Clock
  readonly journal: Journal
  readonly peers: Peers
  readonly proxy: Proxy
  readonly vip: Vip
  readonly mirror: StoreMirror
  readonly holding: Holding
  readonly layout: ClusterLayout
  readonly self: NodeLayout
  /** The nodes that the proxy would send writes to, as it was last asked. */
  readonly writesTo: () => readonly NodeName[]
  /** Called when it changes; null: this balancer may have the address. */
  readonly onVerdict: (unfitBecause: string | null) => void
}

/** How often everything is looked at, in periods of adverts. */
const ticksPerAdvert = 5

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
  let trouble: string | null = null

  while (!signal.aborted) {
    partners.look()
    const noPrimaryMs = since.of('primary', parts.writesTo().length === 0)
    const { unfitBecause } = judgeVip(
      {
        hasPartner,
        proxyDownMs: since.of('proxy', proxy.state().kind !== 'running'),
        silentMs: hearing.silentMs(),
        noPrimaryMs,
        isPrimaryReachedElsewhere: partners.anyReachesPrimary(noPrimaryMs ?? 0),
        isYielding: partners.isYielding(),
      },
      limits,
    )
    if (unfitBecause !== told) {
      try {
        await vip.setFit(unfitBecause === null)
        if (told !== undefined || unfitBecause !== null) say(journal, unfitBecause)
        parts.onVerdict(unfitBecause)
        told = unfitBecause
        trouble = null
      } catch (error) {
        const words = messageOf(error)
        if (words !== trouble) {
          journal.log('warn', `The virtual address could not be steered: ${words}`)
        }
        trouble = words
      }
    }
    await clock.sleep(advertMs / ticksPerAdvert, signal)
  }
}

function say(journal: Journal, unfitBecause: string | null): void {
  if (unfitBecause === null) journal.log('info', 'This balancer may have the virtual address.')
  else journal.log('warn', `This balancer gives the virtual address up: ${unfitBecause}.`)
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
