// Random settings per seed: each seed has its own cluster, its own physics and its own few kinds of
// faults, because runs in which everything can happen reach some corners less often than narrow ones.

import type { Durability } from '../src/core/cluster-layout.ts'
import type { ClusterLayout } from '../src/core/cluster-layout.ts'
import { timingPlans } from '../src/core/timing-plan.ts'
import type { Workload } from './clients.ts'
import { faults, type FaultSettings } from './faults.ts'
import type { NetworkSettings } from './network.ts'
import { usualPhysics, type Physics, type Spread } from './physics.ts'
import type { SimRandom } from './random.ts'
import { layoutOf, topologies, type TopologyName } from './topology.ts'

export type SwarmSettings = {
  readonly topology: TopologyName
  readonly layout: ClusterLayout
  readonly physics: Physics
  readonly network: NetworkSettings
  readonly clockRates: readonly number[]
  readonly workload: Workload
  readonly faults: FaultSettings
  readonly faultsUntilMs: number
  /** A cluster that is already there, or empty disks and an empty store. */
  readonly isPrepared: boolean
  /** One node stays off for good in the second phase. */
  readonly leavesOneOff: boolean
}

const topologyWeights: Readonly<Record<TopologyName, number>> = {
  one: 1,
  'two and a witness': 4,
  three: 5,
  'three and a witness': 4,
  'four and a witness': 1,
  five: 2,
}

/** The settings of a seed. */
export function drawSwarm(random: SimRandom): SwarmSettings {
  const topology = drawTopology(random)
  const { dataCount } = topologies[topology]
  const durability = drawDurability(random)
  const plan = random.chance(0.75) ? timingPlans.fast : timingPlans.balanced
  const layout = layoutOf(topology, {
    durability,
    syncStandbys: dataCount > 2 && random.chance(0.35) ? 2 : 1,
    plan,
    noFailover: dataCount > 2 && random.chance(0.1) ? [random.below(dataCount)] : [],
  })
  const enabled = faults.filter(() => random.chance(0.45))
  return {
    topology,
    layout,
    physics: drawPhysics(random),
    network: {
      delayMs: random.pick([0.2, 0.5, 2, 8]),
      worstDelayMs: random.pick([5, 40, 200]),
      lossRate: random.chance(0.3) ? random.between(0.001, 0.08) : 0,
    },
    clockRates: layout.nodes.map(() => (random.chance(0.5) ? 1 : random.between(0.98, 1.02))),
    workload: {
      balancedCount: 1 + random.below(3),
      directCount: random.below(3),
      thinkMs: random.pick([15, 40, 100]),
    },
    faults: {
      faults: enabled.length > 0 ? enabled : faults,
      pauseMs: plan.ttlMs * random.pick([0.3, 0.7, 1.5]),
      durationMs: plan.ttlMs * random.pick([0.5, 1, 2.5]),
    },
    faultsUntilMs: plan.ttlMs * random.between(4, 9),
    isPrepared: random.chance(0.9),
    leavesOneOff: random.chance(0.3),
  }
}

function drawTopology(random: SimRandom): TopologyName {
  const names = Object.keys(topologies) as TopologyName[]
  const bag = names.flatMap((name) => Array<TopologyName>(topologyWeights[name]).fill(name))
  return random.pick(bag)
}

function drawDurability(random: SimRandom): Durability {
  const draw = random.next()
  if (draw < 0.72) return 'quorum'
  return draw < 0.87 ? 'strict' : 'async'
}

function drawPhysics(random: SimRandom): Physics {
  const isSlow = random.chance(0.3)
  const stretch = (spread: Spread): Spread =>
    isSlow
      ? { typicalMs: spread.typicalMs * random.between(1, 4), worstMs: spread.worstMs * 2 }
      : spread
  return {
    ...usualPhysics,
    fsync: stretch(usualPhysics.fsync),
    reload: stretch(usualPhysics.reload),
    promote: stretch(usualPhysics.promote),
    query: stretch(usualPhysics.query),
    storeCommit: stretch(usualPhysics.storeCommit),
    reloadStallRate: random.pick([0, 0.01, 0.1]),
    replicationTimeoutMs: random.pick([1500, 3000, 6000]),
  }
}
