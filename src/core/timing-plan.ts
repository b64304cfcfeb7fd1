// Timing plans: every interval follows from three numbers by one function, so that nobody can set two
// of them against each other. Numbers: etcd and fencing were measured, see docs/adr.

export type TimingPlanName = 'fast' | 'balanced' | 'wan'

export type TimingPlan = {
  readonly name: TimingPlanName
  /** Others may take the lease after not having seen it change for this long. */
  readonly ttlMs: number
  readonly renewMs: number
  /** The holder stops this long before the lease could be taken; covers fencing itself. */
  readonly marginMs: number
  /** SIGQUIT first, SIGKILL to what is left after this long. */
  readonly killAfterMs: number
  /** Deadline of one attempt at the store. */
  readonly storeAttemptMs: number
  /** The next endpoint is tried in addition after this long. */
  readonly storeHedgeMs: number
  readonly etcdHeartbeatMs: number
  readonly etcdElectionMs: number
  /** How long a candidate waits for seals. */
  readonly sealTimeoutMs: number
  /** The agent looks at the world at least this often. */
  readonly tickMs: number
  /** Period of the balancer's role check. */
  readonly balancerCheckMs: number
  /** Period of the adverts by which a balancer shows that it has the shared address. */
  readonly vrrpAdvertMs: number
  /** PostgreSQL's wal_retrieve_retry_interval. */
  readonly walRetrieveRetryMs: number
  /** A listed standby that stopped streaming is dropped from the list after this long. */
  readonly standbyLossMs: number
  /** A primary whose disk does not finish a write and fsync in this time is no primary. */
  readonly diskProbeMs: number
  /** Longest pause between two attempts to be elected; the real one is drawn below it. */
  readonly backoffMs: number
}

export type TimingInputs = {
  readonly name: TimingPlanName
  readonly etcdHeartbeatMs: number
  readonly etcdElectionMs: number
  readonly renewMs: number
}

/** How long fencing may take: SIGQUIT, the pause before SIGKILL, and the scheduler's delay. */
export const fenceAllowanceMs = 200

/**
 * Derives a plan. What must hold, and is tested for all inputs: the lease survives the loss of etcd's
 * leader (election time, twice, plus one attempt and one period, fits before the holder's deadline);
 * the margin is at least 5 % of the time, at least 100 ms, and leaves room for fencing.
 */
export function deriveTimingPlan(inputs: TimingInputs): TimingPlan {
  const { name, etcdHeartbeatMs, etcdElectionMs, renewMs } = inputs
  const storeAttemptMs = Math.max(200, etcdHeartbeatMs * 4)
  const survivableGapMs = etcdElectionMs * 2 + storeAttemptMs + renewMs
  const holdMs = Math.ceil((survivableGapMs * 1.06) / 50) * 50
  const marginMs = Math.max(fenceAllowanceMs + 100, Math.ceil((holdMs * 0.15) / 50) * 50 + 150)
  const ttlMs = holdMs + marginMs
  return {
    name,
    ttlMs,
    renewMs,
    marginMs,
    killAfterMs: 150,
    storeAttemptMs,
    storeHedgeMs: Math.max(70, Math.ceil(etcdHeartbeatMs * 1.4)),
    etcdHeartbeatMs,
    etcdElectionMs,
    sealTimeoutMs: Math.max(400, storeAttemptMs * 2),
    tickMs: renewMs,
    balancerCheckMs: Math.min(1000, Math.max(250, Math.ceil(renewMs * 0.6))),
    // VRRP counts in hundredths of a second. Below 200 ms a busy machine loses the address in vain.
    vrrpAdvertMs: Math.min(1000, Math.max(200, Math.ceil(renewMs / 10) * 10)),
    walRetrieveRetryMs: name === 'wan' ? 100 : 20,
    standbyLossMs: ttlMs,
    diskProbeMs: ttlMs * 2,
    backoffMs: Math.ceil(ttlMs / 2),
  }
}

export const timingPlans: Readonly<Record<TimingPlanName, TimingPlan>> = {
  fast: deriveTimingPlan({
    name: 'fast',
    etcdHeartbeatMs: 50,
    etcdElectionMs: 250,
    renewMs: 250,
  }),
  balanced: deriveTimingPlan({
    name: 'balanced',
    etcdHeartbeatMs: 100,
    etcdElectionMs: 1000,
    renewMs: 400,
  }),
  wan: deriveTimingPlan({
    name: 'wan',
    etcdHeartbeatMs: 300,
    etcdElectionMs: 3000,
    renewMs: 1000,
  }),
}
