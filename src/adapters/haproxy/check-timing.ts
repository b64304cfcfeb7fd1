// How HAProxy asks the agents for their role, derived from the timing plan.

import type { TimingPlan } from '../../core/timing-plan.ts'

export type CheckTiming = {
  /** Period of the checks that decide where writes go. */
  readonly writeCheckMs: number
  /** After this long without an answer a check counts as failed. */
  readonly timeoutMs: number
  /** So many failed checks in a row close a node for writes. */
  readonly writeFall: number
  /** Period of the checks that decide where reads go. */
  readonly readCheckMs: number
  readonly readFall: number
  readonly connectTimeoutMs: number
  /** A client that finds no primary waits for one for this long. */
  readonly holdMs: number
  /** So often it is looked whether there is one; a connection to it takes no longer either. */
  readonly holdTryMs: number
}

/**
 * A node that stays silent is closed before another node can take its lease, and not much sooner: an
 * agent that is killed and comes back while its lease lasts must cost no session, for PostgreSQL runs on
 * under its guard meanwhile. When the lease does change hands, the balancer's agent tells HAProxy.
 *
 * Reads are checked less often: nothing can be written there, and standbys that wait for their new
 * primary must not drop out of the pool during a failover.
 */
export function checkTimingOf(plan: TimingPlan): CheckTiming {
  const writeCheckMs = plan.balancerCheckMs
  const timeoutMs = Math.max(200, writeCheckMs)
  const holdMs = plan.ttlMs - plan.marginMs
  const fallMax = Math.floor((plan.ttlMs - writeCheckMs - 1) / timeoutMs)
  const writeFall = Math.max(1, Math.min(fallMax, Math.ceil(holdMs / writeCheckMs) + 1))
  const readCheckMs = Math.max(1000, writeCheckMs)
  return {
    writeCheckMs,
    timeoutMs,
    writeFall,
    readCheckMs,
    readFall: 1 + Math.ceil(plan.ttlMs / readCheckMs),
    // A lost SYN is sent again after a second; the answer to the second one must still count.
    connectTimeoutMs: Math.max(2000, plan.ttlMs),
    // The longest failover begins with a lease that runs out, and may take a second election.
    holdMs: Math.max(10_000, plan.ttlMs * 3),
    // What a client waits after the new primary has opened; a connection needs one round trip, which is
    // far below the heartbeat of the store.
    holdTryMs: Math.max(50, plan.etcdHeartbeatMs),
  }
}

/** The longest time from a node's silence until it is closed for writes. */
export function silenceBoundMs(timing: CheckTiming): number {
  return timing.writeCheckMs + timing.writeFall * Math.max(timing.writeCheckMs, timing.timeoutMs)
}

/** The shortest time for which an agent may be away without its node being closed for writes. */
export function toleratedAbsenceMs(timing: CheckTiming): number {
  return timing.writeCheckMs * (timing.writeFall - 1)
}
