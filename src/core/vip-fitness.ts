// May this balancer have the address that the balancers share? Keepalived decides who of the fit ones has
// it. Losing it too early costs a move, keeping it too long an outage; it is never a fence.

export type VipFacts = {
  /** There is another balancer that could have the address. */
  readonly hasPartner: boolean
  /** How long the proxy has not been running; null while it runs. */
  readonly proxyDownMs: number | null
  /** How long nothing has been heard from any other host. */
  readonly silentMs: number
  /** How long the proxy has known no way to a primary; null while it knows one. */
  readonly noPrimaryMs: number | null
  /** Another balancer says that its proxy knows a way to a primary. */
  readonly isPrimaryReachedElsewhere: boolean
  /** Found beside another holder that comes first in the spec and that it does not hear. */
  readonly isYielding: boolean
}

export type VipLimits = {
  /** A proxy that ended is started again within this time; the move would take longer. */
  readonly proxyDownMsMax: number
  /** Must be over before another balancer misses enough adverts to take the address. */
  readonly silentMsMax: number
  /** A primary that fails is closed here a little earlier or later than elsewhere. */
  readonly noPrimaryMsMax: number
}

/** `unfitBecause` is a sentence for people; null: it is fit. */
export type VipVerdict = { readonly unfitBecause: string | null }

const fit: VipVerdict = { unfitBecause: null }

export function judgeVip(facts: VipFacts, limits: VipLimits): VipVerdict {
  // Nobody else would have it: then the address is better here, whatever works.
  if (!facts.hasPartner) return fit
  if (facts.proxyDownMs !== null && facts.proxyDownMs > limits.proxyDownMsMax) {
    return { unfitBecause: 'HAProxy does not run' }
  }
  if (facts.silentMs > limits.silentMsMax) {
    return { unfitBecause: 'no other host is heard: the network is cut here' }
  }
  // VRRP elects two holders where only the balancers do not hear each other.
  if (facts.isYielding) {
    return { unfitBecause: 'another balancer has it too, and the two do not hear each other' }
  }
  const isBlind = facts.noPrimaryMs !== null && facts.noPrimaryMs > limits.noPrimaryMsMax
  if (isBlind && facts.isPrimaryReachedElsewhere) {
    return { unfitBecause: 'the primary is reached from another balancer, not from here' }
  }
  return fit
}

/**
 * Limits for a period of adverts. The others take over when three periods and most of a fourth have passed
 * since the last advert, which may be one period older than the cut: an isolated balancer has to be sure
 * when a little more than two have passed.
 * @param advertMs at least 100
 */
export function vipLimitsOf(advertMs: number): VipLimits {
  return {
    proxyDownMsMax: 600,
    silentMsMax: 2.1 * advertMs,
    noPrimaryMsMax: Math.max(1000, 4 * advertMs),
  }
}
