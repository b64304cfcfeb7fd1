// What the project promises, fault by fault: median write outage in milliseconds.

import type { TimingPlanName } from '../src/core/timing-plan.ts'
import type { FaultName } from './faults.ts'
import type { Summary } from './statistics.ts'

const promised: Readonly<
  Partial<Record<TimingPlanName, Readonly<Partial<Record<FaultName, number>>>>>
> = {
  fast: {
    'postmaster-kill': 600,
    'node-kill': 2000,
    'node-kill-store-leader': 2000,
    'agent-freeze': 2500,
    switchover: 500,
    'host-off': 2200,
    'host-cut': 2500,
    'proxy-kill': 1000,
    'keepalived-kill': 1500,
    'vip-host-off': 1500,
  },
  balanced: {
    'postmaster-kill': 800,
    'node-kill': 5000,
    'node-kill-store-leader': 5000,
    'agent-freeze': 6000,
    switchover: 800,
  },
}

/** A node that is back streams again within this time. */
export const rejoinTargetMs = 10_000

/** Null where nothing is promised. */
export function targetOf(plan: TimingPlanName, fault: FaultName): number | null {
  return promised[plan]?.[fault] ?? null
}

/** The worst of a series may be twice its median and a second. */
export function worstAllowed(summary: Summary): number {
  return 2 * summary.median + 1000
}
