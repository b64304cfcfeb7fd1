import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deriveTimingPlan, fenceAllowanceMs, timingPlans } from './timing-plan.ts'

const inputs = fc
  .record({
    etcdHeartbeatMs: fc.integer({ min: 20, max: 1000 }),
    electionFactor: fc.integer({ min: 5, max: 20 }),
    renewMs: fc.integer({ min: 50, max: 5000 }),
  })
  .map(({ etcdHeartbeatMs, electionFactor, renewMs }) => ({
    name: 'wan' as const,
    etcdHeartbeatMs,
    etcdElectionMs: etcdHeartbeatMs * electionFactor,
    renewMs,
  }))

describe('timing plans', () => {
  it('margin: at least 5 % of the lease, at least 100 ms, and room for fencing', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = deriveTimingPlan(input)
        expect(plan.marginMs).toBeGreaterThanOrEqual(plan.ttlMs * 0.05)
        expect(plan.marginMs).toBeGreaterThanOrEqual(100)
        expect(plan.marginMs).toBeGreaterThan(fenceAllowanceMs)
        expect(fenceAllowanceMs).toBeGreaterThanOrEqual(plan.killAfterMs)
      }),
    )
  })

  it('a holder outlives the loss of etcd leader: two elections, an attempt and a period fit', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = deriveTimingPlan(input)
        const gapMs = plan.etcdElectionMs * 2 + plan.storeAttemptMs + plan.renewMs
        expect(plan.ttlMs - plan.marginMs).toBeGreaterThan(gapMs)
      }),
    )
  })

  it('others wait at least as long as a renewal can take to be seen', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = deriveTimingPlan(input)
        expect(plan.renewMs + plan.storeAttemptMs).toBeLessThan(plan.ttlMs - plan.marginMs)
        expect(plan.storeHedgeMs).toBeLessThan(plan.storeAttemptMs)
        expect(plan.etcdElectionMs).toBeGreaterThanOrEqual(plan.etcdHeartbeatMs * 5)
      }),
    )
  })

  it('the shared address moves within the lease or 3.5 s, and not sooner than 600 ms', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { vrrpAdvertMs, ttlMs } = deriveTimingPlan(input)
        // Three adverts are missing, and a part of one that depends on the priority.
        expect(vrrpAdvertMs * 3.5).toBeLessThanOrEqual(Math.max(3500, ttlMs))
        expect(vrrpAdvertMs * 3).toBeGreaterThanOrEqual(600)
        expect(vrrpAdvertMs % 10).toBe(0)
      }),
    )
    const named = Object.values(timingPlans).map((plan) => plan.vrrpAdvertMs)
    expect(named).toEqual([250, 400, 1000])
  })

  it('the named plans are what the documentation says', () => {
    const short = Object.fromEntries(
      Object.entries(timingPlans).map(([name, plan]) => [
        name,
        [plan.renewMs, plan.ttlMs - plan.marginMs, plan.ttlMs],
      ]),
    )
    expect(short).toEqual({
      fast: [250, 1050, 1400],
      balanced: [400, 3000, 3600],
      wan: [1000, 8700, 10_200],
    })
  })
})
