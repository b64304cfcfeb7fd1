// The stories by name, and the world that each of them wants.

import { timingPlans } from '../../src/core/timing-plan.ts'
import { usualPhysics } from '../physics.ts'
import type { Scenario } from '../scenario.ts'
import type { SwarmSettings } from '../swarm.ts'
import { layoutOf } from '../topology.ts'
import { becomingPrimaryScenarios } from './becoming-primary.ts'
import { listChangeScenarios } from './list-changes.ts'
import { lostCommitScenarios } from './lost-commits.ts'
import { poisonedRecordScenarios } from './poisoned-records.ts'
import { rejoiningScenarios } from './rejoining.ts'
import { rightToWriteScenarios } from './right-to-write.ts'
import { seenCommitScenarios } from './seen-commits.ts'

export const scenarios: readonly Scenario[] = [
  ...lostCommitScenarios,
  ...seenCommitScenarios,
  ...rightToWriteScenarios,
  ...becomingPrimaryScenarios,
  ...listChangeScenarios,
  ...rejoiningScenarios,
  ...poisonedRecordScenarios,
]

/** A calm world: nothing happens in it but what the story tells. */
export function settingsOf(scenario: Scenario): SwarmSettings {
  const layout = layoutOf(scenario.topology, {
    durability: scenario.durability ?? 'quorum',
    syncStandbys: scenario.syncStandbys ?? 1,
    plan: timingPlans[scenario.plan ?? 'fast'],
    noFailover: scenario.noFailover ?? [],
  })
  return {
    topology: scenario.topology,
    layout,
    physics: { ...usualPhysics, reloadStallRate: 0, ...scenario.physics },
    network: { delayMs: 0.3, worstDelayMs: 3, lossRate: 0 },
    clockRates: scenario.clockRates ?? layout.nodes.map(() => 1),
    workload: {
      balancedCount: scenario.writers ?? 0,
      directCount: scenario.directWriters ?? 0,
      thinkMs: 30,
    },
    faults: { faults: [], pauseMs: 1e9, durationMs: 0 },
    faultsUntilMs: scenario.untilMs,
    isPrepared: true,
    leavesOneOff: false,
  }
}
