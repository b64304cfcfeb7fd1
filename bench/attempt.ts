// One attempt to write one row, as the client saw it. The ledger judges attempts against the rows that
// the cluster holds in the end; the outage is measured from their times.

/** Which life of which server answered. A restart and a promotion both begin a new one. */
export type Reign = {
  /** Address and port of the server itself, not of the balancer in front of it. */
  readonly server: string
  /** Timeline under which the row was written; in this project it belongs to one epoch. */
  readonly timeline: number
  /** Start of the postmaster, in milliseconds since 1970, as the server tells it. */
  readonly startedAtMs: number
}

/**
 * `acknowledged`: the server said that it is committed. `failed`: the server said that it is not.
 * `unknown`: the connection ended, or the time was over, before it said either.
 */
export type Outcome = 'acknowledged' | 'failed' | 'unknown'

export type Attempt = {
  readonly client: number
  /** Grows with every attempt of one client; an attempt is never repeated under the same number. */
  readonly sequence: number
  /** Monotonic clock, as agents use it for their events. */
  readonly sentAtMs: number
  readonly endedAtMs: number
  readonly outcome: Outcome
  /** With `acknowledged`: who said so. */
  readonly reign: Reign | null
  /** With `failed` and `unknown`: the error in words. */
  readonly why: string | null
}

/** An attempt that was acknowledged, which always names the server that did it. */
export type Acknowledgement = Attempt & { readonly outcome: 'acknowledged'; readonly reign: Reign }

export function isAcknowledged(attempt: Attempt): attempt is Acknowledgement {
  return attempt.outcome === 'acknowledged' && attempt.reign !== null
}

/** Acknowledged attempts in the order in which the answers came. */
export function acknowledgementsOf(attempts: readonly Attempt[]): readonly Acknowledgement[] {
  return attempts.filter(isAcknowledged).toSorted((left, right) => left.endedAtMs - right.endedAtMs)
}

export function isSameReign(left: Reign, right: Reign): boolean {
  return (
    left.server === right.server &&
    left.timeline === right.timeline &&
    left.startedAtMs === right.startedAtMs
  )
}
